"""The unit of length of a recording, which its file states, or which the longest bone of a human body tells."""

from __future__ import annotations

import warnings

import numpy as np

from skeletonmae.skeletons import Skeleton

METERS_PER_UNIT = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1.0),
    **dict.fromkeys(("dm", "decimeters"), 0.1),
    **dict.fromkeys(("cm", "centimeters", "centimetres"), 0.01),
    **dict.fromkeys(("mm", "millimeters", "millimetres"), 0.001),
}
"""Unit as a file states it, in lower case -> meters."""
LONGEST_BONE = {1.0: (0.25, 0.65), 0.01: (25.0, 65.0), 0.001: (250.0, 650.0)}
"""Meters per unit -> range of a human thigh or shin, the longest bone of a rig, in that unit."""
LIMB_BONES = tuple(
    (f"{side}_{upper}", f"{side}_{lower}")
    for side in ("left", "right")
    for upper, lower in (("hip", "knee"), ("knee", "ankle"))
)


def meters_per_unit(longest_bone: float) -> float | None:
    """Meters per unit; None if a human has no such bone in meters, centimeters or millimeters."""
    return next((meters for meters, (low, high) in LONGEST_BONE.items() if low <= longest_bone < high), None)


def longest_bone(skeleton: Skeleton, positions: np.ndarray) -> float:
    """Median length of the longest bone, for positions `(frame, joint, axis)` that are NaN where unobserved."""
    return _longest(skeleton.bone_lengths(positions))


def longest_limb_bone(skeleton: Skeleton, positions: np.ndarray) -> float | None:
    """Median length of the longest thigh or shin; None if the skeleton has none, or it was never observed.

    Unlike `longest_bone`, it says nothing about an animal whose joints have other names.
    """
    index = skeleton.index
    bones = [(index[upper], index[lower]) for upper, lower in LIMB_BONES if upper in index and lower in index]
    if not bones:
        return None
    upper, lower = np.array(bones).T
    length = _longest(np.linalg.norm(positions[..., upper, :] - positions[..., lower, :], axis=-1))
    return length or None


def _longest(lengths: np.ndarray) -> float:
    lengths = lengths.reshape(-1, lengths.shape[-1])
    if not len(lengths) or np.isnan(lengths).all():
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # bones that were never observed
        return float(np.nanmax(np.nanmedian(lengths, axis=0)))
