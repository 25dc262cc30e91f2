"""How long actions last and how fast they are, measured on training clips of one action each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.sequences import SkeletonSequence

DEFAULT_FPS = 30.0
"""Frame rate that is assumed where it is not known."""
QUANTILE = 0.05
"""The shortest clips of a class, which set its minimum duration."""
NUM_SHARED = 5
"""Number of durations of all classes that count for each class, which few clips then do not set alone."""
NUM_SPEEDS = 41
"""Number of quantiles of the speeds that are kept."""
SPEED_BLUR = 0.2
"""Scale of the logistic distribution by which the logarithms of speeds are blurred: about 20 %."""
MIN_SPEED = 1e-9
SPEED_SECONDS = 0.4
"""Duration over which a speed is averaged."""


class ActionTiming(Config):
    """Durations of the classes, and the speeds of bodies during actions."""

    minimum: tuple[float, ...] = Field(min_length=1)
    """Minimum duration of each class: half of the 5 % quantile, since actions may be shorter than in training."""
    mean: tuple[float, ...] = Field(min_length=1)
    """Mean duration of each class."""
    median: float = Field(gt=0)
    """Median duration of all clips."""
    in_seconds: bool
    """Whether durations are in seconds. Where the frame rate of a training clip is not known, they are in frames,
    of which 30 count as a second."""
    speeds: tuple[float, ...] = ()
    """Quantiles of the speed of the joints, evenly spaced from the minimum to the maximum, in sizes of the body
    per second."""

    @classmethod
    def of(
        cls,
        recordings: Iterable[SkeletonSequence],
        labels: Int[np.ndarray, " clip"] | Sequence[int],
        num_classes: int,
    ) -> ActionTiming:
        """Measure training clips. A class without clips gets the durations of all classes together.

        Args:
            recordings: The clips, each of one action.
            labels: Class index of each.
            num_classes: Number of classes.
        """
        frames, rates, speeds = [], [], []
        for recording in recordings:
            frames.append(max(1, num_observed_frames(recording)))
            rates.append(recording.fps)
            # The speed is that of the clip's own rate; of an unknown one, as for every recording, 30 are assumed.
            speeds.append(recording_speeds(recording, recording.fps or DEFAULT_FPS))
        in_seconds = all(rates)
        seconds = np.array(
            [num / (rate if in_seconds and rate else DEFAULT_FPS) for num, rate in zip(frames, rates, strict=True)]
        )
        shared = np.quantile(seconds, np.linspace(0, 1, NUM_SHARED))
        own = [np.concatenate([seconds[np.asarray(labels) == label], shared]) for label in range(num_classes)]
        known = np.concatenate(speeds)
        known = known[np.isfinite(known)]
        return cls(
            minimum=tuple(float(np.quantile(values, QUANTILE)) / 2 for values in own),
            mean=tuple(float(values.mean()) for values in own),
            median=float(np.median(seconds)),
            in_seconds=in_seconds,
            speeds=tuple(np.quantile(known, np.linspace(0, 1, NUM_SPEEDS)).tolist()) if len(known) else (),
        )

    def fps_of(self, recording: SkeletonSequence) -> float:
        """Return the frames of a recording that count as a second."""
        return recording.fps if self.in_seconds and recording.fps else DEFAULT_FPS

    def speed_ranks(self, speeds: Float64[np.ndarray, " step"]) -> Float64[np.ndarray, " step"]:
        """Return the share of the speeds of training that are lower than each speed; NaN where it is not known.

        The speeds of training are blurred by `SPEED_BLUR`, because a person who moves a little slower than anybody
        in training does not stand still.
        """
        if not self.speeds:
            return np.full(len(speeds), np.nan)
        logarithms, known = (np.log(np.maximum(values, MIN_SPEED)) for values in (speeds, np.array(self.speeds)))
        ranks: Float64[np.ndarray, " step"] = (
            1 / (1 + np.exp((known - logarithms[:, None]) / SPEED_BLUR).clip(max=1e12))
        ).mean(1)
        return ranks


def num_observed_frames(recording: SkeletonSequence) -> int:
    """Return the number of frames from the first to the last in which anybody was observed."""
    frames = np.flatnonzero(recording.observed.any((0, 2)))
    return int(frames[-1] - frames[0]) + 1 if len(frames) else 0


def recording_speeds(recording: SkeletonSequence, fps: float) -> Float64[np.ndarray, " step"]:
    """Return the speeds of a clip, a quarter of their duration apart."""
    step = SPEED_SECONDS / 4 * fps
    centers = np.arange(step / 2, max(recording.num_frames, step), step)
    return local_speed(recording.positions, recording.observed, centers, fps)


def local_speed(
    positions: Float32[np.ndarray, "person frame joint axis"],
    observed: Bool[np.ndarray, "person frame joint"],
    centers: Float64[np.ndarray, " step"],
    fps: float,
) -> Float64[np.ndarray, " step"]:
    """Return the mean speed of the joints around each time, in sizes of the body per second; NaN where not known.

    A displacement is measured over a tenth of a second, so that the noise of a sensor looks less like motion. A
    joint counts where it was observed before and after.

    Args:
        positions: Coordinates.
        observed: Whether each joint was observed.
        centers: Times in frames.
        fps: Frames per second.
    """
    num_frames = positions.shape[1]
    lag = min(max(1, round(fps / 10)), num_frames - 1)
    size = body_size(positions, observed)
    if lag < 1 or size <= 0:
        return np.full(len(centers), np.nan)
    both = observed[:, lag:] & observed[:, :-lag]
    distance = np.linalg.norm(positions[:, lag:] - positions[:, :-lag], axis=-1) * both
    total, count = (np.concatenate([[0.0], np.cumsum(values.sum((0, 2)))]) for values in (distance, both))
    half, middle = max(SPEED_SECONDS * fps / 2, 0.5), centers - lag / 2 + 0.5
    begin = np.clip(np.floor(middle - half), 0, len(total) - 2).astype(int)
    end = np.clip(np.ceil(middle + half), begin + 1, len(total) - 1).astype(int)
    num = count[end] - count[begin]
    speed = (total[end] - total[begin]) / np.maximum(num, 1) * fps / lag / size
    return np.where(num > 0, speed, np.nan)


def body_size(
    positions: Float32[np.ndarray, "person frame joint axis"], observed: Bool[np.ndarray, "person frame joint"]
) -> float:
    """Return the root mean square distance of the joints of a person from their mean, the median over frames."""
    count = observed.sum(2)
    mean = positions.sum(2) / np.maximum(count, 1)[..., None]
    squares = ((positions - mean[:, :, None]) ** 2).sum(-1) * observed
    seen = count >= 2
    return float(np.sqrt(np.median((squares.sum(2) / np.maximum(count, 1))[seen]))) if seen.any() else 0.0
