"""Fit the heads that `fit` chooses from, each with several strengths at once.

Only logistic regression is that of scikit-learn: the others are written here, because one decomposition of the
features serves all strengths, and a fitted head is a few arrays, which are saved as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from skeletonmae.evaluation.components import (
    FAR_BELOW,
    Components,
    Scaling,
    absent_classes,
    linear_discriminants,
    scaler,
)
from skeletonmae.predictions.heads import AnyHead, LinearHead, NeighborHead, standardize

Method = Literal["logistic", "discriminant", "prototypes", "neighbors", "ridge"]
STRENGTH_NAMES = {"logistic": "C", "discriminant": "shrinkage", "ridge": "penalty", "neighbors": "k"}


class Candidate(NamedTuple):
    """A head to choose from."""

    features: str
    """Features that it classifies: those of the encoder, or a kind of coordinates."""
    method: Method | Literal["fine-tuned"]
    """The last is no head that is fitted to features, but what fine-tuning leaves."""
    strength: float
    """Inverse strength of the penalty (`logistic`), its strength (`ridge`), the shrinkage of the covariance
    (`discriminant`), or the number of neighbors."""
    scaling: Scaling = "each"
    """By which standard deviation features are divided."""
    num_encoder: int = 0
    """Number of features of the encoder, which come before the coordinates, with the scaling `blocks`."""

    def __str__(self) -> str:
        strength = STRENGTH_NAMES.get(self.method)
        return f"{self.method}, {strength}={self.strength:g}" if strength else self.method


LOGISTIC_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
SHRINKAGES = (0.1, 0.3, 0.6)
NEIGHBOR_COUNTS = (1, 5)
RIDGE_STRENGTHS = tuple(10 ** (power / 2) for power in range(0, 15))


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What heads are fitted to.

    Args:
        rows: Standardized features, `(clip, feature)`.
        labels: Class index of each clip.
        num_classes: Number of classes.
        mean: Was subtracted from the features.
        deviation: Divided them after that.
    """

    rows: np.ndarray
    labels: np.ndarray
    num_classes: int
    mean: np.ndarray
    deviation: np.ndarray

    @cached_property
    def components(self) -> Components:
        """The rows along other axes; computed once for all heads that need them."""
        return Components.of(self.rows)


def encoder_candidates(features: str) -> list[Candidate]:
    """Return the heads of the encoder's features, from the simplest."""
    return [
        Candidate(features, "prototypes", 0.0),
        *(Candidate(features, "neighbors", float(count)) for count in NEIGHBOR_COUNTS),
        *(Candidate(features, "logistic", strength) for strength in LOGISTIC_STRENGTHS),
        *(Candidate(features, "discriminant", shrinkage) for shrinkage in SHRINKAGES),
    ]


def coordinate_candidates(features: str) -> list[Candidate]:
    """Return the heads of coordinates, the strongest penalty first."""
    return [
        Candidate(features, "ridge", strength, scaling)
        for scaling in ("each", "all")
        for strength in sorted(RIDGE_STRENGTHS, reverse=True)
    ]


def combined_candidates(features: str, num_encoder: int) -> list[Candidate]:
    """Return the heads of the encoder's features with the coordinates beside them.

    Args:
        features: Name of the features.
        num_encoder: Number of the encoder's features, which come first.
    """
    return [Candidate(features, "discriminant", shrinkage, "blocks", num_encoder) for shrinkage in SHRINKAGES]


def fit_heads(
    features: np.ndarray, labels: np.ndarray, num_classes: int, candidates: Sequence[Candidate]
) -> list[AnyHead]:
    """Fit candidates that share their features.

    Args:
        features: `(clip, feature)`.
        labels: Class index of each clip, `(clip,)`; a class may be missing.
        num_classes: Number of classes.
        candidates: What to fit.

    Returns:
        A head for each candidate.
    """
    fitted: dict[Candidate, AnyHead] = {}
    for scaling, num_encoder in dict.fromkeys((one.scaling, one.num_encoder) for one in candidates):
        mean, deviation = scaler(features, scaling, num_encoder)
        training = TrainingRows(standardize(features, mean, deviation), labels, num_classes, mean, deviation)
        chosen = [one for one in candidates if (one.scaling, one.num_encoder) == (scaling, num_encoder)]
        by_method: dict[str, list[Candidate]] = {}
        for candidate in chosen:
            by_method.setdefault(candidate.method, []).append(candidate)
        for method, group in by_method.items():
            fit = {
                "logistic": _fit_logistic,
                "discriminant": _fit_discriminant,
                "prototypes": _fit_prototypes,
                "neighbors": _fit_neighbors,
                "ridge": _fit_ridge,
            }[method]
            heads = fit(training, [candidate.strength for candidate in group])
            fitted |= dict(zip(group, heads, strict=True))
    return [fitted[candidate] for candidate in candidates]


