"""Two persons of a recording: their tracks exchanged, or one body told twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from skeletonmae.validation.block import Block, distance
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import SHOWN, Finding, many

MOVES = 0.2
"""Body sizes, 10 cm, that the two must move in the frame together."""
SMOOTHER = 0.5
"""Share of the motion that is left if the tracks are exchanged."""
SAME = 0.02
"""Body sizes, 1 cm, within which two bodies are one."""


class Persons(Check):
    """Frames at which exchanging two persons would halve their motion, or more: a warning.

    Two bodies are rarely nearer to where the other was than to where they were themselves; in real recordings of
    two persons who hug, exchanging them at least doubles the motion. Together they must move 10 cm (0.2 body
    sizes). A warning, too, if two persons are never further apart than 1 cm (0.02 body sizes): one body told
    twice.
    """

    name = "persons"

    def look(self, block: Block) -> Iterator[Finding]:
        """The pairs of tracks of one recording that show either."""
        several = np.flatnonzero(np.bincount(block.owner, minlength=1) > 1)
        for place in several.tolist():
            for one, other in combinations(np.flatnonzero(block.owner == place).tolist(), 2):
                yield from self._pair(block, one, other)

    def _pair(self, block: Block, one: int, other: int) -> Iterator[Finding]:
        begin = int(max(block.since[one], block.since[other]))
        end = int(min(block.since[one] + block.lengths[one], block.since[other] + block.lengths[other]))
        if end <= begin:
            return
        mine, its = (
            slice(block.starts[track] + begin - block.since[track], block.starts[track] + end - block.since[track])
            for track in (one, other)
        )
        a, b = block.positions[mine], block.positions[its]
        both = block.observed[mine] & block.observed[its]
        who = f"persons {block.person[one]} and {block.person[other]}"
        name = block.name(int(block.owner[one]))
        if both.any() and distance(a, b)[both].max() < SAME * block.size[one]:
            yield self.finding("warning", f"{who} are one body", name, person=int(block.person[other]))
            return
        both = both[1:] & both[:-1]
        kept = ((distance(a[1:], a[:-1]) + distance(b[1:], b[:-1])) * both).sum(1)
        swapped = ((distance(a[1:], b[:-1]) + distance(b[1:], a[:-1])) * both).sum(1)
        moved = kept > MOVES * block.size[one] * np.maximum(both.sum(1), 1)
        frames = np.flatnonzero(moved & (swapped < SMOOTHER * kept)) + begin + 1
        if len(frames):
            what = f"exchanging {who} would halve their motion at {many(len(frames), 'frame')}"
            shown = tuple(frames[:SHOWN].tolist())
            yield self.finding("warning", what, name, person=int(block.person[one]), frames=shown)
