"""Features along other axes, in which heads are fitted and distances measured: principal and whitened ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

MIN_VARIANCE_SHARE = 1e-9
"""Principal axes with a smaller share of the largest variance hold rounding errors only."""
MAX_ROTATED = 2000
"""With more clips of more features, principal axes are not computed."""
FAR_BELOW = 1000.0
"""How far the scores of a class without clips are below those of others."""


Scaling = Literal["each", "all", "blocks"]
"""By which standard deviation features are divided: each by its own, all by a common one, or those of an encoder,
which come first, by their own and the coordinates by a common one, so that both count the same."""


def scaler(features: np.ndarray, scaling: Scaling = "each", num_encoder: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each feature, and what divides it after that; 1 where it does not vary.

    Args:
        features: `(clip, feature)`.
        scaling: By which standard deviation features are divided.
        num_encoder: Number of features of an encoder, which come first, with the scaling `blocks`.
    """
    mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    if scaling != "each":
        common = deviation[num_encoder:]
        common[:] = np.sqrt((common**2).mean())
    deviation = np.where(deviation > 0, deviation, 1.0)
    if scaling == "blocks":
        num_features = len(deviation)
        deviation[:num_encoder] *= np.sqrt(2 * num_encoder / num_features)
        deviation[num_encoder:] *= np.sqrt(2 * (num_features - num_encoder) / num_features)
    return mean, deviation


