"""The last frames of a person, at any rate, and clips of them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

from skeletonmae.errors import InputError
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

MAX_RATE = 60.0
"""Frames per second that are kept; of a faster stream, some frames are skipped."""
RATE = 30.0
"""Frames per second of clips."""
MAX_GAP = 0.25
"""Longest time between two frames that is interpolated, in seconds."""
TOLERANCE = 1e-6


class FrameBuffer:
    """A ring of frames, whose memory does not grow.

    Args:
        seconds: How long frames are kept.
        shape: Persons, joints and axes of a frame.
    """

    def __init__(self, seconds: float, shape: tuple[int, int, int]) -> None:
        self.seconds = seconds
        capacity = int(np.ceil(seconds * MAX_RATE)) + 3
        self.times = np.full(capacity, -np.inf)
        self.positions = np.zeros((capacity, *shape), np.float32)
        self.observed = np.zeros((capacity, *shape[:2]), dtype=bool)
        self.next = 0
        self.first_time = np.inf
        self.last_time = -np.inf

    def add(
        self,
        time: float,
        positions: Float32[np.ndarray, "person joint axis"],
        observed: Bool[np.ndarray, "person joint"],
    ) -> None:
        """Add a frame, unless it comes sooner after the last one than `MAX_RATE` allows.

        Args:
            time: Time in seconds, later than that of any frame before.
            positions: Coordinates, 0 where not observed.
            observed: Whether each joint was observed.
        """
        if time - self.last_time < 1 / MAX_RATE - TOLERANCE:
            return
        place = self.next
        self.times[place], self.positions[place], self.observed[place] = time, positions, observed
        self.next = (place + 1) % len(self.times)
        self.first_time, self.last_time = min(self.first_time, time), time

    def clip(self, end: float, skeleton: Skeleton, unit: str) -> SkeletonSequence:
        """Return the frames of the last seconds, resampled to `RATE`.

        Between two frames, a joint is interpolated if it was observed in both and they are not far apart.

        Args:
            end: Time of the last frame of the clip.
            skeleton: The joint layout.
            unit: Unit of the coordinates.
        """
        order = np.argsort(self.times, kind="stable")
        order = order[np.isfinite(self.times[order])]
        times = self.times[order]
        grid = end - np.arange(round(self.seconds * RATE) - 1, -1, -1) / RATE
        high = np.clip(np.searchsorted(times, grid - TOLERANCE), 0, len(times) - 1)
        is_exact = np.abs(times[high] - grid) <= TOLERANCE
        low = np.where(is_exact, high, np.maximum(high - 1, 0))
        gap = times[high] - times[low]
        in_range = is_exact | ((times[low] <= grid) & (grid <= times[high]) & (gap <= MAX_GAP))
        weight = np.where(gap > 0, (grid - times[low]) / np.maximum(gap, TOLERANCE), 0.0)[:, None, None, None]
        before, after = self.positions[order[low]], self.positions[order[high]]
        observed = self.observed[order[low]] & self.observed[order[high]] & in_range[:, None, None]
        positions = np.where(observed[..., None], before * (1 - weight) + after * weight, 0.0)
        return SkeletonSequence(
            np.ascontiguousarray(np.moveaxis(positions, 0, 1), dtype=np.float32),
            np.ascontiguousarray(np.moveaxis(observed, 0, 1)),
            skeleton,
            unit=unit,
            fps=RATE,
        )


def check_frame(frame: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of a frame, `(person, joint, axis)`, 0 where not observed, and the flags.

    Args:
        frame: `(joint, axis)` or `(person, joint, axis)`, with NaN where a joint was not observed.
        skeleton: The layout.

    Raises:
        InputError: It is not a frame of the layout.
    """
    values = np.asarray(frame)
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[1] != skeleton.num_joints or values.shape[2] not in (2, 3):
        expected = f"({skeleton.num_joints} joints of {skeleton.name}, 2 or 3 axes), or several persons of them"
        raise InputError("not a frame", where="Stream", expected=expected, got=np.shape(frame))
    if values.dtype.kind not in "fiu":
        raise InputError("the frame does not consist of numbers", where="Stream", got=values.dtype)
    with np.errstate(over="ignore"):
        positions = values.astype(np.float32)
    observed: np.ndarray = np.array(np.isfinite(positions).all(-1))
    return np.where(observed[..., None], positions, np.float32(0)), observed
