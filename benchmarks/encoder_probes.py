"""Classifiers on frozen features, whose settings are chosen on the training side alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import ridge
import torch
from sklearn.model_selection import GroupKFold, StratifiedKFold

from skeletonmae.evaluation.features import center_and_normalize
from skeletonmae.evaluation.linear_solvers import fit_lbfgs
from skeletonmae.inference.head_fitting import Candidate, fit_heads
from skeletonmae.predictions.heads import AnyHead

Predict = Callable[[np.ndarray], np.ndarray]
SHOTS = (1, 5, 10)
NUM_DRAWS = 20
NUM_TRIALS = 5
"""Draws on the training side by which the strength for few clips is chosen."""
NUM_FOLDS = 5
WEIGHT_DECAYS = (1e-3, 0.01, 0.03, 0.1, 0.3, 1.0)
SHRINKAGES = (0.03, 0.1, 0.3, 0.6)
ALL_DECAYS, ALL_RIDGES = range(len(WEIGHT_DECAYS)), range(len(ridge.STRENGTHS))
ALL_LINEAR = range(len(WEIGHT_DECAYS) + len(SHRINKAGES))


class Task(NamedTuple):
    """One split of a dataset, with features of all recordings of its store.

    Args:
        features: `(recording, feature)`.
        labels: Class index of each recording.
        groups: Who is recorded; empty where that is not known.
        train: Indices of the training side.
        test: Indices of the test side.
        num_classes: Number of classes.
    """

    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    train: np.ndarray
    test: np.ndarray
    num_classes: int


def logistic(
    features: np.ndarray, labels: np.ndarray, num_classes: int, settings: Sequence[int] = ALL_DECAYS
) -> list[Predict]:
    """Fit logistic regression to standardized features, with some of `WEIGHT_DECAYS`."""
    inputs, targets = torch.from_numpy(features).double(), torch.from_numpy(labels)
    varies = inputs.std(0) > 0
    strengths = [WEIGHT_DECAYS[setting] for setting in settings]
    models = fit_lbfgs(inputs[:, varies], targets, num_classes, strengths, max_iterations=200, tolerance=1e-4)

    def predict(model: Any) -> Predict:
        return lambda rows: model.double()(torch.from_numpy(rows).double()[:, varies]).argmax(1).numpy()

    return [predict(model) for model in models]


def linear(
    features: np.ndarray, labels: np.ndarray, num_classes: int, settings: Sequence[int] = ALL_LINEAR
) -> list[Predict]:
    """Fit logistic regression or linear discriminant analysis, to standardized features, with some settings.

    The first settings are those of `logistic`, the others are `SHRINKAGES`: shares of a multiple of the identity
    in the covariance within classes.
    """
    of_logistic = [setting for setting in settings if setting in ALL_DECAYS]
    others = [SHRINKAGES[setting - len(WEIGHT_DECAYS)] for setting in settings if setting not in ALL_DECAYS]
    models = logistic(features, labels, num_classes, of_logistic) if of_logistic else []
    candidates = [Candidate("features", "discriminant", shrinkage) for shrinkage in others]
    heads = fit_heads(features, labels, num_classes, candidates)
    fitted = dict(zip(of_logistic, models, strict=True))
    rest = [setting for setting in settings if setting not in ALL_DECAYS]

    def predict(head: AnyHead) -> Predict:
        return lambda rows: head.scores(rows).argmax(1)

    fitted |= {setting: predict(head) for setting, head in zip(rest, heads, strict=True)}
    return [fitted[setting] for setting in settings]


def ridge_scaled(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    settings: Sequence[int] = range(len(ridge.STRENGTHS)),
    *,
    scaling: str,
) -> list[Predict]:
    """Fit the ridge classifier of `ridge.py`, with one of its scalings of the features."""
    strengths = tuple(ridge.STRENGTHS[setting] for setting in settings)
    return [model.predict for model in ridge.fit(features, labels, num_classes, strengths, scaling)]


ridge_each = partial(ridge_scaled, scaling="each")
"""Each feature is divided by its own standard deviation."""
ridge_all = partial(ridge_scaled, scaling="all")
"""All features are divided by a common standard deviation."""


class Fit(Protocol):
    """Fits one classifier for each of some settings."""

    def __call__(
        self, features: np.ndarray, labels: np.ndarray, num_classes: int, settings: Sequence[int] = ...
    ) -> list[Predict]: ...


def full(task: Task, fit: Fit) -> np.ndarray:
    """Return which test clips are classified correctly after training with all labels."""
    best = choose_by_folds(task, fit)
    (predict,) = fit(task.features[task.train], task.labels[task.train], task.num_classes, [best])
    return predict(task.features[task.test]) == task.labels[task.test]


def nearest(task: Task) -> np.ndarray:
    """Return which test clips have the class of the nearest training clip, by cosine after centering."""
    train, test = center_and_normalize(
        torch.from_numpy(task.features[task.train]).float(), torch.from_numpy(task.features[task.test]).float()
    )
    return task.labels[task.train][(test @ train.T).argmax(1).numpy()] == task.labels[task.test]


def few_shot(task: Task, fit: Fit, shots: int, num_draws: int = NUM_DRAWS, seed: int = 0) -> list[float]:
    """Return the accuracy on the test side after training with a few clips of each class, once for each draw.

    The draws are the same for all features. Classes with fewer clips are drawn completely.
    """
    best = choose_by_draws(task, fit, shots)
    accuracies = []
    for draw in range(num_draws):
        chosen = draw_clips(task.labels, task.train, shots, np.random.default_rng([seed, shots, draw]))
        (predict,) = fit(task.features[chosen], task.labels[chosen], task.num_classes, [best])
        accuracies.append(float((predict(task.features[task.test]) == task.labels[task.test]).mean()))
    return accuracies


def choose_by_folds(task: Task, fit: Fit) -> int:
    """Return which setting is best in cross-validation on the training side, by group where groups are known."""
    scores = []
    for to_fit, to_validate in folds(task):
        models = fit(task.features[to_fit], task.labels[to_fit], task.num_classes)
        labels = task.labels[to_validate]
        scores.append([float((predict(task.features[to_validate]) == labels).sum()) for predict in models])
    return int(np.sum(scores, axis=0).argmax())


def choose_by_draws(task: Task, fit: Fit, shots: int) -> int:
    """Return which setting is best on the training side after training with a few of its clips.

    The clips are drawn in one half of the groups (of the clips of each class, where groups are not known) and
    tested in the other.
    """
    scores = []
    for trial in range(NUM_TRIALS):
        rng = np.random.default_rng([1, shots, trial])
        is_first = _half(task, rng)
        chosen = draw_clips(task.labels, task.train[is_first], shots, rng)
        rest = task.train[~is_first]
        models = fit(task.features[chosen], task.labels[chosen], task.num_classes)
        scores.append([float((predict(task.features[rest]) == task.labels[rest]).mean()) for predict in models])
    return int(np.mean(scores, axis=0).argmax())


def folds(task: Task) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    """Return the parts of the training side to fit on and to validate on."""
    labels, groups = task.labels[task.train], task.groups[task.train]
    num_groups = len(set(groups.tolist()))
    if num_groups > 1:
        parts = GroupKFold(min(NUM_FOLDS, num_groups)).split(labels, labels, groups)
    else:
        parts = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0).split(labels, labels)
    return [(task.train[one], task.train[other]) for one, other in parts]


def draw_clips(labels: np.ndarray, index: np.ndarray, shots: int, rng: np.random.Generator) -> np.ndarray:
    """Draw up to so many clips of each class."""
    order = rng.permutation(index)
    return np.concatenate([order[labels[order] == label][:shots] for label in np.unique(labels[index])])


def _half(task: Task, rng: np.random.Generator) -> np.ndarray:
    """Return which clips of the training side belong to a random half of its groups, or of each class."""
    groups = task.groups[task.train]
    names = np.unique(groups)
    if len(names) > 1:
        return np.isin(groups, rng.permutation(names)[: len(names) // 2])
    labels, rank = task.labels[task.train], np.zeros(len(task.train), int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = rng.permutation(len(members))
    return rank % 2 == 0
