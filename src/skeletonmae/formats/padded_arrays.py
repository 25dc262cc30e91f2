"""Recordings in the zero-padded arrays of graph-convolution projects: ST-GCN, AGCN, MS-G3D, CTR-GCN.

All recordings of such an array have the same number of frames and persons, and what is missing is zero: frames
behind the last one, and persons who are absent. Here those frames are cut off, those persons are left out, and
whoever is absent from a frame in between is unobserved.

A joint at exactly zero is unobserved too, except the spine in 3D: these projects subtract it from all others. AGCN
and MS-G3D subtract it in every frame, turn z up and the line from the left to the right shoulder along x, and
repeat a clip until it fills all frames. A clip whose spine stays at zero is therefore turned to our axes, and its
repetitions are cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from skeletonmae.formats.axes import turn_z_up
from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.image_units import image_unit
from skeletonmae.formats.layout_by_shape import SENSOR_JOINTS, layout_of_array
from skeletonmae.sequences import SkeletonSequence

MAX_SCORE = 1.1
"""Scores of pose estimators end at 1, a little more by rounding; meters from a camera do not."""
CENTER_JOINT = "spine"
MAX_REPEATED_FRAMES = 5_000
"""Frames of clips in which repetitions are looked for, which takes the square of their number; AGCN has 300."""


@dataclass(frozen=True)
class Convention:
    """How the numbers of a file are meant, as found from its first recording that is not empty.

    Args:
        has_scores: Whether the third channel is a score, and the others are the image's axes.
        unit: Of the coordinates.
        offset: Added to observed image coordinates; ST-GCN subtracts a half from normalized ones.
    """

    has_scores: bool
    unit: str
    offset: float


def find_convention(clips: Iterable[np.ndarray]) -> Convention:
    """How the numbers are meant, from the first clip `(person, frame, joint, channel)` that is not all zero."""
    first = next((finite for clip in clips if (finite := _finite(clip)).any()), None)
    if first is None:
        return Convention(has_scores=False, unit="m", offset=0.0)
    is_score = bool(first[..., -1].min() >= 0 and first[..., -1].max() <= MAX_SCORE)
    has_scores = first.shape[-1] == 3 and first.shape[2] not in SENSOR_JOINTS and is_score
    if first.shape[-1] == 3 and not has_scores:
        return Convention(has_scores=False, unit="m", offset=0.0)
    if image_unit(first[..., :2]) == "px":
        return Convention(has_scores, "px", 0.0)
    return Convention(has_scores, "image", 0.5 if first[..., :2].min() < 0 else 0.0)


def padded_recording(
    where: str,
    clip: np.ndarray,
    convention: Convention,
    options: ReadOptions,
    *,
    name: str,
    label: str | None,
    tags: Mapping[str, str],
) -> SkeletonSequence:
    """One clip without its padding.

    Args:
        where: The recording, for messages.
        clip: `(person, frame, joint, channel)`, with 2 or 3 channels.
        convention: Of the file.
        options: With the user's layout, and with `up` if the axes are not to be turned.
        name: Of the recording.
        label: Its action, if known.
        tags: What else is known.

    Raises:
        InputError: No layout is known for this number of joints.
    """
    clip, num_axes = _finite(clip), 2 if convention.has_scores else clip.shape[-1]
    skeleton, notes = layout_of_array(where, clip.shape[2], num_axes, options.layout)
    positions = np.array(clip[..., :num_axes])
    observed: np.ndarray
    if convention.has_scores:
        observed = np.asarray(clip[..., 2] > 0)
        positions += np.float32(convention.offset)
    else:
        observed = np.asarray((positions != 0).any(-1))
        if num_axes == 2:
            positions += np.float32(convention.offset)
        elif CENTER_JOINT in skeleton.index:
            observed[..., skeleton.index[CENTER_JOINT]] |= observed.any(-1)
            if _is_normalized(positions, observed, skeleton.index[CENTER_JOINT]):
                period = _period(positions[0])  # further persons are relative to the first, and repeat otherwise
                positions, observed = positions[:, :period], observed[:, :period]
                positions = positions if options.up else turn_z_up(positions)
    num_frames = int(np.flatnonzero(observed.any((0, 2))).max(initial=-1)) + 1
    is_present = np.asarray(observed.any((1, 2)))
    is_present[0] |= not is_present.any()
    return SkeletonSequence.from_positions(
        positions[is_present, :num_frames],
        skeleton,
        observed=observed[is_present, :num_frames],
        name=name,
        unit=convention.unit,
        label=label,
        tags=tags,
        notes=notes,
    )


def _finite(clip: np.ndarray) -> np.ndarray:
    """The clip as float32, with 0 for joints that have a value that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.asarray(clip, dtype=np.float32)
        return np.where(np.isfinite(values).all(-1, keepdims=True), values, np.float32(0))


def _is_normalized(positions: np.ndarray, observed: np.ndarray, center: int) -> bool:
    """Whether the first person's center stays at zero, as after the normalization of AGCN."""
    is_shown = observed[0].any(-1)
    return int(is_shown.sum()) > 1 and not positions[0, is_shown, center].any()


def _period(positions: np.ndarray) -> int:
    """Number of frames after which `(frame, joint, axis)` repeat to their end; all if they do not."""
    num_frames = len(positions)
    frames = positions.reshape(num_frames, -1)
    if num_frames > MAX_REPEATED_FRAMES:
        return num_frames
    for start in (np.flatnonzero((frames[1:] == frames[0]).all(-1)) + 1).tolist():
        if np.array_equal(frames[start:], frames[:-start]):
            return int(start)
    return num_frames
