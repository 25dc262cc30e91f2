"""Frozen encoder, linear classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor

from skeletonmae.config import Seed
from skeletonmae.datasets.subsets import Draw, label_subset
from skeletonmae.datasets.validation_group import ValidationGroup
from skeletonmae.evaluation.features import FeatureConfig, Features, join_views
from skeletonmae.evaluation.lap_timer import LapTimer
from skeletonmae.evaluation.linear_solvers import LinearClassifier, fit_discriminant, fit_lbfgs, fit_sgd
from skeletonmae.evaluation.protocol import EvaluationTask, scored_result
from skeletonmae.evaluation.result import Result, ResultKey, different_settings

Solver = Literal["sgd", "lbfgs", "discriminant"]
"""How a linear layer is fitted."""
Shrinkage = Annotated[float, Field(gt=0, lt=1)]
DEFAULT_STRENGTHS: dict[Solver, tuple[float, ...]] = {
    "sgd": (0.0,),
    "lbfgs": (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003),
    "discriminant": (0.6, 0.3, 0.1),
}
"""Candidate weight decays, or shrinkages, by default."""
SGD_SETTINGS = ("epochs", "batch_size", "lr")
"""Settings of the solver `sgd` alone."""
FIT_SETTINGS = (*SGD_SETTINGS, "weight_decays", "shrinkages")
"""Settings of the fit that are in the names of results where they are not at their defaults."""
FOREIGN_SETTINGS: dict[Solver, tuple[str, ...]] = {
    "sgd": ("shrinkages",),
    "lbfgs": (*SGD_SETTINGS, "shrinkages"),
    "discriminant": (*SGD_SETTINGS, "weight_decays"),
}
"""Settings that a solver does not have."""


class FittedProbe(NamedTuple):
    """A linear layer, and what it was fitted with."""

    classifier: LinearClassifier
    strength: float
    """The weight decay, or the shrinkage."""
    num_train: int
    """Number of training recordings."""


class LinearProbe(FeatureConfig):
    """Features of the frozen encoder, batch norm without affine parameters, one linear layer.

    Source: the linear probe of MAE (He et al., CVPR 2022) and MAMP (Mao et al., ICCV 2023): SGD with momentum 0.9,
    learning rate 0.1, cosine schedule. The shrinkage of `discriminant` is that of Friedman, *Regularized
    Discriminant Analysis*, JASA 1989.
    """

    kind: Literal["linear"] = "linear"
    label_fraction: float = Field(1.0, gt=0, le=1)
    """Fraction of the labels that is used."""
    draw: Draw = "per_class"
    """As in `finetune`."""
    views: int = Field(0, ge=0, le=10_000)
    """Number of random, augmented parts of each training recording to train on, besides its middle part."""
    test_views: int = Field(0, ge=0, le=10_000)
    """Number of random, augmented parts of each test recording whose logits are averaged with those of its middle
    part."""
    mirror_views: bool = True
    """Whether augmented parts may be mirrored, where the recipe mirrors. Mirrored parts blur actions of one side,
    such as `swipe left`, and are of use where both sides mean the same."""
    solver: Solver = "sgd"
    """`sgd`: stochastic gradient descent, as published. `lbfgs`: the minimum of the same loss, by L-BFGS.
    `discriminant`: linear discriminant analysis, in closed form, as `fit` does it."""
    epochs: int = Field(100, ge=1)
    """Number of epochs of the linear layer (`sgd` only)."""
    batch_size: int = Field(256, ge=2)
    """Number of clips per step of the linear layer (`sgd` only)."""
    lr: float = Field(0.1, gt=0)
    """Peak learning rate; a half cosine decays it to 0 (`sgd` only)."""
    weight_decays: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] | None = None
    """Candidate strengths of the L2 penalty; of several, the best on the validation part of the training split is
    used. By default 0 for `sgd`, and eight from 1 to 0.0003 for `lbfgs`; `discriminant` has none."""
    shrinkages: Annotated[tuple[Shrinkage, ...], Field(min_length=1)] | None = None
    """Candidate shares of a multiple of the identity in the covariance within classes (`discriminant` only), of
    which one is selected as a weight decay is. By default 0.6, 0.3 and 0.1."""
    selection_folds: int = Field(1, ge=1, le=20)
    """Number of parts of the training side on which the strength is selected, each with a classifier of the
    others; the best is that with the most correct clips in all of them. Parts are whole groups if
    `data.validation_group` is a tag. With 1, or if the values to hold out are named, there is the one validation
    part."""
    seed: Seed = 0
    """Seed of the label subset, the validation part, the views, the initial weights and the order of clips."""

    @model_validator(mode="after")
    def _check_settings(self) -> Self:
        if not self.mirror_views and not self.views and not self.test_views:
            raise ValueError("mirror_views false changes nothing without views or test_views")
        fields = type(self).model_fields
        foreign = FOREIGN_SETTINGS[self.solver]
        if changed := [name for name in foreign if getattr(self, name) != fields[name].default]:
            others = [solver for solver, names in FOREIGN_SETTINGS.items() if not set(changed) & set(names)]
            other = f", or use solver {' or '.join(others)}" if others else ""
            raise ValueError(f"solver {self.solver} has no {', '.join(changed)}; delete it{other}")
        if self.solver == "lbfgs" and 0.0 in self.candidates:
            raise ValueError("solver lbfgs needs weight_decays above 0, without which there is no minimum")
        return self

    @property
    def candidates(self) -> tuple[float, ...]:
        """Candidate weight decays, or shrinkages."""
        given = self.shrinkages if self.solver == "discriminant" else self.weight_decays
        return given or DEFAULT_STRENGTHS[self.solver]

    @property
    def strength_name(self) -> str:
        """What the candidates are called in results."""
        return "shrinkage" if self.solver == "discriminant" else "weight_decay"

    @property
    def setting(self) -> str:
        """What distinguishes the results from those of the default settings."""
        views = {"views": self.views, "test_views": self.test_views}
        folds = [f"folds={self.selection_folds}"] if self.selection_folds > 1 else []
        unmirrored = [] if self.mirror_views else ["unmirrored"]
        solver = [self.solver] if self.solver != "sgd" else []
        draw = ["plain draw"] if self.draw == "plain" else []
        numbers = [f"{name}={number}" for name, number in views.items() if number]
        fit = different_settings(self, FIT_SETTINGS)
        parts = [self.feature_setting, *numbers, *unmirrored, *solver, *folds, *draw, *fit]
        return " ".join(part for part in parts if part)

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The key of the one result."""
        return (self.key_of("linear", self.setting),)

    def key_of(self, protocol: str, setting: str) -> ResultKey:
        """Return the key of a result of a protocol that tests this probe."""
        return f"{protocol} {setting}".strip(), self.label_fraction, self.seed

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result."""
        timer = LapTimer()
        fitted = self.fit(task)
        logits, labels = self.predict(task, fitted.classifier, task.split.test)
        return [self.result(task, fitted, logits, labels, "linear", self.setting, timer.lap())]

    def result(
        self,
        task: EvaluationTask,
        fitted: FittedProbe,
        logits: Float[Tensor, "clip class"],
        labels: Int64[Tensor, " clip"],
        protocol: str,
        setting: str,
        seconds: float,
    ) -> Result:
        """Return the result of a fitted probe on the test side.

        Args:
            task: The evaluation.
            fitted: What `fit` returned.
            logits: Of the test clips.
            labels: True class indices.
            protocol: Name of the protocol that tests this probe.
            setting: What distinguishes the result from others of the protocol.
            seconds: Duration.
        """
        has_choice = len(self.candidates) > 1
        return scored_result(
            task,
            logits,
            labels,
            protocol=protocol,
            setting=setting,
            label_fraction=self.label_fraction,
            seed=self.seed,
            num_train=fitted.num_train,
            best_params={self.strength_name: fitted.strength} if has_choice else {},
            details={
                **self.feature_details,
                "normalization": "batch norm",
                "solver": self.solver,
                self.strength_name: fitted.strength,
                **({"draw": self.draw} if self.label_fraction < 1 else {}),
                "views_train": 1 + self.views,
                "views_test": 1 + self.test_views,
                **({} if self.mirror_views else {"mirror_views": "no"}),
                "selection": task.describe_validation(self.selection_folds) if has_choice else "none",
            },
            seconds=seconds,
        )

    def labeled_recordings(self, task: EvaluationTask) -> np.ndarray:
        """Return the indices of the training recordings whose labels are used."""
        return label_subset(task.labels, task.split.train, self.label_fraction, self.seed, self.draw)

    def fit(self, task: EvaluationTask, train_index: np.ndarray | None = None) -> FittedProbe:
        """Fit the linear layer with the best of the candidate strengths.

        Args:
            task: The encoder and the recordings.
            train_index: Indices of the recordings to fit on; by default those of `labeled_recordings`. Of several
                strengths, the best on a validation part of them is used for all of them.
        """
        index = self.labeled_recordings(task) if train_index is None else train_index
        strength = self._select(task, index) if len(self.candidates) > 1 else self.candidates[0]
        classifier = self._fit(task, self._train_features(task, index), (strength,))[0]
        return FittedProbe(classifier, strength, len(index))

    def _select(self, task: EvaluationTask, train_index: np.ndarray) -> float:
        """Return the candidate with the most correct clips where it was not fitted; of equal ones, the first."""
        num_correct = np.zeros(len(self.candidates), dtype=np.int64)
        for to_fit, (features, labels) in self._divisions(task, train_index):
            classifiers = self._fit(task, to_fit, self.candidates)
            answers = [_logits(classifier, features).argmax(1) for classifier in classifiers]
            num_correct += [int((answer == labels).sum()) for answer in answers]
        return self.candidates[int(num_correct.argmax())]

    def _divisions(self, task: EvaluationTask, train_index: np.ndarray) -> Iterator[tuple[Features, Features]]:
        """Yield the clips to fit on and to select on, once or for each fold."""
        if self.selection_folds == 1 or isinstance(task.validation_group, ValidationGroup):
            fit_index, val_index = task.train_val_split(train_index, self.seed)
            yield self._train_features(task, fit_index), self._test_features(task, val_index)
            return
        num_views = max(self.views, self.test_views)
        views = self.extract_views(self.with_views(task), train_index, views=num_views, seed=self.seed)
        labels = torch.from_numpy(task.labels[train_index].astype(np.int64))
        position = {recording: row for row, recording in enumerate(train_index.tolist())}
        for division in task.folds(train_index, self.selection_folds):
            fit, val = (torch.tensor([position[recording] for recording in part.tolist()]) for part in division)
            to_fit = [view.select(fit) for view in views[: 1 + self.views]]
            to_select = [view.select(val) for view in views[: 1 + self.test_views]]
            yield join_views(to_fit, labels[fit], average=False), join_views(to_select, labels[val], average=True)

    def with_views(self, task: EvaluationTask) -> EvaluationTask:
        """Return the task with the augmentation of the views."""
        if self.mirror_views:
            return task
        augment = tuple(transform for transform in task.clips.augment if transform.kind != "mirror")
        return replace(task, clips=task.clips.model_copy(update={"augment": augment}))

    def predict(
        self, task: EvaluationTask, classifier: LinearClassifier, index: np.ndarray
    ) -> tuple[Float[Tensor, "clip class"], Int64[Tensor, " clip"]]:
        """Return the logits and the labels of recordings, on the CPU; logits are averaged over the test views."""
        features, labels = self._test_features(task, index)
        return _logits(classifier, features), labels

    def _train_features(self, task: EvaluationTask, index: np.ndarray) -> Features:
        return self.extract(self.with_views(task), index, views=self.views, seed=self.seed)

    def _test_features(self, task: EvaluationTask, index: np.ndarray) -> Features:
        # The mean of logits is the logits of the mean feature.
        task = self.with_views(task)
        return self.extract(task, index, views=self.test_views, average_views=True, seed=self.seed)

    def _fit(self, task: EvaluationTask, clips: Features, strengths: tuple[float, ...]) -> list[LinearClassifier]:
        features, labels = (each.to(task.distributed.device) for each in clips)
        num_classes = len(task.classes)
        if self.solver == "lbfgs":
            return fit_lbfgs(features, labels, num_classes, strengths)
        if self.solver == "discriminant":
            return fit_discriminant(features, labels, num_classes, strengths)
        return [
            fit_sgd(
                features,
                labels,
                num_classes,
                weight_decay=strength,
                epochs=self.epochs,
                batch_size=self.batch_size,
                lr=self.lr,
                seed=self.seed,
            )
            for strength in strengths
        ]


def _logits(classifier: LinearClassifier, features: Float[Tensor, "clip feature"]) -> Float[Tensor, "clip class"]:
    logits: Tensor = classifier(features.to(classifier.linear.weight.device)).cpu()
    return logits
