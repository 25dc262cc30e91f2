"""Adapt recordings to a model, and split them into persons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skeletonmae.checkpoint import Header
from skeletonmae.compatibility import check_recording_fits_model
from skeletonmae.datasets import RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.inference.embeddings import LeftOut
from skeletonmae.sequences import SkeletonSequence


class PersonRecording(NamedTuple):
    """A recording of one of the persons of another one, or of all of them."""

    person: int | None
    """Index of the person in the original recording; None if `recording` has all persons."""
    recording: SkeletonSequence


def adapt_recording(header: Header, recording: SkeletonSequence) -> SkeletonSequence:
    """Adapt a recording to a model: convert 3D coordinates to 2D for a 2D model, and check that the rest fits.

    Raises:
        InputError: The recording is 2D and the model is 3D, their units differ, or they have no joints in common.
    """
    if header.axes == 2:
        recording = RecordingConverter(axes=2)(recording)
    check_recording_fits_model(recording, header)
    return recording


def split_persons(recording: SkeletonSequence) -> Iterator[PersonRecording]:
    """Yield each observed person as a recording; the whole recording if there is none."""
    persons = np.flatnonzero(recording.observed.any((1, 2))).tolist()
    if not persons:
        yield PersonRecording(None, recording)
    for person in persons:
        selected = slice(person, person + 1)
        alone = replace(recording, positions=recording.positions[selected], observed=recording.observed[selected])
        yield PersonRecording(person, alone)


def adapted_recordings(
    header: Header, recordings: Iterable[SkeletonSequence | LeftOut], per_person: bool = False
) -> Iterator[PersonRecording | LeftOut]:
    """Adapt recordings to a model, one at a time.

    Args:
        header: The header of the model.
        recordings: Recordings, and what could not be read, which is passed on.
        per_person: Whether to yield each observed person on its own.

    Yields:
        What the model can read, and why it cannot read the rest.
    """
    for recording in recordings:
        if isinstance(recording, LeftOut):
            yield recording
            continue
        try:
            adapted = adapt_recording(header, recording)
        except InputError as error:
            yield LeftOut.of(recording, None, error)
            continue
        yield from split_persons(adapted) if per_person else [PersonRecording(None, adapted)]
