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
from jaxtyping import Float

from skeletonmae.batches import Batch
from skeletonmae.checkpoint import Checkpoint, Header
from skeletonmae.compatibility import check_recording_fits_model
from skeletonmae.config import Precision
from skeletonmae.datasets import RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.methods import Classifier
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.training import autocast

NOTHING_OBSERVED = "no joint that the model knows was observed"
NOT_FINITE = "the output of the model is not finite: the coordinates are too large, or its weights are damaged"


class PersonRecording(NamedTuple):
    """A recording to classify, of one of its persons or of all of them."""

    person: int | None
    """Index of the person in the original recording; None if `recording` has all persons."""
    recording: SkeletonSequence


@dataclass(frozen=True)
class Prediction:
    """The predicted classes of a recording.

    Args:
        recording: Name of the recording.
        person: Index of the person; None if the whole recording was classified.
        classes: (class, softmax probability), the most probable first; empty if there is an error.
        error: Why there is no prediction; empty if there is one.
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
    precision: Precision = "float32",
) -> list[Prediction]:
    """Predict the most probable classes of each recording.

    Recordings may have any joint layout that has joints of the model; other joints are ignored, and 3D coordinates
    are converted to 2D for a 2D model. A recording that does not fit the model, in whose clip none of its joints
    was observed, or for which its output is not finite, has an error instead of classes.

    Args:
        checkpoint: A fine-tuned classifier.
        recordings: The recordings.
        top: Number of classes per prediction.
        per_person: Classify every person on its own, instead of the recording as a whole.
        batch_size: Clips per batch.
        precision: `float32`, `bf16`, or `auto` for bf16 where the device has instructions for it. In bf16,
            probabilities differ slightly, and so may the class of a clip between two classes.

    Returns:
        One prediction per recording, or per person of each recording, in their order.

    Raises:
        InputError: The checkpoint is not a classifier.
    """
    model = checkpoint.classifier
    inputs: list[PersonRecording | Prediction] = []
    for recording in recordings:
        try:
            adapted = adapt_recording(checkpoint.header, recording)
        except InputError as error:
            inputs.append(_failed(recording, None, error))
        else:
            inputs += split_persons(adapted) if per_person else [PersonRecording(None, adapted)]
    predictions: list[Prediction] = []
    for _, group in groupby(inputs, key=_store_key):  # a store holds one layout
        items = list(group)
        readable = [item for item in items if isinstance(item, PersonRecording)]
        with autocast(precision, next(model.parameters()).device):
            predictions += _predict(checkpoint.header, model, readable, top, batch_size)
        predictions += [item for item in items if isinstance(item, Prediction)]
    return predictions


def adapt_recording(header: Header, recording: SkeletonSequence) -> SkeletonSequence:
    """Adapt a recording to a model: convert 3D coordinates to 2D for a 2D model, and check that the rest fits.

    Raises:
        InputError: The recording is 2D and the model is 3D, their units differ, or they have no joints in common.
    """
    if header.axes == 2:
        recording = RecordingConverter(axes=2)(recording)
    check_recording_fits_model(recording, header)
    return recording


@torch.inference_mode()
def _predict(
    header: Header, model: Classifier, inputs: list[PersonRecording], top: int, batch_size: int
) -> list[Prediction]:
    """Predict for recordings of one layout, by way of a temporary store."""
    if not inputs:
        return []
    first = inputs[0].recording
    device = next(model.parameters()).device
    predictions: list[Prediction | None] = []  # None: yet to be computed
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        with StoreWriter(path, first.skeleton, axes=header.axes, unit=first.unit) as writer:
            for person, recording in inputs:
                try:
                    writer.add(replace(recording, label=None, tags={}))
                except InputError as error:
                    predictions.append(_failed(recording, person, error))
                else:
                    predictions.append(None)
        store = SequenceStore.open(path)
        loader = header.clips.loader(store, np.arange(len(store)), batch_size=batch_size, device=device)
        rows = iter([row for batch in loader.epoch() for row in _classify(model, batch, header.joints)])
        del loader, store  # closes the memory-mapped files before they are deleted
    return [
        prediction or _prediction(item, *next(rows), header.classes, top)
        for item, prediction in zip(inputs, predictions, strict=True)
    ]


def _classify(
    model: Classifier, batch: Batch, joints: tuple[str, ...]
) -> Iterator[tuple[Float[torch.Tensor, " class"], bool]]:
    """Yield the logits of each clip, and whether any joint that the model knows was observed in it."""
    logits = model(batch).float().cpu()
    if len(batch) > 1 and not logits.isfinite().all():  # one clip may have spoiled the others
        alone = torch.eye(len(batch), dtype=torch.bool, device=batch.positions.device)
        logits = torch.cat([model(batch.select(clip)).float().cpu() for clip in alone])
    yield from zip(logits, batch.has_observed(joints).tolist(), strict=True)


def _prediction(
    item: PersonRecording, logits: torch.Tensor, has_observed: bool, classes: tuple[str, ...], top: int
) -> Prediction:
    name = item.recording.name
    if not has_observed:
        return Prediction(name, item.person, (), NOTHING_OBSERVED)
    if not logits.isfinite().all():
        return Prediction(name, item.person, (), NOT_FINITE)
    return Prediction(name, item.person, _top_classes(logits.softmax(0), classes, top))


def _failed(recording: SkeletonSequence, person: int | None, error: InputError) -> Prediction:
    reason = str(error).removeprefix(f"recording {recording.name!r}: ")
    return Prediction(recording.name, person, (), reason)


def _store_key(item: PersonRecording | Prediction) -> tuple[object, ...] | None:
    if isinstance(item, Prediction):
        return None
    recording = item.recording
    return recording.skeleton, recording.unit, recording.positions.shape[3]


def _top_classes(row: torch.Tensor, classes: tuple[str, ...], top: int) -> tuple[tuple[str, float], ...]:
    values, indices = row.topk(min(top, len(classes)))
    return tuple((classes[index], float(value)) for value, index in zip(values, indices.tolist(), strict=True))


def split_persons(recording: SkeletonSequence) -> Iterator[PersonRecording]:
    """Yield each observed person as a recording; the whole recording if there is none."""
    persons = np.flatnonzero(recording.observed.any((1, 2))).tolist()
    if not persons:
        yield PersonRecording(None, recording)
    for person in persons:
        selected = slice(person, person + 1)
        alone = replace(recording, positions=recording.positions[selected], observed=recording.observed[selected])
        yield PersonRecording(person, alone)
