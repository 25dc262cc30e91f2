"""The layout of a table with one line per frame."""

from __future__ import annotations

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.layout_by_shape import layout_of_poses
from skeletonmae.formats.named_skeletons import layout_from_names, skeleton_from_names
from skeletonmae.formats.wide_header import WideHeader
from skeletonmae.skeletons import Skeleton

CERTAIN_COUNTS = (21, 33)
"""Numbers of joints that only MediaPipe's hand and body have. Any other number tells a layout only if the joints
have a confidence, as those of pose estimators do: they could be any points."""
MAX_NUMBERED = 40
"""Numbered joints beyond it are no body by itself: face and hands are among them."""
Layout = tuple[Skeleton, list[str], np.ndarray, tuple[str, ...]]


def find_layout(file: InputFile, header: WideHeader, positions: np.ndarray, layout: Skeleton | None) -> Layout:
    """Find the layout from the names of the joints, or from their number if they are numbered.

    Args:
        file: The file, for messages.
        header: What the columns hold.
        positions: `(line, joint, axis)`, NaN where unobserved.
        layout: The user's layout, which fits numbered joints if it has as many.

    Returns:
        The layout, the file's name of each of its joints, the index in it of each joint of the file, and notes.
    """
    joints, numbers = header.joints, header.numbers
    if numbers and numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(joints))):
        has_confidence = any(any(header.confidences(joint)) for joint in joints)
        return _numbered(file, numbers, positions, layout, has_confidence)
    skeleton, indices = layout_from_names(file, f"table{len(joints)}", joints)
    raw_names = [""] * len(joints)
    for name, index in zip(joints, indices.tolist(), strict=True):
        raw_names[index] = name
    return skeleton, raw_names, indices, ()


def _numbered(
    file: InputFile, numbers: list[int], positions: np.ndarray, layout: Skeleton | None, has_confidence: bool
) -> Layout:
    count = len(numbers)
    indices = np.arange(count)
    if layout and layout.num_joints == count:
        return layout, list(layout.joints), indices, ()
    note = f"the joints are numbered, and nothing tells the layout of {count} of them; state it with --layout"
    if count <= MAX_NUMBERED and (has_confidence or count in CERTAIN_COUNTS):
        observed = np.isfinite(positions).all(-1)
        try:
            skeleton, notes = layout_of_poses(
                list(zip(positions, observed, strict=True)), "the joints are numbered"
            )
        except InputError as error:
            note = str(error)
        else:
            note = f"the joints are numbered: {count} of them are read as {skeleton.name}"
            return skeleton, list(skeleton.joints), indices, (note, *notes)
    names = [f"joint_{number}" for number in numbers]
    return skeleton_from_names(file, f"table{count}", names), names, indices, (note,)
