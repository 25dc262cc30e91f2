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
from skeletonmae.validation.finding import Finding
from skeletonmae.validation.recording_table import RecordingTable

LIMBS: tuple[tuple[tuple[str, ...], tuple[str, ...], float], ...] = (
    (("shoulder",), ("elbow",), 0.28),
    (("elbow",), ("wrist", "hand"), 0.25),
    (("hip",), ("knee",), 0.42),
    (("knee",), ("ankle", "foot"), 0.41),
)
"""The joints at both ends of each limb, of several the first that the layout has, and its length in an adult."""
SHOULDER_WIDTH, TRUNK_LENGTH = 0.34, 0.5
"""The same for both shoulders, and for shoulder and hip."""
MIN_LIMB_PAIRS = 2
"""Pairs of limbs that must be observed for their lengths to count."""
EXCESS_WEIGHT: dict[int, float] = {3: 0.5, 2: 1.0}
"""Weight of the excess length in the disorder, by number of axes."""
MAX_DISORDER: dict[int, float] = {3: 0.55, 2: 0.9}
"""Largest disorder of one recording, by number of axes."""
MAX_MEDIAN_DISORDER: dict[int, float] = {3: 0.75, 2: 0.7}
"""Largest median over recordings, by number of axes."""
MIN_RECORDINGS_2D, MAX_EXCESS_2D = 10, 1.3
"""Recordings of two axes over which shortened bones average out; of fewer, only this excess length is an error."""
MAX_SIDE_RATIO: dict[int, float] = {3: 1.05, 2: 1.15}
"""Largest ratio of the distances from shoulder to hip on one side to those across, by number of axes."""
MIN_OBSERVED = 0.5
"""Share of the joints that must be observed to compare a bone with the body."""
MAX_BONE_LENGTH = 2.2
"""Largest length of a bone in one recording, in body sizes."""
ADVICE = (
    "choose the format or layout that the files were written in (--format, --layout) or reorder the joints, and "
    "look at a --picture"
)


