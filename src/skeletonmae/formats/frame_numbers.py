"""Frame numbers of a recording: where they start, and whether only every second or third frame was kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

MIN_FRAMES = 3
"""A stride needs two equal steps."""
MAX_NUMBER = 2**53
"""Frame numbers are smaller: from here on float64 does not hold every whole number."""
MIN_REGULAR_FRACTION = 0.5
"""Share of the steps that must equal the stride; the others are multiples of it, where frames are missing."""


def is_frame_number(numbers: np.ndarray) -> np.ndarray:
    """Whether each of some numbers is whole, and small enough to be exact."""
    with np.errstate(invalid="ignore"):  # nan and inf, of which the remainder is nan
        result: np.ndarray = (np.abs(numbers) < MAX_NUMBER) & (numbers % 1 == 0)
    return result


@dataclass(frozen=True)
class FrameNumbering:
    """How a file's frame numbers become frames of a recording.

    Args:
        start: Number of the first frame.
        stride: Step from one number to the next. Frames are renumbered so that it becomes 1.
    """

    start: int = 0
    stride: int = 1

    @classmethod
    def of(cls, numbers: np.ndarray | Iterable[int]) -> FrameNumbering:
        """The numbering of a recording.

        The stride is larger than 1 only if it divides every step and at least half of the steps equal it. Single
        missing frames are gaps, not a stride.

        Args:
            numbers: Whole numbers of all frames, in any order; duplicates count once.
        """
        frames = np.unique(np.asarray(numbers if isinstance(numbers, np.ndarray) else list(numbers)))
        if not len(frames):
            return cls()
        steps = np.diff(frames.astype(np.int64))
        stride = int(np.gcd.reduce(steps)) if len(frames) >= MIN_FRAMES else 1
        regular = stride > 1 and np.mean(steps == stride) >= MIN_REGULAR_FRACTION
        return cls(int(frames[0]), stride if regular else 1)

    def index(self, numbers: np.ndarray) -> np.ndarray:
        """Index in the recording of each frame number, as int64."""
        indices: np.ndarray = (numbers.astype(np.int64) - self.start) // self.stride
        return indices

    def fps(self, fps: float | None) -> float | None:
        """Frames per second of the frames that were kept, given the rate at which the numbers count."""
        return fps / self.stride if fps else fps

    @property
    def notes(self) -> tuple[str, ...]:
        """A remark for the report if frames were renumbered."""
        if self.stride == 1:
            return ()
        return (
            f"the frame numbers count in steps of {self.stride}, so the frames were renumbered, and a frame rate "
            f"in the file was divided by {self.stride}; --fps is the rate of the frames in the file",
        )
