"""Left and right exchanged: in some frames, or throughout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.block import Block, distance
from skeletonmae.validation.body import FORWARD, HIPS, SHOULDERS, is_whole, mean_of_tracks
from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import Finding, many

MOVES = 0.1
"""Body sizes, 5 cm, that the paired joints must move in the frame on average."""
SMOOTHER = 0.5
"""Share of the motion that is left if the sides are exchanged."""
PAIRS = 4
"""Joints that must be seen on both sides and in both frames."""
TURNED = 0.02
"""How far under 0 the handedness must at least be to say that it is negative, and as a share of the usual one:"""
USUAL = 1 / 3


class Sides(Check):
    """Frames at which exchanging left and right would halve the motion, or more: a warning.

    All joints that have a mirror are compared at once, and must move 5 cm (0.1 body sizes) on average. However
    fast a body moves, its left side stays nearer to where its left side was. Two such frames enclose the frames
    that are exchanged. Estimators from images do this often, mostly for bodies seen from behind.
    """

    name = "sides"

    def look(self, block: Block) -> Iterator[Finding]:
        """The tracks that have such frames."""
        mirror = block.skeleton.mirror_index
        paired = np.flatnonzero(mirror != np.arange(len(mirror)))
        if len(paired) < PAIRS:
            return
        other = mirror[paired]
        both = block.both[:, paired] & block.both[:, other]
        count = both.sum(1)
        kept = (block.step[:, paired] * both).sum(1)
        rows = np.flatnonzero((kept > MOVES * block.size[block.track] * count) & (count >= PAIRS))
        swapped = distance(block.positions[rows + 1][:, other], block.positions[rows][:, paired]) * both[rows]
        rows = rows[swapped.sum(1) < SMOOTHER * kept[rows]]
        for track in np.unique(block.track[rows]).tolist():
            mine = rows[block.track[rows] == track] - block.starts[track] + 1
            what = f"exchanging left and right would halve the motion at {many(len(mine), 'frame')}"
            yield self.of_track(block, track, "warning", what, rows=mine)


class Mirrored(Check):
    """Recordings of three axes in which forward, left and up are not what they are in a body: a warning.

    Feet point forward, from ankle to foot, and the nose from the ears. In right-handed coordinates, which all
    sensors give, (left x up) points there too. It does in 99 % of the recordings of real sets. Where it points as
    clearly the other way (a third of what is usual in the set), left and right are exchanged throughout or one
    axis has the wrong sign. If most recordings are so, it is said once. Of a body without feet or face it cannot
    be told, which is a note.
    """

    name = "mirrored"

    def measure(self, block: Block) -> dict[str, np.ndarray]:
        """The product forward . (left x up) in body sizes cubed, mean over frames; NaN where it cannot be told."""
        index = block.skeleton.index
        cues = [(index[a], index[b]) for a, b in FORWARD if a in index and b in index]
        if block.axes == 2 or not cues or any(joint not in index for joint in (*SHOULDERS, *HIPS)):
            untold = np.full(len(block.recordings), block.axes == 3 and is_whole(block.skeleton))
            return {"handedness": np.full(len(block.recordings), np.nan), "untold": untold}
        start, end = np.array(cues).T
        there = block.observed[:, start] & block.observed[:, end]
        forward = ((block.positions[:, end] - block.positions[:, start]) * there[..., None]).sum(1)
        trunk = [index[joint] for joint in (*SHOULDERS, *HIPS)]
        a, b, c, d = np.moveaxis(block.positions[:, trunk], 1, 0)
        valid = block.observed[:, trunk].all(1) & there.any(1)
        handed = (forward * np.cross(a - b + c - d, a + b - c - d)).sum(1) * valid
        with np.errstate(invalid="ignore", divide="ignore"):
            handedness = mean_of_tracks(block, block.means(handed, valid) / block.size**3)
        return {"handedness": handedness, "untold": np.zeros(len(handedness), dtype=bool)}

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """The recordings that are not as the body is; one finding if most are."""
        if untold := int(catalogue.column("untold").sum()):
            what = (
                "neither feet nor face say where forward is: whether left and right are exchanged cannot be told"
            )
            yield self.finding("note", what, recordings=untold)
        handed = catalogue.column("handedness")
        told = np.abs(handed[np.isfinite(handed)])
        known, usual = len(told), float(np.median(told)) if len(told) else 0.0
        wrong = np.flatnonzero(handed < -max(TURNED, USUAL * usual))
        what = "the feet point backwards: left and right exchanged throughout, or an axis of the wrong sign"
        if 2 * len(wrong) > known:
            whole = f"in {len(wrong)} of {known} recordings {what}"
            yield self.finding("warning", whole, recordings=len(wrong))
        else:
            for number in wrong.tolist():
                yield self.finding("warning", what, catalogue.names[number])