class Layout(Check):
    """Joints in another order than that of the layout.

    The disorder is the sum of two measurements that do not depend on scale, place and orientation. The first is
    how much longer the bones are than the shortest tree that connects the same joints: up to 0.3 in three axes,
    more only in a body that is curled up, and 0.4 to 2.5 in another order, where bones cross the body. It counts
    half, so that no pose suffices. The second is how far the lengths of the limbs differ between left and right
    and from the proportions of an adult, which no pose changes: up to 0.4, and 0.2 to 2 in another order. In 4,400
    real recordings the disorder is at most 0.45; in other orders it is at least 0.75.

    In two axes a bone that points at the camera is short. There, limbs are only compared between left and right,
    the median over 10 recordings or more must show another order, and few recordings rarely prove it.
    `benchmarks/layout_check.py` measures all this.

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
        is_disordered = EXCESS_WEIGHT[block.num_axes] * excess + difference > MAX_DISORDER[block.num_axes]
        side_ratio = same_side_ratio(block)
        relative = _relative_lengths(block)
        for track in range(len(block.track_starts)):
            if is_disordered[track]:
                evidence = _describe(excess[track], difference[track])
                message = f"{evidence}; tracking failed, or its joints are not in the order of the layout"
                yield self.track_finding(block, track, "warning", message)
            elif side_ratio[track] > MAX_SIDE_RATIO[block.num_axes]:
                message = (
                    "the shoulders are closer to the hips of the other side: tracking failed, or arms or legs "
                    "have exchanged sides"
                )
                yield self.track_finding(block, track, "warning", message)
            elif (relative[track] > MAX_BONE_LENGTH).any():
                bone = int(np.nanargmax(relative[track]))
                joint, parent = block.skeleton.bones[bone]
                length = f"{relative[track, bone]:.1f} body sizes long"
                message = f"the bone {joint} to {parent} is {length}, more than in any pose; tracking failed"
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
            disorder = EXCESS_WEIGHT[axes] * excess + difference
            num_known = int(np.isfinite(disorder).sum())
            evidence, limit = disorder, MAX_MEDIAN_DISORDER[axes]
            count = int((disorder > min(limit, MAX_DISORDER[axes])).sum())
            if axes == 2 and num_known < MIN_RECORDINGS_2D:
                evidence, limit = excess, MAX_EXCESS_2D
            if num_known and np.nanmedian(evidence) > limit:
                medians = _describe(float(np.nanmedian(excess)), float(np.nanmedian(difference)))
                message = f"the joints are not in the order of the layout: {medians}; {ADVICE}"
                yield self.finding("error", message, recordings=count)
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
    """How far the lengths of the limbs are from symmetric and, in three axes, from the proportions of an adult.

    The absolute logarithm of the length ratio of left and right, median over limbs, plus the mean absolute
    logarithm of lengths over those of an adult of the same size. 0 where fewer than two pairs of limbs were
    observed.
    """
    pairs = []
    for ends, other_ends, adult in LIMBS:
        joints = [_limb_joints(block.skeleton, side, ends, other_ends) for side in ("left", "right")]
        if all(joints):
            pairs.append([_mean_length(block, *pair) / adult for pair in joints if pair])
    if len(pairs) < MIN_LIMB_PAIRS:
        return np.zeros(len(block.track_starts))
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.log(np.array(pairs))  # (limb, side, track)
        lengths[~np.isfinite(lengths)] = np.nan
        is_known = np.isfinite(lengths).all(1)
        asymmetry = np.where(is_known, np.abs(lengths[:, 0] - lengths[:, 1]), np.nan)
        has_pairs = is_known.sum(0) >= MIN_LIMB_PAIRS
        difference: np.ndarray = np.nanmedian(np.where(has_pairs, asymmetry, 0), axis=0)
        if block.num_axes == 3:
            everything = np.concatenate(
                [lengths.reshape(2 * len(pairs), -1 if lengths.size else 0), np.log(_trunk_lengths(block))]
            )
            everything = np.where(np.isfinite(everything) & has_pairs, everything, np.nan)
            everything[:, ~has_pairs] = 0
            difference += np.nanmean(np.abs(everything - np.nanmedian(everything, axis=0)), axis=0)
    return difference


def _trunk_lengths(block: RecordingBlock) -> Float[np.ndarray, "length track"]:
    """Distance of the shoulders, and of shoulder and hip on both sides, over those of an adult."""
    index = block.skeleton.index
    width = _mean_length(block, *(index[name] for name in SHOULDERS)) / SHOULDER_WIDTH
    sides = [_mean_length(block, index[a], index[b]) / TRUNK_LENGTH for a, b in zip(SHOULDERS, HIPS, strict=True)]
    return np.array([width, *sides])


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
    limbs = f", and the lengths of the limbs are off by a factor of {np.exp(difference):.1f}"
    return (
        f"the bones are {1 + excess:.1f} times as long as the shortest tree that connects the joints (at most 1.5 "
        f"in real recordings){limbs if difference > 0.3 else ''}"
    )


def _relative_lengths(block: RecordingBlock) -> Float[np.ndarray, "track bone"]:
    """Mean length of each bone of the body, in body sizes; NaN where it or most of the body was not observed."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative: np.ndarray = block.bones[0] / block.body_size[:, None]
    num_observed = block.sum_per_track(block.observed.sum(1))
    is_mostly_observed = num_observed >= MIN_OBSERVED * block.track_lengths * block.skeleton.num_joints
    is_known = np.isfinite(relative) & body_bones(block.skeleton) & is_mostly_observed[:, None]
    return np.where(is_known, relative, np.nan)


def _limb_joints(
    skeleton: Skeleton, side: str, names: tuple[str, ...], other_names: tuple[str, ...]
) -> tuple[int, int] | None:
    found = [
        [skeleton.index[f"{side}_{name}"] for name in end if f"{side}_{name}" in skeleton.index]
        for end in (names, other_names)
    ]
    return (found[0][0], found[1][0]) if all(found) else None


def _mean_length(block: RecordingBlock, joint: int, other: int) -> Float[np.ndarray, " track"]:
    """Mean distance of two joints over the rows of each track that show both; NaN if none does."""
    both = block.observed[:, joint] & block.observed[:, other]
    length = distance(block.positions[:, joint], block.positions[:, other]).astype(np.float64) * both
    return block.mean_per_track(length, both)
