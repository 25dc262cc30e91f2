"""3D poses of a video: less jitter, and the way of the body through the room."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32

from skeletonmae.errors import InputError
from skeletonmae.skeletons import Skeleton

SMOOTHING_SECONDS = 1 / 30
"""Standard deviation of the Gaussian in time, 2 frames at 60 frames per second: it takes the jitter of wrists and
ankles from 6 to 9 cm, as the mean second difference at 30 frames per second, to below 2 cm."""
MIN_SIGMA = 0.25
"""Below so many frames, a Gaussian changes nothing."""
SCALE_SECONDS = 0.5
"""Standard deviation of the Gaussian that smooths the pixels of a meter."""
HIPS = ("left_hip", "right_hip")


def smooth(
    positions: Float32[np.ndarray, "frame joint axis"], observed: Bool[np.ndarray, "frame joint"], fps: float
) -> Float32[np.ndarray, "frame joint axis"]:
    """Smooth positions by a Gaussian in time, over the frames in which a joint was observed.

    Args:
        positions: Positions at regular times.
        observed: Whether each joint was observed.
        fps: Frames per second.
    """
    sigma = SMOOTHING_SECONDS * fps
    if sigma < MIN_SIGMA:
        return positions
    weight = observed[..., None].astype(np.float32)
    total = _gaussian(weight, sigma, "constant")
    mean = _gaussian(positions * weight, sigma, "constant") / np.maximum(total, np.finfo(np.float32).tiny)
    return np.where(observed[..., None], mean, np.float32(0)).astype(np.float32)


def root_motion(
    world: Float32[np.ndarray, "pose joint 3"],
    points: Float32[np.ndarray, "pose joint 2"],
    skeleton: Skeleton,
    image_size: tuple[int, int],
    fps: float,
) -> Float32[np.ndarray, "pose 3"]:
    """Where the hips of a person are, in meters from the middle of the image: to the side and up, never in depth.

    A meter has as many pixels as fit the pose in the image to the pose in meters best, smoothed in time. How far
    away a person is cannot be known without the focal length of the camera: z is 0.

    Args:
        world: Consecutive poses of one person, in meters from the center of the hips.
        points: The same in pixels.
        skeleton: The joint layout.
        image_size: Width and height of the image in pixels.
        fps: Frames per second.

    Raises:
        InputError: The layout has no hips.
    """
    if missing := [joint for joint in HIPS if joint not in skeleton.index]:
        raise InputError("no root motion without hips", where=skeleton.name, expected=", ".join(missing))
    index = [skeleton.index[joint] for joint in HIPS]
    hips = points[:, index].mean(1)
    in_meters = (
        world[:, index, :2].mean(1, keepdims=True) - world[..., :2]
    )  # as in the image: x to the right, y down
    in_pixels = points - hips[:, None]
    fit = (in_pixels * in_meters).sum((1, 2)) / np.maximum((in_meters**2).sum((1, 2)), 1e-6)
    is_valid = fit > 0
    if not is_valid.any():
        return np.zeros((len(world), 3), np.float32)
    place = np.arange(len(fit))
    logarithm = np.interp(place, place[is_valid], np.log(fit[is_valid]))[:, None]
    scale = np.exp(_gaussian(logarithm, SCALE_SECONDS * fps, "nearest"))
    root = np.zeros((len(world), 3), np.float32)
    root[:, :2] = -(hips - np.array(image_size) / 2) / scale
    return root


def _gaussian(values: np.ndarray, sigma: float, mode: Literal["constant", "nearest"]) -> np.ndarray:
    """Filter along the first axis."""
    from scipy.ndimage import gaussian_filter1d  # slow to import

    filtered: np.ndarray = gaussian_filter1d(values, sigma, axis=0, mode=mode)
    return filtered
