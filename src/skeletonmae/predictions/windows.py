"""Parts of long recordings, each as long as a training clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skeletonmae.predictions.persons import split_persons
from skeletonmae.sequences import SkeletonSequence

MAX_LENGTH_FACTOR = 2.0
"""A recording that is longer than so many times the longest training clip is cut in windows."""
MAX_WINDOWS = 100_000


class Window(NamedTuple):
    """A recording to classify, or a part of one."""

    recording: SkeletonSequence
    person: int | None
    """Index of the person in the original recording; None for all persons."""
    start: int | None
    """First frame of the part; None for the whole recording."""
    end: int | None
    """Frame after its last one."""


class ClipLengths(NamedTuple):
    """How long the training clips are, from the first to the last frame with an observed joint."""

    median: float
    longest: float
    in_seconds: bool
    """Whether lengths are in seconds, because the frame rate of every training clip is known; else in frames."""

    def length_in_frames(self, length: float, fps: float | None) -> float | None:
        """Convert a length to frames of a recording; None if its frame rate is needed but not known."""
        if not self.in_seconds:
            return length
        return length * fps if fps else None


def cut_windows(
    recording: SkeletonSequence, lengths: ClipLengths | None, per_person: bool = False
) -> Iterator[Window]:
    """Yield a recording, or its windows of the training clips' median length if it is much longer than these.

    Successive windows overlap by half; the last one ends with the recording.

    Args:
        recording: The recording.
        lengths: Lengths of the training clips; None to cut nothing.
        per_person: Yield every person alone.
    """
    for start, end in _bounds(recording, lengths):
        part = recording
        if end is not None:
            frames = slice(start, end)
            positions, observed = recording.positions[:, frames], recording.observed[:, frames]
            part = replace(recording, positions=positions, observed=observed)
        if not per_person:
            yield Window(part, None, start, end)
            continue
        for person, alone in split_persons(part):
            yield Window(alone, person, start, end)


def _bounds(
    recording: SkeletonSequence, lengths: ClipLengths | None
) -> list[tuple[int, int]] | list[tuple[None, None]]:
    seen = np.flatnonzero(recording.observed.any((0, 2)))
    if lengths is None or not len(seen):
        return [(None, None)]
    first, end = int(seen[0]), int(seen[-1]) + 1
    longest = lengths.length_in_frames(lengths.longest, recording.fps)
    median = lengths.length_in_frames(lengths.median, recording.fps)
    if longest is None or median is None or end - first <= MAX_LENGTH_FACTOR * longest:
        return [(None, None)]
    width = max(2, round(median))
    step = max(1, width // 2, (end - first) // MAX_WINDOWS)
    starts = [*range(first, end - width, step), end - width]
    return [(start, start + width) for start in starts]
