"""Adapt recordings to a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skeletonmae.checkpoint import Header
from skeletonmae.compatibility import check_recording_fits_model
from skeletonmae.datasets import RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.inference.embeddings import LeftOut
from skeletonmae.predictions.persons import PersonRecording, split_persons
from skeletonmae.sequences import SkeletonSequence


def adapt_recording(header: Header, recording: SkeletonSequence) -> SkeletonSequence:
    """Adapt a recording to a model: convert 3D coordinates to 2D for a 2D model, and check that the rest fits.

    Raises:
        InputError: The recording is 2D and the model is 3D, their units differ, or they have no joints in common.
    """
    if header.axes == 2:
        recording = RecordingConverter(axes=2)(recording)
    check_recording_fits_model(recording, header)
    return recording


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
