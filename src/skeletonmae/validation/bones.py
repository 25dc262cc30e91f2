"""Bones that no body has: lengths that change, and lengths that do not belong together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.block import Block
from skeletonmae.validation.body import bones_of_the_body, is_whole, mean_of_tracks
from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import Finding

FEW = 10
"""Frames under which nothing is said of a bone's variation."""
TYPICAL = 0.4
"""Standard deviation over mean that the length of the middle one of the bones may have."""
SINGLE = 0.35
"""Standard deviation in body sizes, 18 cm, that the length of any bone may have."""
LONG = 1.75
"""Body sizes that the longest bone of one body may have."""
LONG_OF_ALL = 1.25
"""The same for the middle one of all recordings, in which poses and errors even out."""


class Bones(Check):
    """Bones of three axes whose length varies too much in one recording: a warning.

    A bone has one length. A Kinect's error makes that of the middle bone vary by 5 to 12 % (standard deviation
    over mean), 30 % at worst, and that of a single one by 6 to 12 cm. A warning is more than 40 % for the middle
    bone, or more than 18 cm (0.35 body sizes) for any: joints of different bodies. One axis in another unit shows
    only in bodies that turn or bend much, a quarter of the recordings of real sets.
    In two axes bones shorten as they turn, and nothing is said.
    """

    name = "bones"

    def look(self, block: Block) -> Iterator[Finding]:
        """The tracks with such bones."""
        if block.axes == 2 or not block.skeleton.bones:
            return
        mean, spread = block.bones
        enough = (block.lengths >= FEW)[:, None] & bones_of_the_body(block.skeleton)
        with np.errstate(invalid="ignore", divide="ignore"):
            typical = _middle_one(np.where(enough, spread / mean, np.nan))
            single = np.where(enough, spread / block.size[:, None], 0)
        for track in np.flatnonzero((typical > TYPICAL) | (single > SINGLE).any(1)).tolist():
            if typical[track] > TYPICAL:
                what = f"the length of the middle bone varies by {typical[track]:.0%}"
                yield self.of_track(block, track, "warning", what)
            else:
                bone = int(np.nanargmax(single[track]))
                joint, parent = block.skeleton.bones[bone]
                what = f"the length of {joint} to {parent} varies by {spread[track, bone]:.3g} {block.unit}"
                yield self.of_track_joints(block, track, "warning", what, np.array([block.skeleton.index[joint]]))


class Layout(Check):
    """A bone longer than 1.75 body sizes: a warning; in the middle one of all recordings 1.25: an error.

    The body size is the root mean square distance of the joints from their middle, about 0.5 m. The longest bone
    of a human layout, a thigh, a shin or the side of the trunk, is 0.8 to 1.1 of it, in two axes or three. A
    wrong order of joints connects a hand with a foot and makes it 1.4 to 3.
    """

    name = "layout"

    def look(self, block: Block) -> Iterator[Finding]:
        """The tracks with such a bone."""
        if not is_whole(block.skeleton):
            return
        relative = self._relative(block)
        for track in np.flatnonzero((relative > LONG).any(1)).tolist():
            bone = int(np.nanargmax(relative[track]))
            joint, parent = block.skeleton.bones[bone]
            what = f"{joint} to {parent} is {relative[track, bone]:.1f} body sizes long, expected under {LONG}"
            place = np.array([block.skeleton.index[joint]])
            yield self.of_track_joints(block, track, "warning", what, place)

    def measure(self, block: Block) -> dict[str, np.ndarray]:
        """The longest bone, in body sizes."""
        if not is_whole(block.skeleton):
            return {"longest bone": np.full(len(block.recordings), np.nan)}
        longest = np.fmax.reduce(self._relative(block), axis=1, initial=np.nan)
        return {"longest bone": mean_of_tracks(block, longest)}

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """Whether the bones of most recordings are too long."""
        longest = catalogue.column("longest bone")
        longest = longest[np.isfinite(longest)]
        if len(longest) and (middle := np.median(longest)) > LONG_OF_ALL:
            what = (
                f"the longest bone is {middle:.2f} body sizes in the middle one of {len(longest)} recordings, "
                f"expected 0.8 to 1.1: the joints are not in the order of the layout"
            )
            yield self.finding("error", what, recordings=int((longest > LONG_OF_ALL).sum()))

    def _relative(self, block: Block) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            relative: np.ndarray = block.bones[0] / block.size[:, None]
        return np.where(np.isfinite(relative) & bones_of_the_body(block.skeleton), relative, np.nan)


def _middle_one(values: np.ndarray) -> np.ndarray:
    """Median of each row, leaving out NaN; NaN where there is nothing else."""
    ordered = np.sort(values, axis=1)  # NaN come last
    count = np.isfinite(values).sum(1)
    median: np.ndarray = ordered[np.arange(len(values)), np.maximum(count - 1, 0) // 2]
    return median
