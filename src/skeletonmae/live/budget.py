"""Where the time of a frame goes."""

from __future__ import annotations

from collections import defaultdict, deque

STAGES = ("decode", "pose", "encoder", "answer", "draw")
"""Decoding, persons and their poses, features of windows, what follows from them, and the picture."""
SECONDS = 2.0
"""What is averaged over."""


class Budget:
    """Milliseconds of each stage and frames per second, over the last two seconds."""

    def __init__(self) -> None:
        self._measured: dict[str, deque[tuple[float, float]]] = defaultdict(deque)
        self._frames: deque[float] = deque()
        self.num_frames = 0

    def add(self, stage: str, seconds: float, time: float) -> None:
        """Add a measurement.

        Args:
            stage: One of `STAGES`, or `delay`.
            seconds: How long it took.
            time: When, in seconds.
        """
        self._measured[stage].append((time, seconds))
        self._forget(self._measured[stage], time)

    def add_frame(self, time: float) -> None:
        """Count a frame that is done at `time`."""
        self.num_frames += 1
        self._frames.append(time)
        while self._frames and self._frames[0] <= time - SECONDS:
            self._frames.popleft()

    @staticmethod
    def _forget(values: deque[tuple[float, float]], time: float) -> None:
        while len(values) > 1 and values[0][0] <= time - SECONDS:
            values.popleft()

    @property
    def milliseconds(self) -> dict[str, float]:
        """Mean of each stage that was measured, over the frames in which it was: few have a window to encode."""
        return {
            stage: 1000 * sum(seconds for _, seconds in values) / len(values)
            for stage in (*STAGES, "delay")
            if (values := self._measured.get(stage))
        }

    @property
    def frames_per_second(self) -> float:
        """Frames that were done each second."""
        if len(self._frames) < 2:
            return 0.0
        return (len(self._frames) - 1) / max(self._frames[-1] - self._frames[0], 1e-9)

    def describe(self, num_read: int, num_dropped: int) -> str:
        """Say in one line where the time goes.

        Args:
            num_read: Frames that the source gave.
            num_dropped: Those that were left out.
        """
        measured = self.milliseconds
        stages = ", ".join(f"{stage} {measured[stage]:.0f}" for stage in STAGES if stage in measured)
        delay = f"; from frame to answer {measured['delay']:.0f} ms" if "delay" in measured else ""
        dropped = f", {num_dropped} of {num_read} dropped" if num_read else ""
        return f"{stages} ms{delay}; {self.frames_per_second:.0f} frames/s{dropped}"
