"""Predict the classes of recordings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from skeletonmae.checkpoint import Checkpoint, Header
from skeletonmae.compatibility import check_recording_fits_model
from skeletonmae.datasets import RecordingConverter
from skeletonmae.evaluation import check_finite
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter

NOTHING_OBSERVED = "no joint that the model knows was observed"


class PersonRecording(NamedTuple):
    """A recording to classify, of one of its persons or of all of them."""

    person: int | None
    """Index of the person in the original recording; None if `recording` has all persons."""
    recording: SkeletonSequence


@dataclass(frozen=True)
class Prediction:
    """The predicted classes of a recording.

    Args:
        recording: name of the recording.
        person: index of the person; None if the whole recording was classified.
        classes: (class, softmax probability), the most probable first; empty if there is an error.
        error: why there is no prediction; empty if there is one.
    """

    recording: str
    person: int | None
    classes: tuple[tuple[str, float], ...]
    error: str = ""


def predict(
    checkpoint: Checkpoint,
    recordings: Sequence[SkeletonSequence],
    *,
    top: int = 3,
    per_person: bool = False,
    batch_size: int = 64,
) -> list[Prediction]:
    """Predict the most probable classes of each recording.

    Recordings may have any joint layout that has joints of the model; other joints are ignored. A recording in
    whose clip none of them was observed has an error instead of classes.

    Args:
        checkpoint: a fine-tuned classifier.
        recordings: recordings with the axes and the unit of the model, as `adapt_recording` returns them.
        top: number of classes per prediction.
        per_person: classify every person on its own, instead of the recording as a whole.
        batch_size: clips per batch.

    Raises:
        InputError: a recording has other axes or another unit than the model, or none of its joints.
    """
    inputs = [PersonRecording(None, recording) for recording in recordings]
    if per_person:
        inputs = [person for recording in recordings for person in _split_persons(recording)]
    predictions: list[Prediction] = []
    for _, group in groupby(inputs, key=_store_key):  # a store holds one layout
        predictions += _predict(checkpoint, list(group), top, batch_size)
    return predictions


def adapt_recording(header: Header, recording: SkeletonSequence) -> SkeletonSequence:
    """Adapt a recording to a model: convert 3D coordinates to 2D for a 2D model, and check that the rest fits.

    Raises:
        InputError: the recording is 2D and the model is 3D, their units differ, or they have no joints in common.
    """
    if header.axes == 2:
        recording = RecordingConverter(axes=2)(recording)
    check_recording_fits_model(recording, header)
    return recording


@torch.inference_mode()
def _predict(checkpoint: Checkpoint, inputs: list[PersonRecording], top: int, batch_size: int) -> list[Prediction]:
    header, model = checkpoint.header, checkpoint.classifier
    first = inputs[0].recording
    check_recording_fits_model(first, header)
    device = next(model.parameters()).device
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        with StoreWriter(path, first.skeleton, axes=header.axes, unit=first.unit) as writer:
            for _, recording in inputs:
                writer.add(replace(recording, label=None, tags={}))
        store = SequenceStore.open(path)
        loader = header.clips.loader(store, np.arange(len(store)), batch_size=batch_size, device=device)
        outputs = [
            (model(batch).float().cpu(), batch.has_observed(header.joints).cpu()) for batch in loader.epoch()
        ]
        del loader, store  # closes the memory-mapped files before they are deleted
    logits, has_observed = (torch.cat(parts) for parts in zip(*outputs, strict=True))
    probabilities = check_finite(logits).softmax(1)
    return [
        Prediction(
            recording.name,
            person,
            _top_classes(row, header.classes, top) if is_observed else (),
            "" if is_observed else NOTHING_OBSERVED,
        )
        for (person, recording), row, is_observed in zip(inputs, probabilities, has_observed.tolist(), strict=True)
    ]


def _store_key(item: PersonRecording) -> tuple[object, ...]:
    recording = item.recording
    return recording.skeleton, recording.unit, recording.positions.shape[3]


def _top_classes(row: torch.Tensor, classes: tuple[str, ...], top: int) -> tuple[tuple[str, float], ...]:
    values, indices = row.topk(min(top, len(classes)))
    return tuple((classes[index], float(value)) for value, index in zip(values, indices.tolist(), strict=True))


def _split_persons(recording: SkeletonSequence) -> Iterator[PersonRecording]:
    """Yield each observed person as a recording; the whole recording if there is none."""
    persons = np.flatnonzero(recording.observed.any((1, 2))).tolist()
    if not persons:
        yield PersonRecording(None, recording)
    for person in persons:
        selected = slice(person, person + 1)
        alone = replace(recording, positions=recording.positions[selected], observed=recording.observed[selected])
        yield PersonRecording(person, alone)
