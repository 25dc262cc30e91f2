"""The `.pose` files of pose-format: MediaPipe Holistic, OpenPose and others, mostly of people who sign.

Of the components of a file the first of these is read, and the report names the rest: the body in meters
(`POSE_WORLD_LANDMARKS`), the body in the image (`POSE_LANDMARKS`, `pose_keypoints_2d`), the hands, or the first
component. With `--layout` it is the component that has most of its joints. Two hands are two persons, because the
layout of a hand has no side. Where the body is in the image, x and y are pixels, and the third axis is not read.

pose-format multiplies the meters of `POSE_WORLD_LANDMARKS` by the width and the height of the image; that is
undone, and the axes are turned by half a turn about z, as for MediaPipe. A point is unobserved at confidence 0,
and landmarks of a body below 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from skeletonmae.formats.axes import turn_y_down
from skeletonmae.formats.decoders.pose_binary import PoseComponent, PoseFile, looks_like_pose, read_pose
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.joint_names import joint_indices
from skeletonmae.formats.named_skeletons import named_recording, skeleton_from_names
from skeletonmae.limits import check_shape
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import HAND21, LAYOUTS, Skeleton

WORLD = "POSE_WORLD_LANDMARKS"
BODIES = (WORLD, "POSE_LANDMARKS", "pose_keypoints_2d")
HANDS = (
    ("LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS"),
    ("hand_left_keypoints_2d", "hand_right_keypoints_2d"),
)
MIN_VISIBILITY = 0.5
"""Threshold on the visibility of MediaPipe's landmarks of a body, as for its JSON."""
POINT_ORDERS = {33: "mediapipe33", 25: "openpose25", 18: "openpose18"}
"""Points of a body -> the layout whose joints they are, in this order."""


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    pose = read_pose(file.content(), str(file.path))
    components = _choose(pose.components, options.layout)
    positions = np.concatenate([_positions(pose, component) for component in components])
    is_present = np.isfinite(positions).all(-1).any((1, 2))
    is_present[:1] |= not is_present.any()
    positions = positions[is_present]
    check_shape(file.path, positions.shape[:3])
    skeleton, names = _skeleton(file, components[0])
    left_out = [component.name for component in pose.components if component not in components]
    kept = " and ".join(component.name for component in components)
    recording = named_recording(
        file,
        skeleton,
        names,
        positions,
        options,
        name=file.path.stem,
        unit="m" if components[0].name == WORLD else "px",
        notes=(f"of its components, {kept} was read; {', '.join(left_out)} were left out",) if left_out else (),
    )
    yield replace(recording, fps=pose.fps or None)


def _choose(components: Sequence[PoseComponent], layout: Skeleton | None) -> list[PoseComponent]:
    """The components that make the recording; several are hands, which are persons of it."""
    by_name = {component.name: component for component in components if component.points}
    if layout and layout != HAND21:
        known = {name: int((joint_indices(layout, c.points) >= 0).sum()) for name, c in by_name.items()}
        best = max(known, key=lambda name: known[name])
        return [by_name[best]]
    bodies = [by_name[name] for name in BODIES if name in by_name]
    hands = [[by_name[name] for name in names if name in by_name] for names in HANDS]
    groups = [bodies[:1], *hands] if layout is None else [*hands, bodies[:1]]
    return next((group for group in groups if group), list(by_name.values())[:1])


def _positions(pose: PoseFile, component: PoseComponent) -> np.ndarray:
    """Positions `(person, frame, point, axis)` of a component, NaN where nothing was observed."""
    positions = pose.positions[:, :, component.columns].swapaxes(0, 1)
    confidence = pose.confidence[:, :, component.columns].swapaxes(0, 1)
    threshold = MIN_VISIBILITY if component.name in BODIES[:2] else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        is_observed = (confidence >= threshold) & (confidence > 0)
        if component.name == WORLD:
            size = np.array([max(pose.width, 1), max(pose.height, 1), 1], dtype=np.float32)
            positions = turn_y_down(positions[..., :3] / size)
        else:
            positions = positions[..., :2]
    return np.where(is_observed[..., None], positions, np.nan)


def _skeleton(file: InputFile, component: PoseComponent) -> tuple[Skeleton, Sequence[str]]:
    """The layout of a component, and the names of its points in that order."""
    if component.name in BODIES and len(component.points) in POINT_ORDERS:
        skeleton = LAYOUTS[POINT_ORDERS[len(component.points)]]
        return skeleton, skeleton.joints
    if any(component.name in names for names in HANDS) and len(component.points) == HAND21.num_joints:
        return HAND21, HAND21.joints
    name = f"pose{len(component.points)}"
    return skeleton_from_names(file, name, component.points, component.limbs), component.points


POSE_FORMAT = Format(
    "pose_format",
    "pose-format .pose: MediaPipe Holistic and OpenPose",
    (".pose",),
    looks_like_pose,
    _parse,
    fixed_axes=True,
)
