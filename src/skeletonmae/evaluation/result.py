"""The result of a protocol, and the metrics that protocols share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.evaluation.reliability import wilson_interval

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
