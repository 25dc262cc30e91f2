"""Measure the check `layout` on real recordings, as they are and read in wrong joint orders.

    OMP_NUM_THREADS=1 python benchmarks/layout_check.py DATA --out benchmarks/layout_check.json

DATA is a folder with one sub-folder per dataset. Each dataset is checked as a whole, and 200 of its recordings,
drawn by a seed, are checked one by one. Recordings of three axes are also checked in two, without the third. A
mistake is made by converting the recordings to one layout and giving the result the name of another, or by another
order. It is left out where recordings have fewer than 70 % of the joints of the first layout. Exchanged left and
right of the whole body is for the check `mirrored` to find, so its findings count there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae import datasets
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, Skeleton, conversion
from skeletonmae.validation.block import iter_blocks
from skeletonmae.validation.joint_order import Layout
from skeletonmae.validation.left_right import Mirrored
from skeletonmae.validation.recording_table import RecordingTable

Mistake = Callable[[SkeletonSequence, np.random.Generator], SkeletonSequence]
SETS = (
    "nw_ucla", "utd_mhad", "msr_action3d", "sbu", "kinder_gator", "bandai_namco_sample", "cmu_asfamc",
    "penn_action", "pyskl_sample",
)  # fmt: skip
ARM = ("shoulder", "elbow", "wrist", "hand", "hand_tip", "thumb")


def convert(recording: SkeletonSequence, layout: str) -> SkeletonSequence:
    if recording.skeleton.name == layout:
        return recording
    positions, observed = conversion(recording.skeleton, LAYOUTS[layout])(recording.positions, recording.observed)
    return replace(recording, positions=positions, observed=observed, skeleton=LAYOUTS[layout])


def reorder(recording: SkeletonSequence, order: np.ndarray, skeleton: Skeleton | None = None) -> SkeletonSequence:
    return replace(
        recording,
        positions=recording.positions[:, :, order],
        observed=recording.observed[:, :, order],
        skeleton=skeleton or recording.skeleton,
    )


def read_as(layout: str, other: str) -> Mistake:
    def mistake(recording: SkeletonSequence, _: np.random.Generator) -> SkeletonSequence:
        converted = convert(recording, layout)
        return reorder(converted, np.arange(converted.skeleton.num_joints), LAYOUTS[other])

    return mistake


def off_by_one(recording: SkeletonSequence, _: np.random.Generator) -> SkeletonSequence:
    return reorder(converted := convert(recording, "ntu25"), np.roll(np.arange(converted.skeleton.num_joints), 1))


def shuffled(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    converted = convert(recording, "kinect20")
    return reorder(converted, rng.permutation(converted.skeleton.num_joints))


def exchanged_arms(recording: SkeletonSequence, _: np.random.Generator) -> SkeletonSequence:
    skeleton, order = recording.skeleton, np.arange(recording.skeleton.num_joints)
    joints = [
        skeleton.index[name]
        for side in ("left", "right")
        for arm in ARM
        if (name := f"{side}_{arm}") in skeleton.index
    ]
    order[joints] = skeleton.mirror_index[joints]
    return reorder(recording, order)


def exchanged_sides(recording: SkeletonSequence, _: np.random.Generator) -> SkeletonSequence:
    return reorder(recording, recording.skeleton.mirror_index)


MISTAKES: dict[str, tuple[str | None, Mistake]] = {
    "none": (None, lambda recording, _: recording),
    "openpose25 read as openpose25b": ("openpose25", read_as("openpose25", "openpose25b")),
    "openpose25b read as openpose25": ("openpose25b", read_as("openpose25b", "openpose25")),
    "coco17 read as h36m17": ("coco17", read_as("coco17", "h36m17")),
    "kinect20 in random order": ("kinect20", shuffled),
    "ntu25 off by one": ("ntu25", off_by_one),
    "left and right arm exchanged": (None, exchanged_arms),
    "left and right exchanged": (None, exchanged_sides),
}
"""Name -> layout that the recordings are converted to, and the mistake."""
MIN_SHARE = 0.7
"""Share of the joints of that layout that the recordings must have."""


def severity(recordings: Iterable[SkeletonSequence], *, with_mirrored: bool) -> str:
    """The worst severity that the check finds: error, warning or nothing."""
    table, checks, found = RecordingTable(), (Layout(), *([Mirrored()] if with_mirrored else [])), set()
    for block in iter_blocks(recordings):
        columns: dict[str, np.ndarray] = {}
        for check in checks:
            found |= {finding.severity for finding in check.check_block(block)}
            columns |= check.measure(block)
        table.add(block, columns)
    found |= {finding.severity for check in checks for finding in check.check_all(table)}
    return "error" if "error" in found else "warning" if "warning" in found else ""


def measure(recordings: list[SkeletonSequence], name: str, seed: int, num_singles: int) -> dict[str, Any]:
    with_mirrored = name == "left and right exchanged"
    _, mistake = MISTAKES[name]
    rng = np.random.default_rng(seed)
    if name == "kinect20 in random order":  # one order for the set, and another one for each single recording
        state = rng.bit_generator.state
        changed = []
        for recording in recordings:
            rng.bit_generator.state = state
            changed.append(mistake(recording, rng))
    else:
        changed = [mistake(recording, rng) for recording in recordings]
    drawn = np.random.default_rng(seed).permutation(len(recordings))[:num_singles]
    singles = [
        severity([mistake(recordings[index], rng)], with_mirrored=with_mirrored) for index in drawn.tolist()
    ]
    return {
        "mistake": name,
        "set": severity(changed, with_mirrored=with_mirrored),
        "singles": len(singles),
        "errors": singles.count("error"),
        "warnings": singles.count("warning"),
    }


def has_layout(recordings: list[SkeletonSequence], layout: str | None) -> bool:
    share = [convert(one, layout).observed.any((0, 1)).mean() for one in recordings[:20]] if layout else [1.0]
    return bool(np.mean(share) >= MIN_SHARE)


def read(name: str, data: Path) -> list[SkeletonSequence]:
    dataset = datasets.DATASETS.get(name, datasets.FOLDER)
    everything = datasets.read_all(dataset, data / name)
    return [one for one in everything if isinstance(one, SkeletonSequence) and one.observed.any()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--datasets", nargs="*", default=SETS, help="names of the datasets and of their sub-folders"
    )
    parser.add_argument("--singles", type=int, default=200, help="recordings that are checked one by one")
    parser.add_argument("--max-recordings", type=int, default=300, help="recordings of a set in a wrong order")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.datasets:
        recordings = read(name, arguments.data)
        flat = [replace(one, positions=np.ascontiguousarray(one.positions[..., :2])) for one in recordings]
        for axes, of_set in ((3, recordings), (2, flat)):
            if axes > recordings[0].positions.shape[3]:
                continue
            for mistake, (layout, _) in MISTAKES.items():
                if not has_layout(of_set, layout):
                    continue
                used = of_set if mistake == "none" else of_set[: arguments.max_recordings]
                row = {"dataset": name, "axes": axes, "recordings": len(used)}
                rows.append(row | measure(used, mistake, arguments.seed, arguments.singles))
                print(json.dumps(rows[-1]), flush=True)
    arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
