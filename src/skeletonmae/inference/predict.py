"""Predict the classes of recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float

from skeletonmae.batches import Batch
from skeletonmae.checkpoint import Checkpoint, Header
from skeletonmae.config import Precision
from skeletonmae.inference.adapt import adapted_recordings
from skeletonmae.inference.blocks import Block, Row, recording_blocks
from skeletonmae.inference.embeddings import LeftOut
from skeletonmae.methods import Classifier
from skeletonmae.predictions.prediction import NOT_FINITE, NOTHING_OBSERVED, Prediction
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.training import autocast


def predict(
    checkpoint: Checkpoint,
    recordings: Iterable[SkeletonSequence | LeftOut],
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
        recordings: The recordings. They are read one after the other, and only some are held in memory. What
            could not be read, `LeftOut`, has its reason as error.
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
    predictions: list[Prediction] = []
    with autocast(precision, next(model.parameters()).device):
        for block in recording_blocks(adapted_recordings(checkpoint.header, recordings, per_person)):
            predictions += _predict(checkpoint.header, model, block, top, batch_size)
    return predictions


@torch.inference_mode()
def _predict(header: Header, model: Classifier, block: Block, top: int, batch_size: int) -> Iterator[Prediction]:
    """Yield the prediction of each recording of a block, or why there is none."""
    rows: list[tuple[Float[torch.Tensor, " class"], bool]] = []
    if block.store:
        device = next(model.parameters()).device
        index = np.arange(len(block.store))
        loader = header.clips.loader(block.store, index, batch_size=batch_size, device=device)
        rows = [
            row for batch in loader.epoch() for row in _classify(model, batch, header.used_joints(batch.skeleton))
        ]
    row = iter(rows)
    for entry in block.entries:
        if isinstance(entry, LeftOut):
            yield Prediction(entry.recording, entry.person, (), entry.reason)
        else:
            yield _prediction(entry, *next(row), header.classes, top)


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
    row: Row, logits: torch.Tensor, has_observed: bool, classes: tuple[str, ...], top: int
) -> Prediction:
    if not has_observed:
        return Prediction(row.recording, row.person, (), NOTHING_OBSERVED)
    if not logits.isfinite().all():
        return Prediction(row.recording, row.person, (), NOT_FINITE)
    return Prediction(row.recording, row.person, _top_classes(logits.softmax(0), classes, top))


def _top_classes(row: torch.Tensor, classes: tuple[str, ...], top: int) -> tuple[tuple[str, float], ...]:
    values, indices = row.topk(min(top, len(classes)))
    return tuple((classes[index], float(value)) for value, index in zip(values, indices.tolist(), strict=True))
