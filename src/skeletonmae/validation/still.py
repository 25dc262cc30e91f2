"""What does not move, or is not there: dead joints and frozen frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.block import Block
from skeletonmae.validation.body import may_rest
from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import Finding, Severity, listed, many

FEW = 10
"""Frames under which nothing is said of what never moves."""
MOVES = 0.2
"""Body sizes that half of the joints must range over for a body in two axes to count as moving."""
FROZEN = 6
"""Frames in succession that must be the same."""


class Dead(Check):
    """Joints that are never observed: a note, or a warning where they are half of the body or more.

    To be without some joints is sound: they were out of the picture, or the layout they were converted from does
    not have them. With half of them gone, little can be learned. Joints that no recording shows are told once.
    """

    name = "dead"

    def measure(self, block: Block) -> dict[str, np.ndarray]:
        """The names of each recording's dead joints; None if it shows nobody."""
        seen = np.zeros((len(block.recordings), block.skeleton.num_joints), dtype=np.int64)
        np.add.at(seen, block.owner, block.sums(block.observed).astype(np.int64))
        dead = np.empty(len(seen), dtype=object)
        for place in np.flatnonzero(seen.any(1)):
            names = [joint for joint, times in zip(block.skeleton.joints, seen[place], strict=True) if not times]
            dead[place] = (tuple(names), len(seen[place])) if names else ()
        return {"dead": dead}

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """One finding a recording, and one for what is dead in all."""
        dead = catalogue.column("dead")
        shown = [entry for entry in dead if entry is not None]
        everywhere = set.intersection(*(set(entry[0] if entry else ()) for entry in shown)) if shown else set()
        if everywhere:
            what = f"never observed in any recording: {listed(sorted(everywhere))}"
            yield self.finding("note", what, recordings=len(shown), joints=tuple(sorted(everywhere)))
        for number in np.flatnonzero([bool(entry) for entry in dead]):
            names, joints = dead[number]
            own = [name for name in names if name not in everywhere]
            if own:
                severity: Severity = "warning" if 2 * len(names) >= joints else "note"
                what = f"{len(names)} of {joints} joints never observed: {listed(own)}"
                yield self.finding(severity, what, catalogue.names[number], joints=tuple(own[:FEW]))


class Stuck(Check):
    """Joints that are observed in 10 frames or more and never move at all while the body does: a warning.

    In three axes the body moves if half of the joints do at all: a measured joint is never twice at the same
    place to the last bit, a filled-in one is. In two axes joints are marked by hand, on whole pixels, so that half
    of them must range over 0.2 body sizes. Left out are the root and the middle of the body, which do not move in
    recordings that were centred on them.
    """

    name = "stuck"

    def look(self, block: Block) -> Iterator[Finding]:
        """The tracks that have any."""
        still = (block.sums(block.step) == 0) & (block.sums(block.observed) >= FEW)
        still[:, may_rest(block.skeleton)] = False
        if not still.any():
            return
        there = block.observed[..., None]
        low = np.minimum.reduceat(np.where(there, block.positions, np.inf), block.starts)
        high = np.maximum.reduceat(np.where(there, block.positions, -np.inf), block.starts)
        span = np.maximum(high - low, 0).max(2)  # -inf, so 0, where never observed
        typical = np.median(span, axis=1)
        moving = typical >= MOVES * block.size if block.axes == 2 else typical > 0
        stuck = still & (span == 0) & moving[:, None]
        for track in np.flatnonzero(stuck.any(1)):
            joints = np.flatnonzero(stuck[track])
            what = f"{many(len(joints), 'observed joint')} never moved while the body did"
            yield self.of_track_joints(block, int(track), "warning", what, joints)


class Frozen(Check):
    """6 frames or more in succession with every observed joint at the same place: a warning.

    No measured body stands still to the last bit: the sensor stopped, or the last frame was repeated to fill
    the clip. Fewer occur where a recording was brought to a higher frame rate by repeating frames.
    """

    name = "frozen"

    def look(self, block: Block) -> Iterator[Finding]:
        """The first run of each track that has any."""
        still = block.both.any(1) & ~block.step.any(1)
        if not still.any():
            return
        edges = np.flatnonzero(np.diff(still.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        edges = edges[edges[:, 1] - edges[:, 0] >= FROZEN - 1]
        tracks, first = np.unique(block.track[edges[:, 0]], return_index=True)
        for track, run in zip(tracks.tolist(), first.tolist(), strict=True):
            start, stop = (edges[run] - block.starts[track]).tolist()
            number, frames = stop - start + 1, int(block.lengths[track])
            where = "all" if number == frames else "the last" if stop == frames - 1 else ""
            what = f"{where} {number} of {frames} frames are the same".strip()
            yield self.of_track(block, track, "warning", what, rows=(start,))