def _fit_logistic(task: TrainingRows, strengths: Sequence[float]) -> list[AnyHead]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(task.labels)
    if len(present) == 1:
        return [_constant(present, task.num_classes, task.mean, task.deviation) for _ in strengths]
    components = task.components
    model = LogisticRegression(max_iter=300, tol=1e-3, warm_start=True)
    heads: dict[float, AnyHead] = {}
    for strength in sorted(strengths):
        model.set_params(C=strength)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # a few more iterations do not change what is predicted
            model.fit(components.values, task.labels)
        weight, bias = model.coef_, model.intercept_
        if len(present) == 2:  # one row of weights for two classes
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        full_weight, full_bias = absent_classes(task.num_classes, task.rows.shape[1], bias)
        full_weight[:, present], full_bias[present] = components.weight(weight.T), bias
        heads[strength] = LinearHead(task.mean, task.deviation, full_weight, full_bias)
    return [heads[strength] for strength in strengths]


def _constant(present: np.ndarray, num_classes: int, mean: np.ndarray, deviation: np.ndarray) -> AnyHead:
    bias = np.full(num_classes, -FAR_BELOW)
    bias[present] = 0.0
    return LinearHead(mean, deviation, np.zeros((len(mean), num_classes)), bias)


def _fit_discriminant(task: TrainingRows, strengths: Sequence[float]) -> list[AnyHead]:
    """Linear discriminant analysis with equal priors: the squared distance to each class mean, whitened."""
    fitted = linear_discriminants(task.components, task.labels, task.num_classes, strengths)
    return [LinearHead(task.mean, task.deviation, weight, bias) for weight, bias in fitted]


def _fit_prototypes(task: TrainingRows, strengths: Sequence[float]) -> list[AnyHead]:
    units = _unit(task.rows)
    is_of = task.labels[:, None] == np.arange(task.num_classes)
    means = is_of.T @ units / np.maximum(is_of.sum(0), 1)[:, None]
    bias = np.where(is_of.any(0), 0.0, -FAR_BELOW)
    return [LinearHead(task.mean, task.deviation, _unit(means).T, bias, unit_length=True) for _ in strengths]


def _fit_neighbors(task: TrainingRows, strengths: Sequence[float]) -> list[AnyHead]:
    units = _unit(task.rows)
    return [
        NeighborHead(task.mean, task.deviation, units, task.labels, task.num_classes, int(count))
        for count in strengths
    ]


def _fit_ridge(task: TrainingRows, strengths: Sequence[float]) -> list[AnyHead]:
    """Ridge regression to +1 for the class and -1 for every other one; the intercept has no penalty."""
    from scipy.linalg import cho_factor, cho_solve  # slow to import

    targets = np.where(task.labels[:, None] == np.arange(task.num_classes), 1.0, -1.0)
    bias = targets.mean(0)
    is_primal = task.rows.shape[1] < len(task.rows)  # the smaller of the two systems of equations
    gram = task.rows.T @ task.rows if is_primal else task.rows @ task.rows.T
    right = task.rows.T @ (targets - bias) if is_primal else targets - bias
    if len(strengths) == 1:  # one system of equations takes a twentieth of the time of all eigenvectors
        gram[np.diag_indices_from(gram)] += strengths[0]
        solutions = [cho_solve(cho_factor(gram, lower=True, overwrite_a=True), right)]
    else:
        values, vectors = np.linalg.eigh(gram)
        projected, values = vectors.T @ right, values.clip(min=0)[:, None]
        solutions = [vectors @ (projected / (values + strength)) for strength in strengths]
    weights = solutions if is_primal else [task.rows.T @ one for one in solutions]
    return [LinearHead(task.mean, task.deviation, weight, bias) for weight in weights]


def _unit(rows: np.ndarray) -> np.ndarray:
    units: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return units
