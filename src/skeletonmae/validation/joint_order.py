"""Joints that are not in the order of the layout, shown by evidence that no pose explains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from skeletonmae.skeletons import Skeleton
from skeletonmae.validation.anatomy import (
    HIPS,
    SHOULDERS,
    body_bones,
    is_full_body,
    mean_per_recording,
)
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock, distance
from skeletonmae.validation.bone_tree import excess_length
from skeletonmae.validation.finding import Finding, Severity
from skeletonmae.validation.recording_table import RecordingTable

LIMBS = (
    (("shoulder",), ("elbow",)),
    (("elbow",), ("wrist", "hand")),
    (("hip",), ("knee",)),
    (("knee",), ("ankle", "foot")),
)
"""The joints at both ends of each limb; of several, the first that the layout has."""
MIN_LIMB_PAIRS = 2
"""Pairs of limbs that must be observed for their lengths to count."""
MAX_DISORDER: dict[int, dict[Severity, float]] = {
    3: {"warning": 0.7, "error": 0.9},
    2: {"warning": 1.5, "error": 2.0},
}
"""Largest disorder of one recording, by number of axes. Projection shortens bones."""
MIN_RECORDINGS_2D, MAX_MEDIAN_DISORDER_2D = 10, 1.0
"""Recordings of two axes over which foreshortened bones average out, and their largest median disorder."""
MAX_SIDE_RATIO: dict[int, float] = {3: 1.05, 2: 1.15}
"""Largest ratio of the distances from shoulder to hip on one side to those across, by number of axes."""
MAX_BONE_LENGTH = 2.2
"""Largest length of a bone in one recording, in body sizes."""
ADVICE = (
    "choose the format or layout that the files were written in (--format, --layout) or reorder the joints, and "
    "look at a --picture"
)


class Layout(Check):
    """Joints in another order than that of the layout.

    Two measurements depend neither on the pose nor on scale and orientation. The bones of a body, however it is
    folded, are together at most half as long again as the shortest tree that connects the same joints. In another
    order they cross the body and are 2 to 4 times as long. And limbs are equally long on both sides. The disorder
    is the excess length over the shortest tree, plus the logarithm of the length ratio of left and right limbs
    (median over upper arms, forearms, thighs and shins). In two axes, bones that point at the camera are shorter,
    so one recording proves less than ten. `benchmarks/layout_check.py` measures it.

    Each shoulder is also closer to the hip of its own side than to the other one, which no twist of the trunk
    changes. If not, the arms or the legs have exchanged sides. If all joints have, see `mirrored`.

    One recording is a warning, as tracking may have failed; it is an error if most recordings show it.
    """

    name = "layout"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per track in another order, or with a bone that is too long for its body."""
        if not is_full_body(block.skeleton):
            return
        excess, difference = excess_length(block), limb_difference(block)
        is_disordered = excess + difference > MAX_DISORDER[block.num_axes]["warning"]
        side_ratio = same_side_ratio(block)
        relative = _relative_lengths(block)
        for track in range(len(block.track_starts)):
            if is_disordered[track]:
                message = f"the joints are hardly in the order of {block.skeleton.name}: "
                message += _describe(excess[track], difference[track])
                yield self.track_finding(block, track, "warning", message)
            elif side_ratio[track] > MAX_SIDE_RATIO[block.num_axes]:
                message = (
                    "the shoulders are closer to the hips of the other side: arms or legs have exchanged sides"
                )
                yield self.track_finding(block, track, "warning", message)
            elif (relative[track] > MAX_BONE_LENGTH).any():
                bone = int(np.nanargmax(relative[track]))
                joint, parent = block.skeleton.bones[bone]
                length = f"{relative[track, bone]:.1f} body sizes long"
                message = (
                    f"the bone {joint} to {parent} is {length}, more than any pose explains ({MAX_BONE_LENGTH})"
                )
                joints = np.array([block.skeleton.index[joint]])
                yield self.joint_finding(block, track, "warning", message, joints)

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:
        """Measure excess length, limb difference and side ratio; NaN where they are undetermined."""
        columns = {
            name: np.full(len(block.recordings), np.nan)
            for axes in (2, 3)
            for name in (f"excess length {axes}", f"limb difference {axes}", f"side ratio {axes}")
        }
        if is_full_body(block.skeleton):
            axes = block.num_axes
            columns[f"excess length {axes}"] = mean_per_recording(block, excess_length(block))
            columns[f"limb difference {axes}"] = mean_per_recording(block, limb_difference(block))
            columns[f"side ratio {axes}"] = mean_per_recording(block, same_side_ratio(block))
        return columns

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one error if most recordings are in another order, or have exchanged arms or legs."""
        for axes in (2, 3):
            excess, difference = table.column(f"excess length {axes}"), table.column(f"limb difference {axes}")
            disorder = excess + difference
            num_known = int(np.isfinite(disorder).sum())
            many = axes == 2 and num_known >= MIN_RECORDINGS_2D
            limit = MAX_MEDIAN_DISORDER_2D if many else MAX_DISORDER[axes]["error"]
            if num_known and np.nanmedian(disorder) > limit:
                evidence = _describe(float(np.nanmedian(excess)), float(np.nanmedian(difference)))
                message = (
                    f"the joints are not in the order of the layout: in the median of {num_known} recordings, "
                )
                yield self.finding(
                    "error", f"{message}{evidence}; {ADVICE}", recordings=int((disorder > limit).sum())
                )
                continue
            side_ratio = table.column(f"side ratio {axes}")
            side_ratio = side_ratio[np.isfinite(side_ratio)]
            can_decide = len(side_ratio) >= (MIN_RECORDINGS_2D if axes == 2 else 1)
            if can_decide and np.median(side_ratio) > MAX_SIDE_RATIO[3]:
                message = (
                    "the shoulders are closer to the hips of the other side: left and right of the arms or of the "
                    f"legs are exchanged; {ADVICE}"
                )
                count = int((side_ratio > MAX_SIDE_RATIO[3]).sum())
                yield self.finding("error", message, recordings=count)


def limb_difference(block: RecordingBlock) -> Float[np.ndarray, " track"]:
    """Absolute logarithm of the length ratio of left and right limbs, median over limbs; 0 where undetermined."""
    differences = []
    for limb in LIMBS:
        ends = [_limb_ends(block.skeleton, side, limb) for side in ("left", "right")]
        if None in ends:
            continue
        left, right = (_mean_length(block, *end) for end in ends if end is not None)
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = np.abs(np.log(left / right))
        differences.append(np.where(np.isfinite(difference), difference, np.nan))
    if len(differences) < MIN_LIMB_PAIRS:
        return np.zeros(len(block.track_starts))
    values = np.array(differences)
    is_known = np.isfinite(values).sum(0) >= MIN_LIMB_PAIRS
    median: np.ndarray = np.nanmedian(np.where(is_known, values, 0), axis=0)
    return median


def same_side_ratio(block: RecordingBlock) -> Float[np.ndarray, " track"]:
    """Ratio of the mean distances from shoulder to hip on one side to those across; NaN where undetermined."""
    index = block.skeleton.index
    shoulders, hips = [index[name] for name in SHOULDERS], [index[name] for name in HIPS]
    same = [_mean_length(block, *pair) for pair in zip(shoulders, hips, strict=True)]
    across = [_mean_length(block, *pair) for pair in zip(shoulders, hips[::-1], strict=True)]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: np.ndarray = (same[0] + same[1]) / (across[0] + across[1])
    return ratio


def _describe(excess: float, difference: float) -> str:
    limbs = f" and left and right limbs differ by a factor of {np.exp(difference):.1f}" if difference > 0.3 else ""
    return (
        f"the bones are {1 + excess:.1f} times as long as the shortest tree that connects the joints "
        f"(1.0 to 1.5 in every pose){limbs}"
    )


def _relative_lengths(block: RecordingBlock) -> Float[np.ndarray, "track bone"]:
    """Mean length of each bone of the body, in body sizes; NaN where it was never observed."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative: np.ndarray = block.bones[0] / block.body_size[:, None]
    return np.where(np.isfinite(relative) & body_bones(block.skeleton), relative, np.nan)


def _limb_ends(skeleton: Skeleton, side: str, limb: tuple[tuple[str, ...], ...]) -> tuple[int, int] | None:
    ends = [
        [skeleton.index[f"{side}_{name}"] for name in end if f"{side}_{name}" in skeleton.index] for end in limb
    ]
    return (ends[0][0], ends[1][0]) if all(ends) else None


def _mean_length(block: RecordingBlock, joint: int, other: int) -> Float[np.ndarray, " track"]:
    """Mean distance of two joints over the rows of each track that show both; NaN if none does."""
    both = block.observed[:, joint] & block.observed[:, other]
    length = distance(block.positions[:, joint], block.positions[:, other]).astype(np.float64) * both
    return block.mean_per_track(length, both)
