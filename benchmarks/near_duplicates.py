"""Measure the search for near-duplicates over values of each of its constants.

    OMP_NUM_THREADS=1 python benchmarks/near_duplicates.py DATA --dataset utd_mhad --out results.json

DATA is a folder with one sub-folder per dataset. Each change is applied to recordings of at least 20 frames, drawn
by chance, and the search looks for their copies among the copies of all of them. Two numbers are counted: the
recordings that are matched with their own copy, and the false matches. A match is false if it names another
recording's copy, or if it says that two different recordings of the dataset are nearly the same. Recordings that
equal another one to the last bit, or share frames with it, are left out of the second count.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae import datasets
from skeletonmae.datasets import RecordingConverter
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17
from skeletonmae.validation.block import iter_blocks
from skeletonmae.validation.near_duplicates import (
    ContentIndex,
    content_index,
    distance_series,
    hashes,
    search,
)

Recordings = list[SkeletonSequence]
Change = Callable[[SkeletonSequence], SkeletonSequence]
MODULES = (distance_series, hashes, content_index, search)
VALUES: dict[str, tuple[Any, ...]] = {
    "SKETCH_SIZE": (4, 8, 16, 32),
    "MIN_SHARED_FRAMES": (1, 2, 4, 8),
    "NUM_SAMPLES": (20, 40, 80),
    "RESOLUTION": (1 / 12, 1 / 24, 1 / 48, 1 / 96),
    "MIN_FRAMES": (2, 5, 10),
    "NUM_NEIGHBORS": (2, 4, 8, 16),
    "MIN_COMMON_PAIRS": (4, 8, 12),
    "MIN_OVERLAP": (0.3, 0.6, 0.8),
    "MOTION_OFFSET": (0.0, 0.01, 0.02, 0.04),
    "MAX_COARSE_DIFFERENCE": (0.25, 0.5, 1.0),
    "MAX_NOISY_DIFFERENCE": (0.1, 0.2, 0.4),
    "MAX_DIFFERENCE": (0.02, 0.03, 0.04, 0.05, 0.06, 0.08),
    "START_OFFSET": (0, 2, 4, 8),
    "NUM_ITERATIONS": (0, 2, 5, 10),
    "MAX_LAG": (1, 2, 3, 5),
}
"""Values of each constant; the others keep theirs."""


def of_positions(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    def apply(recording: SkeletonSequence) -> SkeletonSequence:
        positions = np.where(recording.observed[..., None], change(recording.positions), 0)
        return replace(recording, positions=positions.astype(np.float32))

    return apply


def trim(fraction: float) -> Change:
    def apply(recording: SkeletonSequence) -> SkeletonSequence:
        cut = max(1, round(fraction * recording.num_frames))
        kept = slice(cut, recording.num_frames - cut)
        return replace(recording, positions=recording.positions[:, kept], observed=recording.observed[:, kept])

    return apply


def resample(factor: float) -> Change:
    """Change the frame rate by linear interpolation."""

    def apply(recording: SkeletonSequence) -> SkeletonSequence:
        time = np.arange(0, recording.num_frames - 1, 1 / factor)
        time = time[time < recording.num_frames - 1]
        before, weight = time.astype(int), (time % 1)[:, None, None]
        positions = (
            recording.positions[:, before] * (1 - weight) + recording.positions[:, before + 1] * weight
        ).astype(np.float32)
        observed = recording.observed[:, before] & recording.observed[:, before + 1]
        return replace(recording, positions=np.where(observed[..., None], positions, 0), observed=observed)

    return apply


def rotate(degrees: float) -> Change:
    def change(positions: np.ndarray) -> np.ndarray:
        sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
        if positions.shape[-1] == 2:
            return positions @ np.array([[cosine, sine], [-sine, cosine]], np.float32)
        return positions @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]], np.float32)

    return of_positions(change)


def mirror(recording: SkeletonSequence) -> SkeletonSequence:
    index = recording.skeleton.mirror_index
    positions = recording.positions[:, :, index] * np.array([-1, 1, 1][: recording.positions.shape[3]], np.float32)
    return replace(recording, positions=positions, observed=recording.observed[:, :, index])


def noise(body_sizes: float) -> Change:
    def apply(recording: SkeletonSequence) -> SkeletonSequence:
        (block,) = iter_blocks([recording])
        rng = np.random.default_rng(zlib.crc32(recording.name.encode()))
        deviation = body_sizes * float(block.body_size.mean())
        return of_positions(lambda positions: positions + rng.normal(0, deviation, positions.shape))(recording)

    return apply


def chain(*changes: Change) -> Change:
    def apply(recording: SkeletonSequence) -> SkeletonSequence:
        for change in changes:
            recording = change(recording)
        return recording

    return apply


CHANGES: dict[str, Change] = {
    "half the frames": lambda recording: replace(
        recording, positions=recording.positions[:, ::2], observed=recording.observed[:, ::2]
    ),
    "a quarter removed at each end": trim(0.25),
    "rotated": rotate(30),
    "scaled": of_positions(lambda positions: 1.3 * positions),
    "mirrored": mirror,
    "noise of 0.006 body sizes": noise(0.006),
    "noise of 0.02 body sizes": noise(0.02),
    "resampled by 0.7": resample(0.7),
    "rotated, trimmed by 5 %": chain(rotate(30), trim(0.05)),
    "mirrored, coco17, resampled by 1.3": chain(mirror, RecordingConverter(COCO17), resample(1.3)),
}


@contextmanager
def constants(**values: Any) -> Iterator[None]:
    """Set constants in all modules that have them."""
    before = [
        (module, name, getattr(module, name)) for module in MODULES for name in values if hasattr(module, name)
    ]
    before += [(search, "LAST", search.LAST), (search, "TIME", search.TIME)]
    for module in MODULES:
        for name, value in values.items():
            if hasattr(module, name):
                setattr(module, name, value)
    search.LAST = search.NUM_SAMPLES - 1
    search.TIME = np.arange(search.NUM_SAMPLES) - search.LAST / 2
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def contents(recordings: Recordings) -> ContentIndex:
    index = ContentIndex()
    for block in iter_blocks(recordings):
        index.add(block)
    return index


def read(name: str, root: Path, seed: int = 0) -> Recordings:
    """Read a dataset in random order, without the recordings of it that copy another one."""
    dataset = datasets.DATASETS.get(name, datasets.FOLDER)
    recordings = [recording for file in dataset.files(root) for recording in dataset.read(file, root)]
    order = np.random.default_rng(seed).permutation(len(recordings))
    recordings = [recordings[index] for index in order if recordings[index].observed.any()]
    everything, index = contents(recordings), np.arange(len(recordings))
    copies = {m.index for m in search.find_copies(everything, index, everything, index) if m.kind != "near"}
    return [recording for number, recording in enumerate(recordings) if number not in copies]


def measure(
    queries: Recordings, copies: dict[str, Recordings], distinct: Recordings, prefix: str | None
) -> dict[str, Any]:
    """Count right and false matches with the constants as they are."""
    index, query_contents = np.arange(len(queries)), contents(queries)
    right, false = {}, 0
    for change, changed in copies.items():
        matches = search.find_copies(query_contents, index, contents(changed), np.arange(len(changed)))
        right[change] = sum(match.index == match.other_index for match in matches)
        false += sum(match.index != match.other_index for match in matches)
    everything, all_index = contents(distinct), np.arange(len(distinct))
    matches = search.find_copies(everything, all_index, everything, all_index)
    names = [{distinct[match.index].name, distinct[match.other_index].name} for match in matches]
    partners = sum(prefix is not None and {prefix + name for name in pair} & pair != set() for pair in names)
    return {
        "right": right,
        "wrong_copy": false,
        "distinct_reported": len(matches) - partners,
        "partners_reported": partners,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--dataset", required=True, help="name of the dataset and of its sub-folder")
    parser.add_argument("--queries", type=int, default=60, help="recordings that are copied")
    parser.add_argument("--distinct", type=int, default=300, help="different recordings that are compared")
    parser.add_argument("--partner-prefix", help="prefix of the name of a recording's mirror image in the dataset")
    parser.add_argument("--constants", nargs="*", default=list(VALUES), help="constants to vary")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()
    recordings = read(arguments.dataset, arguments.data / arguments.dataset)
    queries = [recording for recording in recordings if recording.num_frames >= 20][: arguments.queries]
    copies = {name: [change(recording) for recording in queries] for name, change in CHANGES.items()}
    distinct = recordings[: arguments.distinct]
    rows = [{"constant": "", "value": "", **measure(queries, copies, distinct, arguments.partner_prefix)}]
    for name in arguments.constants:
        current = next(getattr(module, name) for module in MODULES if hasattr(module, name))
        for value in VALUES[name]:
            if value != current:
                with constants(**{name: value}):
                    rows.append(
                        {
                            "constant": name,
                            "value": value,
                            **measure(queries, copies, distinct, arguments.partner_prefix),
                        }
                    )
                print(json.dumps(rows[-1]), flush=True)
    result = {"dataset": arguments.dataset, "queries": len(queries), "distinct": len(distinct), "rows": rows}
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
