"""Which moments of which recordings the clips of a batch show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer

from skeletonmae.sequences.clip_sampling import evenly_spaced


@dataclass(frozen=True, eq=False)
class Windows:
    """The part of a recording that each clip covers. Times are in frames of the recording and may be fractional.

    Args:
        recording_index: Index of each recording in the store.
        first: Time at which the clip begins.
        last: Time at which the clip ends, inclusive; not before `first`.
    """

    recording_index: Integer[np.ndarray, " clip"]
    first: Float64[np.ndarray, " clip"]
    last: Float64[np.ndarray, " clip"]

    def frame_times(self, clips: np.ndarray, num_frames: int) -> Float64[np.ndarray, "clip frame"]:
        """Return `num_frames` evenly spaced times, from first to last, for each of `clips`."""
        return evenly_spaced(self.first[clips], self.last[clips], num_frames)


@dataclass(frozen=True, eq=False)
class SampledFrames:
    """Single frames of each recording, as in Temporal Segment Networks.

    Args:
        recording_index: Index of each recording in the store.
        times: The frames of each clip in ascending order, as many as a clip has.
    """

    recording_index: Integer[np.ndarray, " clip"]
    times: Float64[np.ndarray, "clip frame"]

    def frame_times(self, clips: np.ndarray, num_frames: int) -> Float64[np.ndarray, "clip frame"]:  # noqa: ARG002
        """Return the times of the frames of each of `clips`."""
        times: Float64[np.ndarray, "clip frame"] = self.times[clips]
        return times
