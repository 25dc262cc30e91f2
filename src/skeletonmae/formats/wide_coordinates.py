"""What the coordinates of a table with one line per frame are: unit, axes, and which of them were observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.formats.axes import turn_y_down
from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.image_units import MAX_NORMALIZED, image_unit, is_world_landmarks, world_unit
from skeletonmae.formats.length_units import METERS_PER_UNIT, longest_limb_bone, meters_per_unit
from skeletonmae.skeletons import HAND21, MEDIAPIPE33, VOCABULARY, Skeleton
from skeletonmae.skeletons.aliases import strip_shared

MIN_CONFIDENCE = {"confidence": 0.0, "visibility": 0.5, "likelihood": 0.6}
"""Kind of confidence -> threshold. Any confidence above 0 is observed, MediaPipe's visibility from 0.5 on, and
DeepLabCut's likelihood from 0.6 on, by their own defaults."""


@dataclass(frozen=True)
class Coordinates:
    """Positions `(person, frame, joint, axis)` with their unit, NaN where unobserved, and remarks."""

    positions: np.ndarray
    unit: str
    notes: tuple[str, ...] = ()


def interpret(
    positions: np.ndarray, skeleton: Skeleton, raw_names: Sequence[str], header_unit: str, options: ReadOptions
) -> Coordinates:
    """Find the unit and the axes of a table's coordinates.

    Args:
        positions: `(person, frame, joint, axis)`, NaN where unobserved.
        skeleton: Layout of the joints.
        raw_names: Names of the joints in the file.
        header_unit: Unit that the header states, or empty.
        options: With the unit and the axis that the user states, if any.
    """
    unit = options.unit
    if positions.shape[-1] == 3 and (
        _is_mediapipe(skeleton) or (not header_unit and _is_world_hand(positions, skeleton))
    ):
        return _mediapipe(positions, skeleton, options)
    if positions.shape[-1] == 2:
        return _plane(positions, skeleton, header_unit, unit)
    positions, notes = _without_kinect_zeros(positions, raw_names)
    if unit:
        return Coordinates(positions, unit, notes)
    if header_unit in METERS_PER_UNIT:
        return Coordinates(positions * METERS_PER_UNIT[header_unit], "m", notes)
    length = longest_limb_bone(skeleton, positions.reshape(-1, *positions.shape[2:]))
    scale = meters_per_unit(length) if length else None
    if scale is None:
        reason = f"the longest bone of the legs is {length:.3g}" if length else "no bone of the legs tells it"
        note = f"the unit is not known ({reason}); state it with --unit"
        return Coordinates(positions, "unknown", (*notes, note))
    if scale != 1.0:
        notes = (*notes, f"multiplied by {scale} to become meters: the longest bone of the legs is {length:.3g}")
    return Coordinates(positions * scale, "m", notes)


def _plane(positions: np.ndarray, skeleton: Skeleton, header_unit: str, unit: str | None) -> Coordinates:
    if unit or header_unit in ("px", "pixel", "pixels"):
        return Coordinates(positions, unit or "px")
    if header_unit in METERS_PER_UNIT:
        return Coordinates(positions * METERS_PER_UNIT[header_unit], "m")
    finite = positions[np.isfinite(positions)]
    if len(finite) and image_unit(finite) == "image":
        if not set(skeleton.joints) <= VOCABULARY.keys():
            note = f"no coordinate exceeds {MAX_NORMALIZED:g}, so these are no pixels; state the unit with --unit"
            return Coordinates(positions, "unknown", (note,))
        note = f"no coordinate exceeds {MAX_NORMALIZED:g}: read as normalized image coordinates (unit `image`)"
        return Coordinates(positions, "image", (note,))
    return Coordinates(positions, "px")


def _is_mediapipe(skeleton: Skeleton) -> bool:
    has_own = {"left_toe", "right_toe", "left_mouth", "left_pinky_mcp", "left_eye_inner"} & set(skeleton.joints)
    return bool(has_own) and set(skeleton.joints) <= set(MEDIAPIPE33.joints)


def _is_world_hand(positions: np.ndarray, skeleton: Skeleton) -> bool:
    return set(skeleton.joints) == set(HAND21.joints) and is_world_landmarks(positions[..., :2], skeleton)


def _mediapipe(positions: np.ndarray, skeleton: Skeleton, options: ReadOptions) -> Coordinates:
    """World landmarks in meters, or landmarks in the image, whose z is no distance in the same unit."""
    if is_world_landmarks(positions[..., :2], skeleton):
        unit = options.unit or world_unit(positions[..., :2])
        scale = "in meters" if unit == "m" else f"in the unit {unit}"
        if unit == "unknown":
            scale = "but they are too large for meters; state the unit with --unit"
        note = f"the center is at the origin: read as MediaPipe's world landmarks, {scale}"
        return Coordinates(positions if options.up else turn_y_down(positions), unit, (note,))
    flat = _plane(positions[..., :2], skeleton, "", options.unit)
    note = "read as MediaPipe's landmarks in the image; their z is no distance in the same unit and was left out"
    return Coordinates(flat.positions, flat.unit, (note,))


def _without_kinect_zeros(positions: np.ndarray, raw_names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Kinect writes exactly (0, 0, 0), the position of the camera, for a joint that it lost."""
    names = {name.lower().replace("_", "").replace(" ", "") for name in strip_shared(raw_names)}
    if not names & {"spinebase", "spineshoulder", "hipcenter", "shouldercenter", "spinenavel", "spinechest"}:
        return positions, ()
    lost = (positions == 0).all(-1)
    lost &= ~lost.all((0, 1))  # the root of centered poses is always there
    if not lost.any():
        return positions, ()
    note = f"{lost.sum()} joint positions are exactly (0, 0, 0), as Kinect writes lost joints: unobserved"
    return np.where(lost[..., None], np.nan, positions), (note,)
