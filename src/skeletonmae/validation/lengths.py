"""Recordings that are too short, far longer than the others, or cut into single frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.datasets.single_frames import describe_scattered, scattered_frames
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding, pluralize
from skeletonmae.validation.recording_table import RecordingTable

MIN_FRAMES = 7
"""Frames below which a recording is too short for an action: a quarter of a second at 30 frames per second."""
MAX_LENGTH_RATIO = 20
"""Length of a recording over the median of its class, from which it probably holds more than one action."""
MIN_IN_CLASS = 3
"""Labeled recordings that a class needs for a median."""


class Short(Check):
    """One to six frames: a warning. They show hardly any motion: at 30 frames per second, a fifth of a second.

    Mostly they are what is left of a damaged recording, or frames were dropped when it was exported.
    """

    name = "short"

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:
        """Measure the number of frames, for the other checks of this file too."""
        return {"num_frames": np.array([recording.num_frames for recording in block.recordings], dtype=np.int64)}

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per recording with so few frames."""
        for index, recording in enumerate(block.recordings):
            if 0 < recording.num_frames < MIN_FRAMES:
                message = f"only {pluralize(recording.num_frames, 'frame')}".replace("1 frame", "one frame")
                yield self.finding("warning", message, block.recording_name(index))


class Long(Check):
    """A recording 20 times as long as the median of its class, of three or more: a warning.

    In real datasets of single actions, the longest recording of a class is 2 to 8 times as long as the median. One
    that is far longer was probably not cut into its actions.
    """

    name = "long"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield the recordings that are far longer than their class."""
        num_frames = table.column("num_frames")
        of_class: dict[str, list[int]] = {}
        for index, label in enumerate(table.labels):
            if label is not None:
                of_class.setdefault(label, []).append(index)
        for label, indices in of_class.items():
            median = float(np.median(num_frames[indices]))
            if len(indices) < MIN_IN_CLASS or not median:
                continue
            for index in indices:
                if (ratio := num_frames[index] / median) >= MAX_LENGTH_RATIO:
                    message = (
                        f"{num_frames[index]} frames, {ratio:.0f} times the median of class {label!r} "
                        f"({median:g}); was it not cut into its actions? A clip covers a part of it only"
                    )
                    yield self.finding("warning", message, table.names[index])


class SingleFrames(Check):
    """More than half of the recordings of a folder, and at least three, have one frame: an error.

    They are the frames of one recording, in files or lines that were not recognized as such.
    """

    name = "frames"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one finding per folder."""
        for folder, indices in scattered_frames(table.names, table.column("num_frames").tolist()).items():
            message = describe_scattered(folder, [table.names[index] for index in indices])
            yield self.finding("error", message, table.names[indices[0]], recordings=len(indices))
