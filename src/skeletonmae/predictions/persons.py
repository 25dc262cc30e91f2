"""Recordings of single persons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skeletonmae.sequences import SkeletonSequence


class PersonRecording(NamedTuple):
    """A recording of one of the persons of another one, or of all of them."""

    person: int | None
    """Index of the person in the original recording; None if `recording` has all persons."""
    recording: SkeletonSequence


def split_persons(recording: SkeletonSequence) -> Iterator[PersonRecording]:
    """Yield each observed person as a recording; the whole recording if there is none."""
    persons = np.flatnonzero(recording.observed.any((1, 2))).tolist()
    if not persons:
        yield PersonRecording(None, recording)
    for person in persons:
        selected = slice(person, person + 1)
        alone = replace(recording, positions=recording.positions[selected], observed=recording.observed[selected])
        yield PersonRecording(person, alone)
