"""What is unusual about a recording, in sentences, compared with the training clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.predictions.motion_statistics import MotionStatistics
from skeletonmae.predictions.windows import MAX_LENGTH_FACTOR, ClipLengths

MIN_TILT = 45.0
"""Degrees beyond the most tilted training clip from which a body counts as turned."""
MAX_TILT = 135.0
"""Degrees from which a body counts as turned unless a training clip is turned further."""
MAX_SIZE_FACTOR = 3.0
"""A body that is so many times larger or smaller than those of the training clips is in another unit."""
MIN_OBSERVED_SHARE = 0.5
"""A recording with a smaller share of the training clips' observed joints has few of them."""
MIN_GAP = 0.25
"""Seconds without an observed joint that are bridged by interpolation, and do not matter."""
MIN_LENGTH_SHARE = 0.5
"""A recording that is shorter than this share of the shortest training clip is short."""


class TrainingRange(Config):
    """The range of the statistics of the training clips."""

    smallest: float = Field(gt=0)
    """Size of the smallest body, in the unit of the recordings."""
    largest: float = Field(gt=0)
    """Size of the largest body."""
    tilt: float = Field(ge=0, le=180)
    """Tilt of the mean pose that is turned most, in degrees."""
    joints: float = Field(ge=0)
    """Median number of joints."""
    observed: float = Field(ge=0, le=1)
    """Median share of the joint positions that were observed."""
    shortest: float = Field(ge=0)
    """Length of the shortest clip, in seconds where every frame rate is known, else in frames."""
    median: float = Field(ge=0)
    """Median length."""
    longest: float = Field(ge=0)
    """Length of the longest clip."""
    in_seconds: bool
    """Whether lengths are in seconds."""
    gap: float | None = None
    """Longest time without an observed joint, in seconds; None where it is not known."""

    @classmethod
    def of(cls, statistics: Sequence[MotionStatistics]) -> TrainingRange:
        """Take the range from the statistics of the training clips."""
        table = np.array(statistics, dtype=np.float64)
        column = {name: table[:, index] for index, name in enumerate(MotionStatistics._fields)}
        in_seconds = bool(np.isfinite(column["seconds"]).all())
        lengths = column["seconds" if in_seconds else "frames"]
        tilt = column["tilt"][np.isfinite(column["tilt"])]
        gap = column["gap"][np.isfinite(column["gap"])]
        return cls(
            smallest=float(max(1e-9, column["size"].min())),
            largest=float(max(1e-9, column["size"].max())),
            tilt=float(tilt.max()) if len(tilt) else 180.0,
            joints=float(np.median(column["joints"])),
            observed=float(np.median(column["observed"])),
            shortest=float(lengths.min()),
            median=float(np.median(lengths)),
            longest=float(lengths.max()),
            in_seconds=in_seconds,
            gap=float(gap.max()) if len(gap) else None,
        )

    @property
    def lengths(self) -> ClipLengths:
        """How long the training clips are."""
        return ClipLengths(self.median, self.longest, self.in_seconds)

    def is_another_unit(self, statistics: MotionStatistics) -> bool:
        """Return whether the body is so much larger or smaller that its coordinates may be in another unit."""
        too_large = statistics.size > MAX_SIZE_FACTOR * self.largest
        return too_large or statistics.size * MAX_SIZE_FACTOR < self.smallest

    def warnings(self, statistics: MotionStatistics, is_window: bool = False) -> Iterator[str]:
        """Yield what is unusual about a recording.

        Args:
            statistics: Its statistics.
            is_window: Whether it is a window of a longer recording, whose length says nothing.
        """
        if statistics.tilt > max(self.tilt, min(MAX_TILT, self.tilt + MIN_TILT)):
            yield (
                f"the body is turned by {statistics.tilt:.0f} degrees against the training clips: it is upside"
                " down, or the axes are in another order (see --up)"
            )
        if self.is_another_unit(statistics):
            factor = statistics.size / np.sqrt(self.smallest * self.largest)
            times = factor if factor > 1 else 1 / max(factor, 1e-12)
            number = f"{times:,.0f}" if times >= 10 else f"{times:.1f}"
            how = f"{number} times {'larger' if factor > 1 else 'smaller'}"
            yield (
                f"the body is {how} than in the training clips: the coordinates may be in another unit"
                " (see --unit)"
            )
        share = statistics.observed * statistics.joints
        if share < MIN_OBSERVED_SHARE * self.observed * self.joints:
            yield (
                f"few joints were observed: {statistics.joints:.0f} joints in {100 * statistics.observed:.0f} % of"
                f" the frames, and {self.joints:.0f} in {100 * self.observed:.0f} % in the training clips"
            )
        if self.gap is not None and statistics.gap > max(MIN_GAP, self.gap):
            yield (
                f"nothing was observed for {statistics.gap:.2g} s in between: gaps of more than {MIN_GAP:g} s are"
                f" not bridged, and those of the training clips are at most {self.gap:.2g} s long"
            )
        length = statistics.seconds if self.in_seconds else statistics.frames
        unit = "s" if self.in_seconds else " frames"
        if not is_window and length > MAX_LENGTH_FACTOR * self.longest:
            yield (
                f"it is much longer or slower than the training clips: {length:.3g}{unit}, and these have up to"
                f" {self.longest:.3g}{unit}"
            )
        if not is_window and length < MIN_LENGTH_SHARE * self.shortest:
            yield (
                f"it is much shorter or faster than the training clips: {length:.3g}{unit}, and these have at"
                f" least {self.shortest:.3g}{unit}"
            )