def principal_axes(rows: np.ndarray, max_axes: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return rows along their principal axes, and the axes, `(feature, axis)`, those of large variance first.

    With all axes, this is a rotation. Rows that do not vary, such as a single one, have one axis, along which all
    of them are 0.

    Args:
        rows: Standardized features, `(clip, feature)`.
        max_axes: Largest number of axes.
    """
    if not rows.any():
        return np.zeros((len(rows), 1)), np.zeros((rows.shape[1], 1))
    if rows.shape[1] <= len(rows):
        values, vectors = np.linalg.eigh(rows.T @ rows)
        used = np.flatnonzero(values > MIN_VARIANCE_SHARE * values[-1])[::-1][:max_axes]
        return rows @ vectors[:, used], vectors[:, used]
    values, vectors = np.linalg.eigh(rows @ rows.T)
    used = np.flatnonzero(values > MIN_VARIANCE_SHARE * values[-1])[::-1][:max_axes]
    axes = rows.T @ (vectors[:, used] / np.sqrt(values[used]))
    return rows @ axes, axes


class Components(NamedTuple):
    """Standardized features along other axes, which changes no classifier with a penalty."""

    values: np.ndarray
    """`(clip, component)`."""
    axes: np.ndarray | None
    """`(feature, component)`; None if they are those of the features."""
    rank: int
    """Number of directions in which the clips vary."""

    @classmethod
    def of(cls, rows: np.ndarray) -> Components:
        """Rotate rows to their principal axes, unless finding these would take longer than they save."""
        if min(rows.shape) <= MAX_ROTATED:
            values, axes = principal_axes(rows)
            return cls(values, axes, values.shape[1])
        return cls(rows, None, max(1, min(int(rows.any(0).sum()), len(rows) - 1)))

    def weight(self, directions: np.ndarray) -> np.ndarray:
        """Return the weights of features for those of components, `(component, class)`."""
        return directions if self.axes is None else self.axes @ directions


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """Where classes are along some axes, and how their clips vary.

    Args:
        present: The classes that have clips, ascending.
        means: The mean of each, `(class, axis)`.
        deviations: Of clips from the mean of their class, `(clip, axis)`.
        rank: Number of directions in which clips vary.
    """

    present: np.ndarray
    means: np.ndarray
    deviations: np.ndarray
    rank: int

    @classmethod
    def of(cls, components: np.ndarray, labels: np.ndarray, rank: int) -> ClassStatistics:
        """Measure clips, `(clip, axis)`, that vary in so many directions."""
        present, position = np.unique(labels, return_inverse=True)
        means = np.stack([components[position == row].mean(0) for row in range(len(present))])
        return cls(present, means, components - means[position], rank)

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the covariance."""
        return max(1, len(self.deviations) - len(self.present))

    @cached_property
    def covariance(self) -> np.ndarray:
        """The common covariance within classes, `(axis, axis)`."""
        covariance: np.ndarray = self.deviations.T @ self.deviations / self.degrees
        return covariance

    @cached_property
    def gram(self) -> np.ndarray:
        """Products of the deviations of each pair of clips, `(clip, clip)`."""
        gram: np.ndarray = self.deviations @ self.deviations.T
        return gram

    @cached_property
    def variance(self) -> float:
        """Mean variance within classes along the directions in which clips vary; 1 if it is 0."""
        return float(np.vdot(self.deviations, self.deviations)) / self.degrees / self.rank or 1.0

    def shrunken_covariance(self, shrinkage: float) -> np.ndarray:
        """Return the covariance with a share of a multiple of the identity in it."""
        shrunken: np.ndarray = (1 - shrinkage) * self.covariance
        shrunken[np.diag_indices_from(shrunken)] += shrinkage * self.variance
        return shrunken

    def discriminants(self, shrinkage: float) -> np.ndarray:
        """Return the inverse of the shrunken covariance times the class means, `(axis, class)`.

        With fewer clips than axes, the system of equations is that of the clips (the Woodbury identity).
        """
        from scipy.linalg import cho_factor, cho_solve  # slow to import

        means = self.means.T
        if len(self.deviations) >= len(means):
            factor = cho_factor(self.shrunken_covariance(shrinkage), lower=True, overwrite_a=True)
            return np.asarray(cho_solve(factor, means))
        isotropic = shrinkage * self.variance
        system = self.gram.copy()
        system[np.diag_indices_from(system)] += isotropic * self.degrees / (1 - shrinkage)
        factor = cho_factor(system, lower=True, overwrite_a=True)
        within: np.ndarray = self.deviations.T @ cho_solve(factor, self.deviations @ means)
        discriminants: np.ndarray = (means - within) / isotropic
        return discriminants


def linear_discriminants(
    components: Components, labels: np.ndarray, num_classes: int, shrinkages: Sequence[float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weights of the features, `(feature, class)`, and biases of linear discriminant analysis.

    Classes have equal priors, so that a score is minus half the squared distance to the mean of a class in
    whitened space, up to what is the same for all classes.

    Args:
        components: Training features.
        labels: Class index of each clip.
        num_classes: Number of classes; those without a clip have scores far below all others.
        shrinkages: Shares of a multiple of the identity in the covariance, above 0 and below 1; one pair for each.
    """
    statistics = ClassStatistics.of(components.values, labels, components.rank)
    fitted = []
    for shrinkage in shrinkages:
        directions = statistics.discriminants(shrinkage)
        present_bias = -(statistics.means * directions.T).sum(1) / 2
        present_weight = components.weight(directions)
        weight, bias = absent_classes(num_classes, len(present_weight), present_bias)
        weight[:, statistics.present], bias[statistics.present] = present_weight, present_bias
        fitted.append((weight, bias))
    return fitted


def absent_classes(num_classes: int, num_features: int, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and biases of classes that no clip has, far below those of the others.

    Args:
        num_classes: Number of classes.
        num_features: Number of features.
        bias: Biases of the classes that have clips.
    """
    return np.zeros((num_features, num_classes)), np.full(num_classes, float(bias.min()) - FAR_BELOW)


def shrunken_whitening(components: np.ndarray, labels: np.ndarray, shrinkage: float) -> np.ndarray:
    """Return axes in which the clips of a class vary equally in all directions, `(component, axis)`.

    Args:
        components: Features along principal axes, `(clip, component)`.
        labels: Class index of each clip.
        shrinkage: Share of a multiple of the identity in the covariance within classes.
    """
    statistics = ClassStatistics.of(components, labels, components.shape[1])
    values, vectors = np.linalg.eigh(statistics.shrunken_covariance(shrinkage))
    whitening: np.ndarray = vectors / np.sqrt(np.maximum(values, 1e-12 * statistics.variance))
    return whitening
