"""Recordings in which nothing is, too little, or zeros for what was not seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.sequences.sequence import NOT_FINITE
from skeletonmae.validation.block import Block
from skeletonmae.validation.body import may_rest
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import Finding, many


class Reader(Check):
    """What the reader had to say. Values that are not finite (NaN, infinite), which it has taken as not observed,
    are a warning; what it left out or cleaned up as documented is a note.
    """

    name = "reader"

    def look(self, block: Block) -> Iterator[Finding]:
        """One finding a note."""
        for place, one in enumerate(block.recordings):
            for note in one.notes:
                yield self.finding("warning" if NOT_FINITE in note else "note", note, block.name(place))


class Empty(Check):
    """No frame, nothing observed in any frame, or everything observed at exactly (0, 0, 0): an error.

    No body has all its joints in one point, so there is no threshold.
    """

    name = "empty"

    def look(self, block: Block) -> Iterator[Finding]:
        """The recordings that show nobody."""
        shown = np.zeros(len(block.recordings), dtype=bool)
        shown[block.owner] = True
        moved = np.zeros(len(block.recordings), dtype=bool)
        moved[block.owner[block.sums(np.asarray(block.positions.any((1, 2)))) > 0]] = True
        for place in np.flatnonzero(~moved).tolist():
            frames = block.recordings[place].num_frames
            what = "all positions are 0" if shown[place] else "nothing observed" if frames else "no frame"
            yield self.finding(
                "error", f"{what} in {many(frames, 'frame')}" if frames else what, block.name(place)
            )


class Short(Check):
    """One frame: a warning. There is no motion in it; such a clip is mostly what is left of a damaged one."""

    name = "short"

    def look(self, block: Block) -> Iterator[Finding]:
        """The recordings of one frame."""
        for place, one in enumerate(block.recordings):
            if one.num_frames == 1:
                yield self.finding("warning", "one frame", block.name(place))


class Zeros(Check):
    """Joints that count as observed and are at exactly (0, 0, 0): a warning.

    Sensors and estimators write zeros for a joint they lost; a measured joint is never at exactly 0 in all axes.
    Left out are the root and the middle of the body in the first frame, or where they are 0 throughout, as in
    recordings that were centred on them.
    """

    name = "zeros"

    def look(self, block: Block) -> Iterator[Finding]:
        """The tracks that have any."""
        zero = block.zero.copy()
        if not zero.any():
            return
        seen, rest = block.sums(block.observed | zero), may_rest(block.skeleton)
        rests = block.sums(zero)[:, rest] == seen[:, rest]
        zero[np.ix_(block.starts, rest)] = False
        count = block.sums(zero)
        count[:, rest] *= ~rests
        shown = block.sums(np.asarray(block.positions.any((1, 2)))) > 0  # else the recording is `empty`
        for track in np.flatnonzero(count.any(1) & shown):
            joints = np.flatnonzero(count[track])
            rows = np.flatnonzero(zero[block.rows(int(track))][:, joints].any(1))
            share = count[track].sum() / seen[track].sum()
            what = f"{share:.1%} of the observed joints are at exactly 0; lost ones?"
            yield self.of_track_joints(block, int(track), "warning", what, joints, rows=rows)
