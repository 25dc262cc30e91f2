"""Doubts about the unit and about the axes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.block import Block
from skeletonmae.validation.body import BOTTOM, TOP, is_whole, mean_of_tracks, middle
from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import Finding

SURE, LIKELY = (0.05, 5.0), (0.15, 1.2)
"""Size of a body in metres outside which the unit is wrong, and outside which it probably is."""
LENGTHS = {"millimetres": 1000.0, "centimetres": 100.0, "inches": 39.4, "decimetres": 10.0, "feet": 3.28}
ADULT = 0.5
"""Metres: the size of an adult."""
UPSIDE_DOWN = -0.5
"""Mean of the upward part of the direction from feet to head, 1 for a body that stands."""
ALONG = 0.7
"""The same along the axis that would be up."""


class Units(Check):
    """Bodies too large or too small for their unit, and three axes of which the last is always the same.

    The size of a body is the root mean square distance of its joints from their middle: 0.24 to 0.75 m in real
    recordings of children and adults. In metres, outside 0.15 to 1.2 is a warning, outside 0.05 to 5 an error.
    Pixels: under 2 is a warning, no image shows a body on two pixels. Shares of the image: over 10 is an error.
    An unknown unit is a note that says what it looks like.
    """

    name = "units"

    def look(self, block: Block) -> Iterator[Finding]:
        """The tracks whose size or axes cannot be."""
        known = block.sums(block.observed.sum(1)) >= 0.5 * block.lengths * block.skeleton.num_joints
        size, unit = np.where(known, block.size, np.nan), block.unit
        if unit == "m" and is_whole(block.skeleton):
            wrong = (size > 0) & ((size < LIKELY[0]) | (size > LIKELY[1]))
        elif unit == "px":
            wrong = (size > 0) & (size < 2)
        else:
            wrong = (size > 10) if unit == "image" else np.zeros(len(size), dtype=bool)
        for track in np.flatnonzero(wrong).tolist():
            sure = unit == "image" or (unit == "m" and not SURE[0] <= size[track] <= SURE[1])
            what = f"a body of size {size[track]:.3g} {unit}; {_looks_like(float(size[track]), unit)}"
            yield self.of_track(block, track, "error" if sure else "warning", what)
        if block.axes == 3 and len(block.starts):
            depth, seen = block.positions[..., 2], block.observed
            low = np.minimum.reduceat(np.where(seen, depth, np.inf).min(1), block.starts)
            high = np.maximum.reduceat(np.where(seen, depth, -np.inf).max(1), block.starts)
            for track in np.flatnonzero((low == high) & (block.size > 0)).tolist():
                what = f"the third axis is {low[track]:g} throughout: two axes?"
                yield self.of_track(block, track, "warning", what)

    def measure(self, block: Block) -> dict[str, np.ndarray]:
        """The size where the unit is not known."""
        size = block.size if block.unit == "unknown" else np.full(len(block.starts), np.nan)
        return {"unknown size": mean_of_tracks(block, size)}

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """What an unknown unit looks like."""
        size = catalogue.column("unknown size")
        size = size[np.isfinite(size)]
        if len(size):
            middle = float(np.median(size))
            what = f"the unit is not known; a body has size {middle:.3g}: {_looks_like(middle, 'unknown')}"
            yield self.finding("note", what, recordings=len(size))


class Upright(Check):
    """The head under the feet in most frames: a warning; in most recordings: one error.

    In three axes y points up, in two it is an image's and points down. A body that lies or bends is not counted,
    only one whose direction from feet to head points down by 30 degrees or more, on average over the frames. A
    warning, too, if in most recordings bodies stand along another axis than y.
    """

    name = "upright"

    def measure(self, block: Block) -> dict[str, np.ndarray]:
        """The mean direction from feet to head, with up positive in y; NaN where it cannot be told."""
        (top, topped), (bottom, grounded) = middle(block, TOP), middle(block, BOTTOM)
        body = top - bottom
        length = np.linalg.norm(body, axis=1)
        valid = topped & grounded & (length > 0)
        body *= (valid / np.where(valid, length, 1))[:, None].astype(np.float32)
        direction = block.means(body, valid[:, None])
        direction = np.pad(direction, ((0, 0), (0, 3 - block.axes)))
        if block.axes == 2:
            direction[:, 1] *= -1
        return {"up": mean_of_tracks(block, direction)}

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """The recordings that stand on their heads; one finding if most do."""
        up = catalogue.column("up").reshape(-1, 3)
        told = int(np.isfinite(up[:, 1]).sum())
        under = np.flatnonzero(up[:, 1] < UPSIDE_DOWN)
        if 2 * len(under) > told:
            what = f"the head is under the feet in {len(under)} of {told} recordings: y points the wrong way"
            yield self.finding("error", what, recordings=len(under))
        else:
            for number in under.tolist():
                yield self.finding("warning", "the head is under the feet", catalogue.names[number])
        for axis, called in ((0, "x"), (2, "z")):
            along = int((np.abs(up[:, axis]) > ALONG).sum())
            if 2 * along > told:
                what = f"bodies stand along {called} in {along} of {told} recordings; y should be up"
                yield self.finding("warning", what, recordings=along)


def _looks_like(size: float, unit: str) -> str:
    """Which unit would make it an adult."""
    if unit == "px":
        return "shares of the image?"
    if unit == "image":
        return "pixels?"
    if LIKELY[0] <= size <= LIKELY[1]:
        return "metres?"
    nearest = min(LENGTHS, key=lambda name: abs(np.log(size / LENGTHS[name] / ADULT)) if size > 0 else 0.0)
    near = size > 0 and abs(np.log(size / LENGTHS[nearest] / ADULT)) < np.log(2)
    return f"{nearest}?" if near else "an adult has about 0.5 m"
