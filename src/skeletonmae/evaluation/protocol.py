"""The input and the output of a protocol, and the metrics that protocols share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from pydantic import Field
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
from skeletonmae.evaluation.reliability import wilson_interval
from skeletonmae.methods import Classifier, Method
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import DistributedContext, Progress, autocast
from skeletonmae.transforms import ClipConfig

ResultKey = tuple[str, float, int]
"""What distinguishes the results of an evaluation: name, fraction of the labels and seed."""


class Result(Config):
    """The test accuracy of one model under one protocol; accuracies are fractions from 0 to 1."""

    protocol: str
    setting: str = ""
    """What distinguishes this result from others of the same protocol, such as `k=5`."""
    pretrained: bool
    label_fraction: float = Field(1.0, ge=0, le=1)
    seed: int = 0
    top1: float = Field(ge=0, le=1)
    top1_interval: tuple[float, float]
    """95 % confidence interval of `top1`, for independent test clips."""
    top5: float = Field(ge=0, le=1)
    """With five classes or fewer it is always 1 and means nothing."""
    top5_interval: tuple[float, float]
    """95 % confidence interval of `top5`."""
    top1_without_copies: float | None = None
    """`top1` on the test clips that are no copies of training clips; None if there are no copies."""
    top1_without_copies_interval: tuple[float, float] | None = None
    """95 % confidence interval of `top1_without_copies`."""
    mean_class_accuracy: float | None = None
    """Mean of `per_class_accuracy`; None in files of earlier versions."""
    macro_f1: float | None = None
    """Mean F1 score of the classes that test clips have or were assigned; None in files of earlier versions."""
    classes: tuple[str, ...]
    per_class_accuracy: tuple[float | None, ...]
    """Recall of each class; None for a class without test clips."""
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Number of clips of each true class (row) predicted as each class (column)."""
    num_train: int = Field(ge=0)
    num_test: int = Field(ge=0)
    """Number of test clips that were classified."""
    num_test_left_out: int = Field(0, ge=0)
    """Number of test clips that were not, because no joint that the model knows was observed in them."""
    details: dict[str, str | int | float] = Field(default_factory=dict)
    """How the number was obtained: pooling, solver, views and what else the protocol states."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """Other numbers of the protocol, such as the mean average precision of `retrieval`."""
    scores: str = ""
    """Name of the file beside `results.json` with the class scores of every test clip."""
    best_params: dict[str, float] = Field(default_factory=dict)
    """Settings selected on the validation part of the training split."""
    seconds: float
    """Duration; what results of a protocol share, such as features or a fitted probe, counts for the first."""

    @property
    def name(self) -> str:
        """The protocol with its setting."""
        return f"{self.protocol} {self.setting}".strip()

    @property
    def key(self) -> ResultKey:
        """What distinguishes the result from others of the evaluation."""
        return self.name, self.label_fraction, self.seed

    @property
    def test_clips(self) -> str:
        """Number of test clips, such as `430`, or `428 of 430` if two were left out."""
        left_out = self.num_test_left_out
        return f"{self.num_test} of {self.num_test + left_out}" if left_out else str(self.num_test)


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


def different_settings(config: Config, names: Iterable[str]) -> list[str]:
    """Return the settings that are not at their defaults, such as `epochs=300`, as words of `Result.setting`.

    Args:
        config: The settings of a protocol.
        names: Names of the settings to look at.
    """
    fields = type(config).model_fields
    values = {name: getattr(config, name) for name in names}
    return [f"{name}={_word(value)}" for name, value in values.items() if value != fields[name].default]


def _word(value: object) -> str:
    """Write a value without spaces."""
    if isinstance(value, tuple):
        return ",".join(_word(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else "-".join(str(value).split())


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


def accuracy_without_copies(is_copy: np.ndarray, scores: torch.Tensor, labels: torch.Tensor) -> dict[str, object]:
    """Compute the accuracy on the test clips that are no copies, as fields of `Result`; empty if all or none are.

    Args:
        is_copy: Whether each test recording is a copy of a training recording, `(clip,)`.
        scores: Class scores, `(clip, class)`.
        labels: True class indices, `(clip,)`.
    """
    if len(is_copy) != len(scores) or not is_copy.any() or is_copy.all():
        return {}
    is_correct = (scores.argmax(1) == labels)[torch.from_numpy(~is_copy)]
    return {
        "top1_without_copies": float(is_correct.double().mean()),
        "top1_without_copies_interval": wilson_interval(int(is_correct.sum()), len(is_correct)),
    }


def accuracy_metrics(scores: torch.Tensor, labels: torch.Tensor, classes: tuple[str, ...]) -> dict[str, object]:
    """Compute the accuracies, their intervals and the confusion matrix, as fields of `Result`.

    Args:
        scores: Class scores, `(clip, class)`; the highest is the prediction.
        labels: True class indices, `(clip,)`.
        classes: Names of the classes.
    """
    num_classes = len(classes)
    predicted = scores.argmax(1)
    matrix = torch.bincount(labels * num_classes + predicted, minlength=num_classes**2).view(
        num_classes, num_classes
    )
    support, num_predicted, num_right = matrix.sum(1), matrix.sum(0), matrix.diagonal()
    occurs = support + num_predicted > 0
    f1 = 2 * num_right[occurs].double() / (support + num_predicted)[occurs]
    recall = num_right[support > 0].double() / support[support > 0]
    top_five = scores.topk(min(5, num_classes), dim=1).indices
    is_top1, is_top5 = predicted == labels, (top_five == labels[:, None]).any(1)
    return {
        "top1": float(is_top1.double().mean()),
        "top1_interval": wilson_interval(int(is_top1.sum()), len(labels)),
        "top5": float(is_top5.double().mean()),
        "top5_interval": wilson_interval(int(is_top5.sum()), len(labels)),
        "mean_class_accuracy": float(recall.mean()),
        "macro_f1": float(f1.mean()),
        "classes": classes,
        "per_class_accuracy": tuple(
            float(matrix[c, c] / support[c]) if support[c] else None for c in range(num_classes)
        ),
        "confusion_matrix": tuple(tuple(row) for row in matrix.tolist()),
        "num_test": len(labels),
    }


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
