"""Prepare what the shipped encoders are trained on: lists of what is left out, and stores of the rest.

    python scripts/encoder_pool.py lists     # recipes/encoders/left_out/*.txt, from the prepared stores
    python scripts/encoder_pool.py stores    # stores/pool/*, from the prepared stores and the lists

The stores of the pool hold only what may be trained on: the training side of each dataset, without recordings of
which a test side shows a copy. Two datasets are left out completely, so that an encoder is tested on recordings
and joints that it has never seen. Motion capture is thinned to 30 frames per second and cut into pieces of a few
seconds. The stores are in half precision and together smaller than 48 MiB, without the synthetic motion, which can
be made anywhere.

The prepared stores lie in one folder, by default `stores`, under the names of `SOURCES` and `UNSEEN`:

    skeletonmae prepare data/cmu_asfamc stores/cmu --fps 120 --dtype float16
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skeletonmae.datasets import DATASETS, SYNTHETIC, prepare
from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.validation.block import iter_blocks
from skeletonmae.validation.near_duplicates import ContentIndex, find_copies

ROOT = Path(__file__).resolve().parents[1]
LISTS = ROOT / "recipes" / "encoders" / "left_out"
MAX_FPS = 30.0
MAX_BYTES = 48 * 2**20
NUM_SYNTHETIC = 4000


class PoolSource(NamedTuple):
    """A prepared store, and what of it the pool has.

    Args:
        split: Name of the split whose training side is used; empty uses everything.
        max_seconds: Longest piece; a longer recording is cut into pieces of equal length. None cuts nothing.
        every: Of each class and style, every so many recordings are used, in the order of their names.
    """

    split: str = ""
    max_seconds: float | None = None
    every: int = 1


SOURCES = {
    "nw_ucla": PoolSource("view"),
    "utd_mhad": PoolSource("subject"),
    "kinder_gator": PoolSource("subject"),
    "msr_action3d": PoolSource("subject"),
    "penn_action": PoolSource("given"),
    "bandai_namco": PoolSource(max_seconds=5.0, every=2),
    "cmu": PoolSource(max_seconds=5.0),
}
"""Stores that the encoders are trained on."""
UNSEEN = ("sbu", "pyskl_sample")
"""Stores that they are only tested on, with all recordings."""


def write_lists(stores: Path, folder: Path = LISTS) -> dict[str, list[str]]:
    """Write the names of the training recordings of which a test side shows a copy, one list for each source.

    A copy has equal coordinates, shares frames, or is nearly the same, perhaps mirrored, as `skeletonmae validate`
    finds it; sources are also compared with the test sides of each other.

    Args:
        stores: Folder of the prepared stores.
        folder: Where to write the lists, one name a line; a source without such recordings gets no list.
    """
    tests, names = ContentIndex(), {}
    num_tests = 0
    for name in (*SOURCES, *UNSEEN):
        store = SequenceStore.open(stores / name)
        index = np.arange(len(store)) if name in UNSEEN else _sides(store, SOURCES[name])[1]
        num_tests += _add(tests, (store[number] for number in index))
    for name, source in SOURCES.items():
        store = SequenceStore.open(stores / name)
        index, contents = _sides(store, source)[0], ContentIndex()
        _add(contents, (store[number] for number in index))
        matches = find_copies(contents, np.arange(len(index)), tests, np.arange(num_tests))
        names[name] = sorted(store.name(index[match.index]) for match in matches)
        file = folder / f"{name}.txt"
        file.unlink(missing_ok=True)
        if names[name]:
            write_text(file, "\n".join(names[name]) + "\n")
    return names


def write_stores(stores: Path, out: Path, lists: Path = LISTS, num_synthetic: int = NUM_SYNTHETIC) -> None:
    """Write the stores of the pool; one that exists is kept.

    Args:
        stores: Folder of the prepared stores.
        out: Folder of the stores of the pool.
        lists: Folder of the lists of what is left out.
        num_synthetic: Number of synthetic recordings.

    Raises:
        InputError: They are too large.
    """
    for name, source in SOURCES.items():
        if not (out / name).exists():
            file = lists / f"{name}.txt"
            left_out = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            _write_store(SequenceStore.open(stores / name), source, frozenset(left_out), out / name)
    num_bytes = sum(file.stat().st_size for name in SOURCES for file in (out / name).iterdir())
    if num_bytes > MAX_BYTES:
        raise InputError("the stores of the pool are too large", where=out, expected=MAX_BYTES, got=num_bytes)
    if not (out / "synthetic").exists():
        write_synthetic(out / "synthetic", num_synthetic)


def write_synthetic(out: Path, num_recordings: int) -> None:
    """Write a store of synthetic motion, the same on every machine."""
    dataset = replace(SYNTHETIC, num_recordings=num_recordings)
    prepare(dataset, Path("synthetic"), out, dtype="float16")


def _write_store(store: SequenceStore, source: PoolSource, left_out: frozenset[str], out: Path) -> None:
    index = _sides(store, source)[0]
    if unknown := left_out - {store.name(number) for number in index}:
        raise InputError("the list names recordings that the training side lacks", got=", ".join(sorted(unknown)))
    index = np.array(
        [number for number in index if store.name(number) not in left_out and store.num_persons[number]]
    )
    with StoreWriter(
        out, store.skeleton, axes=store.axes, unit=store.unit, dataset=store.datasets[0], dtype="float16"
    ) as writer:
        for number in _every(store, index, source.every):
            for piece in cut(thin(store[number], MAX_FPS), source.max_seconds):
                writer.add(replace(piece, label=None))


def thin(recording: SkeletonSequence, max_fps: float) -> SkeletonSequence:
    """Return every n-th frame of a recording, for the smallest n with which its rate is about `max_fps` or less.

    Rates are rounded in files, so one that is up to 1 % higher is accepted.
    """
    if recording.fps is None:
        return recording
    step = max(1, int(np.ceil(recording.fps / max_fps - 0.01)))
    return replace(
        recording,
        positions=recording.positions[:, ::step],
        observed=recording.observed[:, ::step],
        fps=recording.fps / step,
    )


def cut(recording: SkeletonSequence, max_seconds: float | None) -> Iterator[SkeletonSequence]:
    """Cut a recording into the fewest pieces of equal length that are not longer than `max_seconds`."""
    if max_seconds is None or recording.fps is None:
        yield recording
        return
    num_pieces = max(1, int(np.ceil(recording.num_frames / (max_seconds * recording.fps) - 1e-6)))
    bounds = np.linspace(0, recording.num_frames, num_pieces + 1).round().astype(int)
    for number, (start, end) in enumerate(pairwise(bounds)):
        name = recording.name if num_pieces == 1 else f"{recording.name}, piece {number + 1} of {num_pieces}"
        positions, observed = recording.positions[:, start:end], recording.observed[:, start:end]
        yield replace(recording, name=name, positions=positions, observed=observed)


def _sides(store: SequenceStore, source: PoolSource) -> tuple[np.ndarray, np.ndarray]:
    """Return the recordings that may be trained on, and those of the test side."""
    if not source.split:
        return np.arange(len(store)), np.arange(0)
    rule = DATASETS[store.datasets[0]].splits[source.split]
    rule = rule.rule(store) if hasattr(rule, "rule") else rule
    return rule.pretrain_index(store), rule.sides(store).test


def _every(store: SequenceStore, index: np.ndarray, every: int) -> np.ndarray:
    """Return every so many recordings of each class and style, in the order of the store."""
    if every == 1:
        return index
    kept: list[int] = []
    groups: dict[tuple[str | None, str], list[int]] = {}
    for number in index.tolist():
        recording = store[number]
        groups.setdefault((recording.label, recording.tags.get("style", "")), []).append(number)
    for members in groups.values():
        kept += sorted(members, key=store.name)[::every]
    return np.array(sorted(kept))


def _add(contents: ContentIndex, recordings: Iterable[SkeletonSequence]) -> int:
    count = 0
    for block in iter_blocks(recordings):
        contents.add(block)
        count += len(block.recordings)
    return count


def main() -> int:
    """Read the command line, and write the lists or the stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("lists", "stores", "synthetic"))
    parser.add_argument("--stores", type=Path, default=Path("stores"), help="folder of the prepared stores")
    options = parser.parse_args()
    try:
        if options.what == "lists":
            for name, left_out in write_lists(options.stores).items():
                print(f"{name}: {len(left_out)} recordings are left out")
        elif options.what == "stores":
            write_stores(options.stores, options.stores / "pool")
        else:
            write_synthetic(options.stores / "pool" / "synthetic", NUM_SYNTHETIC)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
