"""Doubts about the frame rate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.block import Block
from skeletonmae.validation.body import mean_of_tracks
from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import Finding

RATES = (1.0, 1000.0)
FACTOR = 4.0
"""Between the speed at one frame rate and that at the others."""
ENOUGH = 5
"""Recordings of one frame rate from which on their speed says something."""


class Rates(Check):
    """The frame rate: 0, negative or not finite is an error, outside 1 to 1000 a second a warning, none a note.

    No sensor for bodies is slower or faster. A warning, too, if the recordings of one frame rate move 4 times
    faster or slower than all others: actions differ, but the middle of many recordings does not by so much, and
    a wrong frame rate (3 for 30, one per frame) changes it tenfold.
    """

    name = "fps"

    def measure(self, block: Block) -> dict[str, np.ndarray]:
        """The frame rate, NaN if not known, and the mean step of a joint in body sizes a frame."""
        with np.errstate(invalid="ignore", divide="ignore"):
            pace = block.means(block.step.sum(1), block.both.sum(1)) / block.size
        known = [np.nan if one.fps is None else one.fps for one in block.recordings]
        return {"fps": np.array(known, dtype=np.float64), "pace": mean_of_tracks(block, pace)}

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """What is wrong, and how many have none."""
        fps, pace = catalogue.column("fps"), catalogue.column("pace")
        unknown = np.isnan(fps)
        if unknown.any():
            count = int(unknown.sum())
            yield self.finding("note", f"no frame rate in {count} of {len(fps)} recordings", recordings=count)
        low, high = RATES
        for number in np.flatnonzero(~unknown & ~((fps >= low) & (fps <= high))).tolist():
            sound = np.isfinite(fps[number]) and fps[number] > 0
            what = f"{fps[number]:g} frames per second, expected {low:g} to {high:g}"
            yield self.finding("warning" if sound else "error", what, catalogue.names[number])
        speed = fps * pace
        told = np.isfinite(speed) & (speed > 0)
        for value in np.unique(fps[told]):
            mine = told & (fps == value)
            rest = told & (fps != value)
            if min(mine.sum(), rest.sum()) < ENOUGH or 2 * mine.sum() > told.sum():
                continue
            ratio = float(np.median(speed[mine]) / np.median(speed[rest]))
            if not 1 / FACTOR <= ratio <= FACTOR:
                what = (
                    f"the recordings of {value:g} frames per second move {ratio:.3g} times as fast as the others"
                )
                yield self.finding("warning", what, recordings=int(mine.sum()))
