"""The duration of each result of a protocol."""

from __future__ import annotations

from time import monotonic


class LapTimer:
    """Measures laps: the first since it was made, each other since the one before.

    So the durations of a protocol's results add up to that of the protocol. What several results share, such as
    the features, counts for the first of them.
    """

    def __init__(self) -> None:
        self._start = monotonic()

    def lap(self) -> float:
        """Return the seconds of the lap that ends now, and begin the next."""
        start, self._start = self._start, monotonic()
        return self._start - start
