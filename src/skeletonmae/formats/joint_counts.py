"""The layout of poses whose files state no joint names, from their number of joints and their shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.person_tracking import Pose
from skeletonmae.skeletons import LAYOUTS, Skeleton

POSE_ESTIMATOR_LAYOUTS = {
    17: ("coco17",),
    18: ("openpose18",),
    21: ("hand21",),
    25: ("openpose25", "openpose25b"),
    26: ("halpe26",),
    33: ("mediapipe33",),
    133: ("coco17",),
    135: ("openpose25b",),
    136: ("halpe26",),
}
"""Number of joints -> the layouts that pose estimators write with it, the most common first. The whole-body sets
of 133, 135 and 136 joints begin with the body's, and those are read."""
MIN_RATIO = 1.25
"""Ratio of mean bone lengths from which on another layout than the most common one is certain. In whole poses of
BODY_25 and BODY_25B the ratio of the wrong layout to the right one is 2.0 to 3.8, without legs 1.35 to 2."""
EXAMPLES = 200
"""Poses that are measured."""


Key = TypeVar("Key")


def joints_of_body(
    poses_by_frame: Mapping[Key, Sequence[Pose]], where: Path | str, default: Skeleton, layout: Skeleton | None
) -> tuple[dict[Key, list[Pose]], Skeleton, tuple[str, ...]]:
    """Poses without face and hands, with their layout and what the report should say about its choice.

    Args:
        poses_by_frame: The poses of each frame.
        where: The file, for messages.
        default: Layout if there is no pose.
        layout: The user's layout, if there is one.

    Raises:
        InputError: The poses have different numbers of joints, or no layout has as many.
    """
    poses = [(pose.positions, pose.observed) for in_frame in poses_by_frame.values() for pose in in_frame]
    skeleton, notes = layout_by_count(poses, where, layout) if poses else (layout or default, ())
    joints = slice(skeleton.num_joints)
    body = {
        frame: [Pose(pose.positions[joints], pose.observed[joints], pose.person) for pose in in_frame]
        for frame, in_frame in poses_by_frame.items()
    }
    return body, skeleton, notes


def layout_by_count(
    poses: Sequence[tuple[np.ndarray, np.ndarray]], where: Path | str, layout: Skeleton | None = None
) -> tuple[Skeleton, tuple[str, ...]]:
    """The layout of poses, and what the report should say about the choice.

    Where several layouts have as many joints, the one in which the bones of these poses are shortest is taken:
    with the joints in a wrong order, bones run across the body.

    Args:
        poses: (positions `(joint, axis)`, observed `(joint)`) of each pose; all with as many joints.
        where: The file, for messages.
        layout: The user's layout, which counts instead.

    Raises:
        InputError: The poses have different numbers of joints, or no layout has as many.
    """
    counts = sorted({len(positions) for positions, _ in poses})
    if layout is not None and counts in ([], [layout.num_joints]):
        return layout, ()
    names = POSE_ESTIMATOR_LAYOUTS.get(counts[0], ()) if counts else ()
    if counts == [17] and poses[0][0].shape[1] == 3:
        names = ("h36m17",)  # what 2D poses of COCO's joints are lifted to
    if layout is None and len(counts) == 1 and names:
        return _shortest_bones(poses, [LAYOUTS[name] for name in names])
    known = ", ".join(map(str, POSE_ESTIMATOR_LAYOUTS))
    expected = f"{layout.num_joints} joints, as {layout.name} has" if layout else f"one of {known}, or --layout"
    got = f"{', '.join(map(str, counts)) or 'no'} joints"
    raise InputError("wrong number of joints", where=where, expected=expected, got=got)


def _shortest_bones(
    poses: Sequence[tuple[np.ndarray, np.ndarray]], candidates: Sequence[Skeleton]
) -> tuple[Skeleton, tuple[str, ...]]:
    if len(candidates) == 1:
        return candidates[0], ()
    step = max(1, len(poses) // EXAMPLES)
    positions = np.array([pose for pose, _ in poses[::step]], dtype=np.float64)
    finite = np.asarray(np.isfinite(positions).all(-1))
    observed = np.array([seen for _, seen in poses[::step]], dtype=bool) & finite
    lengths = [_mean_bone_length(positions, observed, skeleton) for skeleton in candidates]
    shortest = int(np.argmin(lengths))
    if np.isfinite(lengths[shortest]) and (shortest == 0 or lengths[0] >= MIN_RATIO * lengths[shortest]):
        return candidates[shortest], ()
    names = " from ".join(candidate.name for candidate in candidates)
    note = f"the poses do not tell {names}: read as {candidates[0].name}; use --layout if it is another"
    return candidates[0], (note,)


def _mean_bone_length(positions: np.ndarray, observed: np.ndarray, skeleton: Skeleton) -> float:
    """Mean length of the bones of which both ends are observed; infinite without one."""
    ends = np.array([[skeleton.index[joint], skeleton.index[parent]] for joint, parent in skeleton.bones])
    valid = np.asarray(observed[:, ends].all(-1))
    across = positions[:, ends[:, 0]] - positions[:, ends[:, 1]]
    lengths = np.linalg.norm(np.where(valid[..., None], across, 0), axis=-1)
    return float(lengths.sum() / valid.sum()) if valid.any() else np.inf
