"""The layout of arrays that do not name their joints, found from the number of joints and axes."""

from __future__ import annotations

from skeletonmae.errors import InputError
from skeletonmae.skeletons import LAYOUTS, Skeleton

LAYOUT_NAMES = {
    (17, 2): "coco17", (18, 2): "openpose18", (25, 2): "openpose25", (13, 2): "penn13", (33, 2): "mediapipe33",
    (25, 3): "ntu25", (20, 3): "kinect20", (15, 3): "sbu15", (17, 3): "h36m17", (24, 3): "smpl24",
}  # fmt: skip
"""(joints, axes) -> the layout in common use."""
SENSOR_JOINTS = frozenset({15, 20, 24, 25})
"""Numbers of joints that arrays of three channels have as x, y, z and not as x, y, score."""
AMBIGUOUS = ((17, 3), (25, 2))
"""Counts that more than one layout in common use has."""


def layout_by_shape(
    where: str, num_joints: int, num_axes: int, layout: Skeleton | None
) -> tuple[Skeleton, tuple[str, ...]]:
    """The layout of an array, and a note for the report if another layout has the same counts.

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
    counts = (num_joints, num_axes)
    if counts not in LAYOUT_NAMES:
        problem = f"no layout is known for {num_joints} joints in {num_axes}D"
        raise InputError(problem, where=where, expected="a layout of your own: --layout FILE.yaml")
    name = LAYOUT_NAMES[counts]
    notes = (f"{num_joints} joints in {num_axes}D were read as {name}",) if counts in AMBIGUOUS else ()
    return LAYOUTS[name], notes
