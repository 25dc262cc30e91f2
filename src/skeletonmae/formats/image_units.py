"""Whether coordinates are normalized image coordinates, pixels, or MediaPipe's world landmarks."""

from __future__ import annotations

from typing import Literal

import numpy as np

from skeletonmae.skeletons import Skeleton

MAX_NORMALIZED = 2.0
"""Normalized image coordinates do not exceed it: a joint may lie a little outside the image, and no body in pixels
lies so near to the corner."""
MAX_CENTER_DISTANCE = 0.05
"""Distance from the origin, in meters, within which the center of MediaPipe's world landmarks lies."""
MAX_METERS = 5.0
"""World landmarks that lie farther from their center were scaled, and their unit is not known."""


def image_unit(xy: np.ndarray) -> Literal["image", "px"]:
    """Find the unit of image coordinates: `image` if they are normalized by the size of the image, or else `px`.

    Args:
        xy: Coordinates of any shape, NaN where unobserved.
    """
    return "px" if (np.abs(xy) > MAX_NORMALIZED).any() else "image"


def world_unit(xy: np.ndarray) -> Literal["m", "unknown"]:
    """Find the unit of MediaPipe's world landmarks: `m` unless they are too large for a body.

    Args:
        xy: Coordinates of any shape, NaN where unobserved.
    """
    return "unknown" if (np.abs(xy) >= MAX_METERS).any() else "m"


def is_world_landmarks(xy: np.ndarray, skeleton: Skeleton) -> bool:
    """Return whether landmarks of MediaPipe are world landmarks, whose origin is between the hips or in the hand.

    Args:
        xy: x and y of each landmark, `(..., joint, 2)`, NaN where unobserved.
        skeleton: Layout of the landmarks. Without hips, the center is the mean of all landmarks.
    """
    hips = [skeleton.index[joint] for joint in ("left_hip", "right_hip") if joint in skeleton.index]
    center = xy[..., hips or slice(None), :].mean(-2).reshape(-1, 2)
    center = center[np.isfinite(center).all(1)]
    return bool(len(center) and np.median(np.abs(center)) < MAX_CENTER_DISTANCE)
