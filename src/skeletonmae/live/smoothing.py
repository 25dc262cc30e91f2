"""Smooth the poses of one person while they come."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

TIME_CONSTANT = 1 / 30
"""Seconds; about the delay that the filter adds. Recordings of videos are smoothed by a Gaussian of this width."""
MAX_GAP = 0.25
"""Seconds without a joint after which it starts anew."""


class PoseFilter:
    """An exponential filter of first order for each joint, for any frame rate."""

    def __init__(self) -> None:
        self._values: np.ndarray | None = None
        self._times: np.ndarray | None = None

    def update(
        self, positions: Float32[np.ndarray, "joint axis"], observed: Bool[np.ndarray, " joint"], time: float
    ) -> Float32[np.ndarray, "joint axis"]:
        """Return the smoothed positions of a frame; what was not observed is returned as it is.

        Args:
            positions: Positions of the joints.
            observed: Which of them were observed.
            time: Seconds, later than before.
        """
        if self._values is None or self._times is None:
            self._values, self._times = positions.astype(np.float64), np.full(len(positions), -np.inf)
        passed = time - self._times
        share = np.where(passed > MAX_GAP, 1.0, 1 - np.exp(-np.minimum(passed, MAX_GAP) / TIME_CONSTANT))
        mixed = self._values + share[:, None] * (positions - self._values)
        self._values = np.where(observed[:, None], mixed, self._values)
        self._times = np.where(observed, time, self._times)
        smoothed: np.ndarray = np.where(observed[:, None], mixed, positions).astype(np.float32)
        return smoothed
