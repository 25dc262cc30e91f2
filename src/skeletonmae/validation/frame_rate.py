"""Frame rates that are impossible, unknown or do not fit the motion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.anatomy import mean_per_recording
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding
from skeletonmae.validation.recording_table import RecordingTable

USUAL_FPS = (5.0, 1000.0)
MAX_SPEED_RATIO = 4.0
"""Median speed of the recordings of one frame rate over that of the others."""
MIN_RECORDINGS = 5
"""Speeds of fewer recordings are not compared."""


class FrameRate(Check):
    """A frame rate outside 5 to 1000 is a warning, an unknown one a note. (No recording has an impossible one.)

    No sensor for bodies is slower or faster. A warning, too, if the recordings of one frame rate move 4 times
    faster or slower than all others: actions differ, but the medians over many recordings do not differ by that
    much, and a wrong frame rate (3 for 30, one per frame) changes them tenfold.
    """

    name = "fps"

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:
        """Measure the frame rate, NaN if unknown, and the mean displacement of a joint in body sizes per frame."""
        with np.errstate(invalid="ignore", divide="ignore"):
            total = block.mean_per_track(block.displacement.sum(1), block.observed_next.sum(1))
            pace = total / block.body_size
        fps = [np.nan if recording.fps is None else recording.fps for recording in block.recordings]
        return {"fps": np.array(fps, dtype=np.float64), "pace": mean_per_recording(block, pace)}

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield doubtful frame rates, and how many recordings have none."""
        fps, pace = table.column("fps"), table.column("pace")
        unknown = np.isnan(fps)
        if unknown.any():
            count = int(unknown.sum())
            message = f"the frame rate of {count} of {len(fps)} recordings is unknown; state it with `--fps`"
            yield self.finding("note", message, recordings=count)
        low, high = USUAL_FPS
        for index in np.flatnonzero(~unknown & ~((fps >= low) & (fps <= high))).tolist():
            message = f"{fps[index]:g} frames per second; expected {low:g} to {high:g}: state `--fps`"
            yield self.finding("warning", message, table.names[index])
        speed = fps * pace
        known = np.isfinite(speed) & (speed > 0)
        for value in np.unique(fps[known]):
            same_fps = known & (fps == value)
            other_fps = known & (fps != value)
            is_minority = 2 * same_fps.sum() <= known.sum()
            if min(same_fps.sum(), other_fps.sum()) < MIN_RECORDINGS or not is_minority:
                continue
            ratio = float(np.median(speed[same_fps]) / np.median(speed[other_fps]))
            if not 1 / MAX_SPEED_RATIO <= ratio <= MAX_SPEED_RATIO:
                message = (
                    f"the recordings of {value:g} frames per second move {ratio:.3g} times as fast as the others; "
                    f"is this their frame rate? If not, state `--fps`"
                )
                yield self.finding("warning", message, recordings=int(same_fps.sum()))
