"""The times of the frames of a video, whose stamps may be missing, stand still or go back."""

from __future__ import annotations

import math


class FrameClock:
    """The time of each frame: an interval after the last without a stamp, and half of it if that is not later.

    While the stamps stand still or go back, the frames follow at the frame rate.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.num_without = self.num_wrong = 0
        self.start = self.last = math.nan
        self._stamp = self._base = math.nan
        self._num_stuck = 0

    def __call__(self, stamp: float | None) -> float:
        """Return seconds from the first frame.

        Args:
            stamp: The time that the file states.
        """
        if stamp is None or not math.isfinite(stamp):
            self.num_without += 1
            self.last = 0.0 if math.isnan(self.last) else self.last + self.interval
            return self.last
        if math.isnan(self.start):  # of a first frame without a time, too
            self.start = stamp - (0.0 if math.isnan(self.last) else self.last + self.interval)
        time = stamp - self.start
        is_stuck, self._stamp = stamp <= self._stamp, stamp
        if time <= self.last:
            self.num_wrong += 1
            self._num_stuck = self._num_stuck + 1 if is_stuck else 0
            if self._num_stuck <= 1:
                self._base = self.last
                time = self.last + self.interval / 2  # so that the next frame can be later at its own time
            else:
                time = self._base + self._num_stuck * self.interval
        else:
            self._num_stuck = 0
        self.last = time
        return time
