"""Persons of one recording whose tracks are exchanged, or who are one body."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock, distance
from skeletonmae.validation.finding import MAX_EXAMPLES, Finding, pluralize

MIN_MOTION = 0.2
"""Body sizes, 10 cm, that both bodies together must move in the frame."""
MAX_MOTION_RATIO = 0.5
"""Motion with exchanged tracks over motion as recorded, below which the tracks are taken to be exchanged."""
SAME_BODY = 0.02
"""Body sizes, 1 cm, within which two bodies are one."""


class Persons(Check):
    """Frames at which exchanging two persons would at least halve their motion: a warning.

    A body is rarely closer to where another body was than to where it was itself: in real recordings of two
    persons who hug, exchanging them at least doubles the motion. Together they must move 10 cm (0.2 body sizes).
    Two persons who are never more than 1 cm (0.02 body sizes) apart are one duplicated body, which is a warning
    too.
    """

    name = "persons"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per pair of tracks of one recording that shows either."""
        with_several = np.flatnonzero(np.bincount(block.recording_index, minlength=1) > 1)
        for recording in with_several.tolist():
            for track, other in combinations(np.flatnonzero(block.recording_index == recording).tolist(), 2):
                yield from self._check_pair(block, track, other)

    def _check_pair(self, block: RecordingBlock, track: int, other: int) -> Iterator[Finding]:
        begin = int(max(block.start_frame[track], block.start_frame[other]))
        end = int(min(block.start_frame[each] + block.track_lengths[each] for each in (track, other)))
        if end <= begin:
            return
        rows, other_rows = (
            slice(offset + begin, offset + end)
            for offset in (block.track_starts[each] - block.start_frame[each] for each in (track, other))
        )
        a, b = block.positions[rows], block.positions[other_rows]
        observed = block.observed[rows] & block.observed[other_rows]
        persons = f"persons {block.person_index[track]} and {block.person_index[other]}"
        name, size = block.recording_name(int(block.recording_index[track])), block.body_size[track]
        if observed.any() and distance(a, b)[observed].max() < SAME_BODY * size:
            message = f"{persons} are the same body; remove one of them"
            yield self.finding("warning", message, name, person=int(block.person_index[other]))
            return
        observed = observed[1:] & observed[:-1]
        motion = ((distance(a[1:], a[:-1]) + distance(b[1:], b[:-1])) * observed).sum(1)
        exchanged = ((distance(a[1:], b[:-1]) + distance(b[1:], a[:-1])) * observed).sum(1)
        moves = motion > MIN_MOTION * size * np.maximum(observed.sum(1), 1)
        frames = np.flatnonzero(moves & (exchanged < MAX_MOTION_RATIO * motion)) + begin + 1
        if len(frames):
            where = pluralize(len(frames), "frame")
            message = f"exchanging {persons} would halve their motion at {where}; exchange them from there on"
            examples = tuple(frames[:MAX_EXAMPLES].tolist())
            yield self.finding("warning", message, name, person=int(block.person_index[track]), frames=examples)
