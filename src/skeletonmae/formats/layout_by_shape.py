"""The layout of poses whose files do not name the joints, from the number of joints and axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.person_tracking import Pose
from skeletonmae.skeletons import LAYOUTS, Skeleton

_ANY_AXES = {
    18: ("openpose18",),
    21: ("hand21",),
    26: ("halpe26",),
    33: ("mediapipe33",),
    133: ("coco17",),
    135: ("openpose25b",),
    136: ("halpe26",),
}
CANDIDATES: dict[tuple[int, int], tuple[str, ...]] = {
    **{(count, axes): names for count, names in _ANY_AXES.items() for axes in (2, 3)},
    (13, 2): ("penn13",),
    (17, 2): ("coco17",),
    (25, 2): ("openpose25", "openpose25b"),
    (15, 3): ("sbu15",),
    (17, 3): ("h36m17", "coco17"),
    (20, 3): ("kinect20",),
    (24, 3): ("smpl24",),
    (25, 3): ("ntu25", "openpose25", "openpose25b"),
}
"""(joints, axes) -> the layouts in use, the most common first. The whole-body sets of 133, 135, 136 joints begin
with the body's, and pose estimators' files are read as far as these."""
SENSOR_JOINTS = frozenset({15, 20, 24, 25})
"""Numbers of joints that arrays of three channels have as x, y, z and not as x, y, score."""
DATASET_LAYOUTS = frozenset({"penn13", "sbu15", "kinect20", "smpl24", "ntu25"})
"""Layouts of datasets and sensors, which no pose estimator writes."""
MIN_RATIO = 1.25
"""Ratio of mean bone lengths from which on another layout than the most common one is certain. In whole poses of
BODY_25 and BODY_25B the ratio of the wrong layout to the right one is 2.0 to 3.8, without legs 1.35 to 2."""
MAX_POSES = 200
"""Poses that are measured."""
Key = TypeVar("Key")


def layout_of_array(
    where: str, num_joints: int, num_axes: int, layout: Skeleton | None
) -> tuple[Skeleton, tuple[str, ...]]:
    """The layout of an array, and a note for the report if it could be another one.

    Args:
        where: The recording, for messages.
        num_joints: Joints of the array.
        num_axes: Axes of its coordinates.
        layout: The user's choice, which comes first.

    Raises:
        InputError: No layout is known, or the user's layout has another number of joints.
    """
    if layout:
        if layout.num_joints != num_joints:
            problem, expected = "the layout has another number of joints", f"{num_joints} joints"
            got = f"{layout.num_joints} joints of {layout.name}"
            raise InputError(problem, where=where, expected=expected, got=got)
        return layout, ()
    names = CANDIDATES.get((num_joints, num_axes), ())
    names = tuple(name for name in names if LAYOUTS[name].num_joints == num_joints)
    if not names:
        problem = f"no layout is known for {num_joints} joints in {num_axes}D"
        raise InputError(problem, where=where, expected="a layout of your own: --layout FILE.yaml")
    is_certain = num_joints in SENSOR_JOINTS if num_axes == 3 else len(names) == 1
    notes = () if is_certain else (f"{num_joints} joints in {num_axes}D were read as {names[0]}",)
    return LAYOUTS[names[0]], notes


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
    skeleton, notes = layout_of_poses(poses, where, layout) if poses else (layout or default, ())
    joints = slice(skeleton.num_joints)
    body = {
        frame: [Pose(pose.positions[joints], pose.observed[joints], pose.person) for pose in in_frame]
        for frame, in_frame in poses_by_frame.items()
    }
    return body, skeleton, notes


def layout_of_poses(
    poses: Sequence[tuple[np.ndarray, np.ndarray]], where: Path | str, layout: Skeleton | None = None
) -> tuple[Skeleton, tuple[str, ...]]:
    """The layout of poses that an estimator found, and what the report should say about the choice.

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
    num_axes = poses[0][0].shape[1] if poses else 2
    names = _estimated(counts[0], num_axes) if len(counts) == 1 else []
    if layout is None and names:
        return _shortest_bones(poses, [LAYOUTS[name] for name in names])
    known = ", ".join(str(count) for count, axes in sorted(CANDIDATES) if axes == 2 and _estimated(count, axes))
    expected = f"{layout.num_joints} joints, as {layout.name} has" if layout else f"one of {known}, or --layout"
    got = f"{', '.join(map(str, counts)) or 'no'} joints"
    raise InputError("wrong number of joints", where=where, expected=expected, got=got)


def _estimated(num_joints: int, num_axes: int) -> list[str]:
    """Layouts of pose estimators with this number of joints, the most common first."""
    return [name for name in CANDIDATES.get((num_joints, num_axes), ()) if name not in DATASET_LAYOUTS]


def _shortest_bones(
    poses: Sequence[tuple[np.ndarray, np.ndarray]], candidates: Sequence[Skeleton]
) -> tuple[Skeleton, tuple[str, ...]]:
    if len(candidates) == 1:
        return candidates[0], ()
    step = max(1, len(poses) // MAX_POSES)
    positions = np.array([pose for pose, _ in poses[::step]], dtype=np.float64)
    finite = np.asarray(np.isfinite(positions).all(-1))
    observed = np.array([joints_observed for _, joints_observed in poses[::step]], dtype=bool) & finite
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
