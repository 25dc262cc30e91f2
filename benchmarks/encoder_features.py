"""The frozen features of an encoder, of the same network untrained, and the coordinates, each computed once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache as remember
from pathlib import Path

import numpy as np
import ridge
import torch

import skeletonmae
from skeletonmae import SkeletonEncoder
from skeletonmae.encoders.identity import network_checksum, weights_checksum
from skeletonmae.errors import InputError
from skeletonmae.files import atomic_file
from skeletonmae.methods import Pooling
from skeletonmae.sequences import SequenceStore

RIDGE, UNTRAINED = "ridge", "untrained "
"""The coordinates as features; beginning of the name of an encoder whose weights are random."""


def read(
    name: str, store: SequenceStore, cache: Path, time_parts: int = 1, pooling: Pooling = "parts"
) -> np.ndarray:
    """Return the features of all recordings of a store, `(recording, feature)`; zeros where there are none.

    Args:
        name: Name or path of an encoder, `untrained NAME`, or `ridge` for the coordinates.
        store: The recordings.
        cache: Folder of computed features.
        time_parts: Parts of time that are averaged separately.
        pooling: What the features are the mean of.

    Raises:
        InputError: The encoder does not read this store.
    """
    if name == RIDGE:
        return ridge.read_features(store, np.arange(len(store)))
    encoder = load(name)
    weights = hashlib.sha256()
    for tensor in encoder.checkpoint.method.state_dict().values():
        weights.update(np.ascontiguousarray(tensor.float().numpy()).tobytes())
    header = encoder.checkpoint.header
    key = f"{weights.hexdigest()}{header.clips}{header.method}{store.fingerprint}{time_parts}"
    key += f"{pooling}{code_checksum(Path(skeletonmae.__file__).parent, Path(__file__))}"
    file = cache / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"
    if not file.exists():
        features = compute(encoder, store, time_parts, pooling)
        with atomic_file(file) as temporary, temporary.open("wb") as stream:
            np.save(stream, features)
    return np.load(file)


@remember
def code_checksum(*places: Path) -> str:
    """Return a checksum of Python files, each of which may change the features.

    It is computed once in a process, which imports a module once.

    Args:
        places: Files, and folders of packages.
    """
    code = hashlib.sha256()
    for place in places:
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            code.update(f"{file.relative_to(place.parent).as_posix()}\n".encode())
            code.update(hashlib.sha256(file.read_bytes()).digest())
    return code.hexdigest()


def identity(name: str) -> dict[str, str]:
    """Return what tells which encoder a row of results belongs to, as fields of the row.

    These are `weights`, the SHA-256 of the file, or `network`, the checksum of the settings of a network with
    random weights (`network_checksum`); nothing for the coordinates.

    Args:
        name: As for `read`.
    """
    if name == RIDGE:
        return {}
    checkpoint = load(name).checkpoint
    if name.startswith(UNTRAINED):
        return {"network": network_checksum(checkpoint.header)}
    assert checkpoint.path is not None
    return {"weights": weights_checksum(checkpoint.path)}


def load(name: str) -> SkeletonEncoder:
    """Return an encoder, or `untrained NAME`."""
    encoder = SkeletonEncoder.from_pretrained(name.removeprefix(UNTRAINED), device="cpu")
    return untrained(encoder) if name.startswith(UNTRAINED) else encoder


def untrained(encoder: SkeletonEncoder, seed: int = 0) -> SkeletonEncoder:
    """Return the same network with random weights."""
    header = encoder.checkpoint.header
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        method = header.method.build(header.spec, header.masking)
    return replace(encoder, checkpoint=replace(encoder.checkpoint, model=method.eval()), card="")


def compute(
    encoder: SkeletonEncoder, store: SequenceStore, time_parts: int, pooling: Pooling = "parts"
) -> np.ndarray:
    """Return the features of all recordings; zeros where nothing is observed."""
    if time_parts > 1:
        return _parts_of_time(encoder, store, time_parts)
    embeddings = encoder.embed(store, pooling=pooling)
    names = {store.name(index): index for index in range(len(store))}
    features = np.zeros((len(store), embeddings.features.shape[1]), np.float32)
    features[[names[name] for name in embeddings.names]] = embeddings.features
    return features


@torch.inference_mode()
def _parts_of_time(encoder: SkeletonEncoder, store: SequenceStore, time_parts: int) -> np.ndarray:
    header, method = encoder.checkpoint.header, encoder.checkpoint.method
    loader = header.clips.loader(store, np.arange(len(store)), batch_size=64)
    rows = [method.embed(batch, "parts", time_parts=time_parts).float().numpy() for batch in loader.epoch()]
    features = np.concatenate(rows)
    return np.where(np.isfinite(features), features, 0)


def is_read(name: str, store: SequenceStore) -> bool:
    """Return whether an encoder has features of a store's recordings."""
    if name == RIDGE:
        return True
    try:
        load(name).embed(store[0])
    except InputError:
        return False
    return True
