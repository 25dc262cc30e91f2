"""Recordings to likely actions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from skeletonmae.checkpoint import Checkpoint, Header
from skeletonmae.datasets import Change
from skeletonmae.errors import InputError
from skeletonmae.evaluation import finite
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter

Judged = tuple[int | None, SkeletonSequence]
"""Which person (None: all of them) of a recording."""


@dataclass(frozen=True)
class Answer:
    """What a model takes a recording for.

    Args:
        recording: its name.
        person: which person; None if the recording was judged as a whole.
        actions: (class, probability), likeliest first. Empty if nobody is seen.
    """

    recording: str
    person: int | None
    actions: tuple[tuple[str, float], ...]


def predict(
    checkpoint: Checkpoint,
    sequences: Sequence[SkeletonSequence],
    *,
    top: int = 3,
    each_person: bool = False,
    batch_size: int = 64,
) -> list[Answer]:
    """The likeliest actions of each recording.

    Any joint layout will do that has joints the model knows; the others are left out.

    Args:
        checkpoint: a fine-tuned classifier.
        sequences: the recordings, as `fitted` gives them.
        top: how many actions to name.
        each_person: judge every person alone.
        batch_size: clips at a time.

    Raises:
        InputError: a recording has other axes or another unit than the model, or none of its joints.
    """
    judged: list[Judged] = [(None, sequence) for sequence in sequences]
    if each_person:
        judged = [alone for sequence in sequences for alone in _persons(sequence)]
    answers: list[Answer] = []
    for _, group in groupby(judged, key=lambda one: (one[1].skeleton, one[1].unit, one[1].positions.shape[3])):
        answers += _predict(checkpoint, list(group), top, batch_size)
    return answers


def fitted(header: Header, sequence: SkeletonSequence) -> SkeletonSequence:
    """A recording as the model of `header` takes it: a 3D one is brought to 2D for a model that reads 2D.

    Raises:
        InputError: it is 2D and the model reads 3D, its unit is another, or the model knows none of its joints.
    """
    where = f"recording {sequence.name!r}"
    if not set(sequence.skeleton.joints) & set(header.joints):
        got = f"{sequence.skeleton.name}: {', '.join(sequence.skeleton.joints[:5])}, ..."
        problem = "the model knows none of its joints"
        raise InputError(problem, where=where, expected=", ".join(header.joints), got=got)
    sequence = Change(axes=header.axes)(sequence)
    if sequence.unit != header.unit:
        problem = (
            f"the model was made for another unit; if it is {header.unit} all the same, say --unit {header.unit}"
        )
        raise InputError(problem, where=where, expected=header.unit, got=sequence.unit)
    return sequence


@torch.inference_mode()
def _predict(checkpoint: Checkpoint, judged: list[Judged], top: int, batch_size: int) -> list[Answer]:
    header, model = checkpoint.header, checkpoint.classifier
    first = judged[0][1]
    for what, expected, got in (
        ("axes", header.axes, first.positions.shape[3]),
        ("unit", header.unit, first.unit),
    ):
        if expected != got:
            where = f"recording {first.name!r}"
            raise InputError(f"the model was made for other {what}", where=where, expected=expected, got=got)
    device = next(model.parameters()).device
    with tempfile.TemporaryDirectory() as folder:
        with StoreWriter(Path(folder) / "store", first.skeleton, axes=header.axes, unit=first.unit) as writer:
            for _, sequence in judged:
                writer.add(replace(sequence, label=None, tags={}))
        store = SequenceStore.open(Path(folder) / "store")
        loader = checkpoint.header.clips.loader(store, np.arange(len(store)), batch_size=batch_size, device=device)
        scores = finite(torch.cat([model(batch).float().cpu() for batch in loader.epoch()])).softmax(1)
        del loader, store
    return [
        Answer(
            sequence.name,
            person,
            _likeliest(row, header.classes, top) if sequence.observed.any() else (),
        )
        for (person, sequence), row in zip(judged, scores, strict=True)
    ]


def _likeliest(row: torch.Tensor, classes: tuple[str, ...], top: int) -> tuple[tuple[str, float], ...]:
    values, places = row.topk(min(top, len(classes)))
    return tuple((classes[place], float(value)) for value, place in zip(values, places.tolist(), strict=True))


def _persons(sequence: SkeletonSequence) -> Iterator[Judged]:
    """Each person who is seen, as a recording of its own; the whole recording if nobody is."""
    seen = np.flatnonzero(sequence.observed.any((1, 2))).tolist()
    if not seen:
        yield None, sequence
    for person in seen:
        alone = slice(person, person + 1)
        yield (
            person,
            replace(sequence, positions=sequence.positions[alone], observed=sequence.observed[alone]),
        )
