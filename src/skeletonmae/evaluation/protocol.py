"""What a protocol is given, and what protocols have in common; `result` has what they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from skeletonmae.config import Config, Precision
from skeletonmae.datasets.splits import Split
from skeletonmae.datasets.validation_group import (
    ValidationGroup,
    describe_folds,
    describe_validation,
    folds_by_group,
    split_by_group,
)
from skeletonmae.errors import InputError
from skeletonmae.evaluation.clip_scores import ClipScores, ScoreKind
from skeletonmae.evaluation.feature_cache import FeatureCache
from skeletonmae.evaluation.result import Result, ResultKey, accuracy_metrics, accuracy_without_copies
from skeletonmae.methods import Classifier, Method
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import DistributedContext, Progress, autocast
from skeletonmae.transforms import ClipConfig


@dataclass(frozen=True)
class EvaluationTask:
    """An encoder, the recordings to evaluate it on, and their split.

    Args:
        method: The encoder.
        pretrained: Whether it was pre-trained; otherwise its weights are freshly initialized.
        clips: How recordings become clips.
        store: The recordings.
        split: Indices of the training and the test recordings.
        validation_group: Tag that defines groups (such as subjects); recordings of one group never end up on both
            sides when a validation part is split off the training split. Or the groups of which the validation
            part consists.
        distributed: The device, and the process group in which this process computes.
        on_progress: Called with what is being trained and how far it is.
        folder: Where fine-tuned classifiers are saved; None saves nothing.
        save: Writes a classifier to a file.
        init_method: Only from scratch: a method whose weights are initialized from a seed, so that runs with
            different seeds do not share them.
        joints: Names of the joints that the model knows; None for all of the store.
        precision: In which features and logits are computed; training has its own.
        pretrain_index: Indices of the recordings that the encoder was pre-trained on; None if that is unknown.
        copies: Indices of the test recordings that are exact copies of training recordings.
    """

    method: Method
    pretrained: bool
    clips: ClipConfig
    store: SequenceStore
    split: Split
    validation_group: str | ValidationGroup | None
    distributed: DistributedContext
    on_progress: Callable[[str, Progress], None] | None = None
    folder: Path | None = None
    save: Callable[[Path, Classifier, Config | None], None] | None = None
    init_method: Callable[[int], Method] | None = None
    joints: tuple[str, ...] | None = None
    precision: Precision = "float32"
    pretrain_index: np.ndarray | None = None
    copies: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    feature_cache: FeatureCache = field(default_factory=FeatureCache, repr=False)
    """Extracted features, shared by the protocols of a task."""
    clip_scores: dict[ResultKey, ClipScores] = field(default_factory=dict, repr=False)
    """Scores of the test clips of each result, by its `key`; `scored_result` adds them."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.store.classes

    @property
    def labels(self) -> np.ndarray:
        """Class index of every recording of the store, `(recording,)`."""
        return self.store.labels

    def train_val_split(self, index: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Divide `index` into recordings to fit on and recordings to select settings on, `(recording,)` each.

        Raises:
            InputError: The store has no such tag or value, or too few recordings to divide.
        """
        return split_by_group(self.store, index, self.validation_group, seed)

    def folds(self, index: np.ndarray, num_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Divide `index` several times into recordings to fit on and recordings to select settings on.

        Raises:
            InputError: The store has no such tag or value, or too few recordings to divide.
        """
        return folds_by_group(self.store, index, self.validation_group, num_folds)

    def describe_validation(self, num_folds: int = 1) -> str:
        """Describe the recordings that settings are selected on."""
        if num_folds > 1:
            return describe_folds(self.validation_group, num_folds)
        return describe_validation(self.validation_group)


class EvaluationProtocol(Protocol):
    """A way to evaluate an encoder."""

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The keys of all results that `run` can return, in this order; it may leave some out."""

    def run(self, task: EvaluationTask) -> list[Result]:
        """Evaluate `task.method` and return one result per setting and seed."""


def scored_result(
    task: EvaluationTask,
    scores: torch.Tensor,
    labels: torch.Tensor,
    *,
    kind: ScoreKind = "logits",
    **fields: Any,
) -> Result:
    """Return the result for the test side, and keep the scores of its clips in `task.clip_scores`.

    They are kept only if there is one row for each recording of the test side.

    Args:
        task: The evaluation.
        scores: Class scores of the test clips, `(clip, class)`; the highest is the prediction.
        labels: True class indices, `(clip,)`.
        kind: What the scores are.
        fields: The other fields of `Result`.
    """
    result = Result(
        pretrained=task.pretrained,
        **fields,
        **accuracy_metrics(scores, labels, task.classes),
        **accuracy_without_copies(np.isin(task.split.test, task.copies), scores, labels),
    )
    index = task.split.test
    if len(index) == len(scores):
        recordings = tuple(task.store.name(position) for position in index.tolist())
        task.clip_scores[result.key] = ClipScores(recordings, task.classes, labels.numpy(), scores.numpy(), kind)
    return result


@torch.inference_mode()
def predict_logits(
    model: nn.Module, task: EvaluationTask, index: np.ndarray, batch_size: int = 256
) -> torch.Tensor:
    """Logits of the middle part of each recording, `(recording, class)`, on the CPU in the order of `index`.

    Raises:
        InputError: A logit is not finite.
    """
    loader = task.clips.loader(task.store, index, batch_size=batch_size, device=task.distributed.device)
    model.eval()
    with autocast(task.precision, task.distributed.device):
        return check_finite(torch.cat([model(batch).float().cpu() for batch in loader.epoch()]))


def check_finite(outputs: torch.Tensor) -> torch.Tensor:
    """Return the outputs of a model, `(clip, value)`, unchanged if all of them are finite.

    Raises:
        InputError: A value is infinite or NaN.
    """
    if not outputs.isfinite().all():
        got = f"{int((~outputs.isfinite()).any(1).sum())} of {len(outputs)} clips with infinite or NaN outputs"
        problem = "the model's outputs are not finite: its weights are damaged, or recordings hold huge values"
        raise InputError(problem, expected="finite outputs for every clip", got=got)
    return outputs
