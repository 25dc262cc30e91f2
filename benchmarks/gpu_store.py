"""Generate a store with as many recordings as NTU RGB+D 60, of the same lengths and numbers of persons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from skeletonmae.files import write_text
from skeletonmae.sequences.manifest import ARRAYS, MANIFEST, Manifest, record_files
from skeletonmae.skeletons import NTU25

TWO_PERSONS = 11 / 60
"""Share of the recordings with two persons: 11 of the 60 classes."""
CHUNK_ROWS = 2**18


def write_generated_store(path: Path, num: int, device: torch.device) -> None:
    """Write a store of `num` recordings of 25 joints, all of them observed, in float16.

    Lengths are log-normal around 78 frames with sigma 0.4, clipped to 20 and 300. Each coordinate of a joint
    swings about its place with a rhythm of its own.

    Args:
        path: The folder to create.
        num: Number of recordings.
        device: Where the coordinates are computed.
    """
    rng = np.random.default_rng(0)
    frames = (78 * np.exp(0.4 * rng.standard_normal(num))).round().clip(20, 300).astype(np.int64)
    num_persons = np.where(np.arange(num) % 60 < round(60 * TWO_PERSONS), 2, 1)
    track_frames = np.repeat(frames, num_persons)
    track_rows = np.concatenate([[0], np.cumsum(track_frames)])
    num_rows, num_joints = int(track_rows[-1]), NTU25.num_joints
    names = [f"clip{number}".encode() for number in range(num)]
    arrays = {
        "track_rows": track_rows,
        "track_starts": np.zeros(len(track_frames)),
        "recordings": np.concatenate([[0], np.cumsum(num_persons)]),
        "frames": frames,
        "fps": np.full(num, 30.0),
        "labels": np.arange(num) % 60,
        "names": np.frombuffer(b"".join(names), np.uint8),
        "name_ends": np.concatenate([[0], np.cumsum([len(name) for name in names])]),
    }
    path.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array.astype(ARRAYS[name]))
    bits = np.packbits(np.ones((1, num_joints), bool), axis=1, bitorder="little")
    np.save(path / "observed.npy", np.repeat(bits, num_rows, axis=0))
    shape = (num_rows, num_joints, 3)
    positions = np.lib.format.open_memmap(path / "positions.npy", mode="w+", dtype=np.float16, shape=shape)
    generator = torch.Generator(device).manual_seed(0)
    place, rhythm, shift = (
        torch.rand(len(numbers), num_joints, 3, generator=generator, device=device)
        for numbers in (track_frames[:1], track_frames, track_frames)
    )
    for first in range(0, num_rows, CHUNK_ROWS):
        row = np.arange(first, min(first + CHUNK_ROWS, num_rows))
        track = np.searchsorted(track_rows, row, side="right") - 1
        seconds = torch.as_tensor((row - track_rows[track]) / 30, dtype=torch.float32, device=device)
        index = torch.as_tensor(track, device=device)
        swing = torch.sin(6.28 * (seconds[:, None, None] * (0.2 + rhythm[index]) + shift[index]))
        positions[row[0] : row[-1] + 1] = (place + 0.1 * swing).to(torch.float16).cpu().numpy()
    positions.flush()
    manifest = Manifest(
        skeleton=NTU25.to_dict(),
        axes=3,
        unit="m",
        dtype="float16",
        classes=tuple(f"class{number}" for number in range(60)),
        files=record_files(path),
    )
    write_text(path / MANIFEST, manifest.model_dump_json(indent=1))
