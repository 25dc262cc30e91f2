"""The frame rate of a video by the times of its frames, and poses at regular times where those are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from skeletonmae.limits import FRAME_SPAN

MAX_SHIFT = 0.5
"""Frames that are so many intervals or less from a regular time are regular."""
ROUNDING = 0.03
"""By such a share, times in whole milliseconds change a rate of 60 frames per second."""
MAX_GAP_SECONDS = 0.25
"""Between two frames that are farther apart, nothing was observed, unless the rate is slow."""
MAX_GAP_INTERVALS = 1.5
"""Frames that are so many intervals or less apart count as neighbors at any rate."""
SAME_TIME = 0.1
"""A frame that is so many intervals or less from a time is taken for it as it is."""


@dataclass(frozen=True, eq=False)
class TimeGrid:
    """Regular times for the frames of a video.

    Args:
        fps: Frames per second.
        times: Regular times at which poses are interpolated; None if the frames of the video are regular.
        note: What had to be done, in words; empty if nothing.
    """

    fps: float
    times: Float64[np.ndarray, " time"] | None = None
    note: str = ""

    @property
    def max_gap(self) -> float:
        """Seconds between two frames up to which poses are interpolated."""
        return max(MAX_GAP_SECONDS, MAX_GAP_INTERVALS / self.fps)

    @classmethod
    def of(cls, times: np.ndarray, stated_fps: float | None) -> TimeGrid:
        """Return the grid of a video.

        A rate that the file states holds if no frame is farther than `MAX_SHIFT` from its place; else the mean
        rate, if it fits as well. Otherwise the rate is variable: its median is that of the grid, or the stated
        rate if they are equal but for rounding.

        Args:
            times: Seconds of each frame, increasing; two or more.
            stated_fps: What the file states.
        """
        mean_fps = (len(times) - 1) / (times[-1] - times[0])
        for fps in (stated_fps, mean_fps):
            if fps is not None and _is_regular(times, fps):
                return cls(_rounded(fps))
        intervals = np.diff(times)
        fps = float(1 / np.median(intervals))
        if stated_fps and abs(fps / stated_fps - 1) <= ROUNDING:
            fps = stated_fps
        count = (times[-1] - times[0]) * fps + 1
        if not count <= FRAME_SPAN.of(len(times)):
            fps = stated_fps or fps
            note = (
                f"the time stamps of the video are not plausible (intervals of {intervals.min():.3g} to "
                f"{intervals.max():.3g} s): its frames count as regular, at {fps:.3g} frames per second"
            )
            return cls(_rounded(fps), None, note)
        grid = times[0] + np.arange(int(count + 1e-6)) / fps
        note = (
            f"the frame rate of the video is variable (intervals of {1000 * intervals.min():.0f} to "
            f"{1000 * intervals.max():.0f} ms): its poses were interpolated at {fps:.3g} frames per second, "
            f"{len(grid)} frames in place of {len(times)}"
        )
        max_gap = cls(fps).max_gap
        everything = np.ones((len(times), 1), dtype=bool)
        _, covered = interpolate(np.zeros((len(times), 1, 1)), everything, times, grid, max_gap)
        if not covered.all():
            note += (
                f", {covered.sum()} of which ({covered.mean():.0%}) can be observed: "
                f"the others are in gaps of more than {max_gap:.3g} s"
            )
        return cls(fps, grid, note)


def interpolate(
    values: np.ndarray,
    observed: Bool[np.ndarray, "frame joint"],
    times: Float64[np.ndarray, " frame"],
    at: Float64[np.ndarray, " time"],
    max_gap: float = MAX_GAP_SECONDS,
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate poses linearly in time.

    A joint is observed at a time if it was observed in the frames before and after, and these are not more than
    `max_gap` apart; or if it was observed in a frame that is almost at that time.

    Args:
        values: `(frame, joint, axis)`.
        observed: Whether each joint was observed.
        times: Seconds of the frames, increasing.
        at: The times to interpolate at.
        max_gap: Seconds between two frames up to which poses are interpolated.

    Returns:
        The values `(time, joint, axis)`, and whether each joint was observed `(time, joint)`.
    """
    after = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    before = after - 1
    gap = times[after] - times[before]
    weight = np.clip((at - times[before]) / gap, 0, 1)
    interval = np.median(np.diff(at)) if len(at) > 1 else gap.min()
    alone_before = weight * gap <= SAME_TIME * interval
    alone_after = (1 - weight) * gap <= SAME_TIME * interval
    weight = np.where(alone_before, 0.0, np.where(alone_after, 1.0, weight))
    is_near = (gap <= max_gap * (1 + 1e-6)) | alone_before | alone_after
    seen_before, seen_after = observed[before] | (weight == 1)[:, None], observed[after] | (weight == 0)[:, None]
    is_observed = seen_before & seen_after & is_near[:, None]
    share = weight[:, None, None].astype(values.dtype)
    return values[before] * (1 - share) + values[after] * share, is_observed


def _rounded(fps: float) -> float:
    """A rate to five significant digits, which tell 23.976 from 24."""
    return float(f"{float(fps):.5g}")


def _is_regular(times: np.ndarray, fps: float) -> bool:
    """Whether every frame is near its regular time, counted from the first frame."""
    places = (times - times[0]) * fps
    return bool(np.abs(places - np.arange(len(times))).max() <= MAX_SHIFT * (1 + 1e-6))
