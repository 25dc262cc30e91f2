"""Which moments of a recording a clip shows, and which gaps in it are bridged. Needs numpy only."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from pydantic import Field, model_validator

from skeletonmae.config import Config

Sampling = Literal["crop", "segments", "random_frames"]
"""`crop`: a clip is a part of the recording, resampled by linear interpolation in time. `segments`: the whole
recording is divided into as many equal segments as a clip has frames, and one recorded frame of each is taken.
`random_frames`: recorded frames drawn from the whole recording, in their order."""

UNKNOWN_RATE_GAP = 8
"""Longest gap, in frames, that is bridged in a recording of unknown frame rate: about 0.25 s at 30 per second."""


class ClipSampling(Config):
    """Length and sampling of the clips."""

    frames: int = Field(64, ge=1, le=100_000)
    """Number of frames of a clip."""
    sampling: Sampling = "crop"
    """`crop`: a part of the recording, resampled by linear interpolation in time. `segments`: the whole recording,
    divided into `frames` equal segments, with one recorded frame of each: a random one in training, otherwise the
    middle one. `random_frames`: in training, recorded frames drawn at random from the whole recording, with
    repetition, in order of time; otherwise evenly spaced ones from the first to the last."""
    crop: tuple[float, float] = (0.5, 1.0)
    """Minimum and maximum length of the random crop in training, as shares of the recording (`crop` only)."""
    test_crop: float = Field(0.95, gt=0, le=1)
    """Length of the center crop outside training, as a share of the recording (`crop` only)."""
    max_persons: int = Field(2, ge=1)
    """Maximum number of persons per clip; the first ones of the recording are used."""
    bridge_seconds: float = Field(0.25, ge=0, le=10)
    """Longest gap in which a joint that was not observed is interpolated between the observed frames before and
    after it, in seconds; 0 bridges nothing. The missing frames are counted: at 30 frames per second, 0.25 s are up
    to 7 frames. If the frame rate is unknown, gaps of up to 8 frames are bridged. The model sees bridged values,
    but pre-training never predicts them."""

    @model_validator(mode="after")
    def _check_crop(self) -> Self:
        if not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise ValueError(
                f"crop must be two shares in increasing order, above 0 and at most 1; got {self.crop}"
            )
        return self

    def test_times(self, num_frames: Int64[np.ndarray, " clip"]) -> Float64[np.ndarray, "clip frame"]:
        """Return the times that a clip of each recording shows outside training, in frames of the recording.

        Args:
            num_frames: number of frames of each recording.
        """
        if self.sampling == "segments":
            return segment_times(num_frames, np.full((len(num_frames), self.frames), 0.5))
        if self.sampling == "random_frames":
            return evenly_spaced_frames(num_frames, self.frames)
        half = np.full(len(num_frames), 0.5)
        return evenly_spaced(*crop_ends(num_frames, np.full(len(num_frames), self.test_crop), half), self.frames)


def crop_ends(
    num_frames: np.ndarray, share: Float64[np.ndarray, " clip"], position: Float64[np.ndarray, " clip"]
) -> tuple[Float64[np.ndarray, " clip"], Float64[np.ndarray, " clip"]]:
    """Return the times at which a crop of each recording begins and ends, inclusive.

    Args:
        num_frames: number of frames of each recording.
        share: length of each crop, as a fraction of the recording.
        position: from 0 for the beginning of the recording to 1 for its end.
    """
    total = num_frames.astype(np.float64)
    length = np.maximum(total * share, np.minimum(total, 1.0))
    first = (total - length) * position
    return first, first + np.maximum(length - 1.0, 0.0)


def evenly_spaced(
    first: Float64[np.ndarray, " clip"], last: Float64[np.ndarray, " clip"], num_frames: int
) -> Float64[np.ndarray, "clip frame"]:
    """Return `num_frames` evenly spaced times from first to last."""
    fraction = np.linspace(0.0, 1.0, num_frames)
    times: Float64[np.ndarray, "clip frame"] = first[:, None] * (1 - fraction) + last[:, None] * fraction
    return times


def segment_times(
    num_frames: np.ndarray, position: Float64[np.ndarray, "clip segment"]
) -> Float64[np.ndarray, "clip segment"]:
    """Return one recorded frame of each segment of each recording.

    Args:
        num_frames: number of frames of each recording.
        position: position of the frame in each segment, from 0 to 1.
    """
    segment = np.arange(position.shape[1]) + position
    times: Float64[np.ndarray, "clip segment"] = np.floor(
        segment * num_frames.astype(np.float64)[:, None] / position.shape[1]
    )
    return times


def drawn_frame_times(
    num_frames: np.ndarray, position: Float64[np.ndarray, "clip frame"]
) -> Float64[np.ndarray, "clip frame"]:
    """Return recorded frames of each recording, in order of time.

    Args:
        num_frames: number of frames of each recording.
        position: position of each frame in the recording, from 0 to below 1, in any order.
    """
    times: Float64[np.ndarray, "clip frame"] = np.floor(
        np.sort(position, axis=1) * num_frames.astype(np.float64)[:, None]
    )
    return times


def evenly_spaced_frames(num_frames: np.ndarray, num_drawn: int) -> Float64[np.ndarray, "clip frame"]:
    """Return `num_drawn` recorded frames of each recording, from the first to the last, rounded down.

    Args:
        num_frames: number of frames of each recording.
        num_drawn: number of frames of a clip.
    """
    last = np.maximum(num_frames.astype(np.float64) - 1.0, 0.0)
    times: Float64[np.ndarray, "clip frame"] = np.floor(
        evenly_spaced(np.zeros(len(last)), last, num_drawn).round(6)
    )
    return times


def surrounding_frames(
    times: Float64[np.ndarray, "track frame"], last_frame: Int64[np.ndarray, "track 1"]
) -> tuple[
    Int64[np.ndarray, "track frame"],
    Int64[np.ndarray, "track frame"],
    Float[np.ndarray, "track frame"],
    Bool[np.ndarray, "track frame"],
]:
    """Return what to interpolate at each time.

    Args:
        times: counted from the first frame of each track.
        last_frame: index of the last frame of each track.

    Returns:
        The frames of the track before and after the time, which are the same at a recorded frame; the weight of
        the second; and whether the time lies within the track.
    """
    times = times.round(6)  # rounding errors must not turn a recorded frame into a mixture
    before = np.floor(times)
    weight = (times - before).astype(np.float32)
    in_range = (times >= 0) & (times <= last_frame)
    low = np.clip(before.astype(np.int64), 0, last_frame)
    return low, np.minimum(low + (weight > 0), last_frame), weight, in_range


def longest_bridged_gap(fps: np.ndarray, bridge_seconds: float) -> Int64[np.ndarray, " recording"]:
    """Return the largest number of missing frames that is bridged in each recording.

    Args:
        fps: frames per second of each recording; a value that is not finite and positive is unknown.
        bridge_seconds: as in `ClipSampling`.
    """
    if not bridge_seconds:
        return np.zeros(len(fps), dtype=np.int64)
    rate = np.asarray(fps, dtype=np.float64)
    is_known = np.isfinite(rate) & (rate > 0)
    frames = np.floor(np.where(is_known, rate, 0.0) * bridge_seconds + 1e-6)
    return np.where(is_known, np.minimum(frames, 2.0**31), UNKNOWN_RATE_GAP).astype(np.int64)
