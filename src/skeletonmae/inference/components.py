"""Features along other axes, in which heads are fitted and distances measured: principal and whitened ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MIN_VARIANCE_SHARE = 1e-9
"""Principal axes with a smaller share of the largest variance hold rounding errors only."""
MAX_ROTATED = 2000
"""With more clips of more features, principal axes are not computed."""


def scaler(features: np.ndarray, scaling: str = "each") -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each feature, or a common one; 1 where it is 0."""
    mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    if scaling == "all":
        deviation = np.full_like(deviation, np.sqrt((deviation**2).mean()))
    return mean, np.where(deviation > 0, deviation, 1.0)


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


class ClassStatistics(NamedTuple):
    """Where classes are along some axes, and how their clips vary."""

    present: np.ndarray
    """The classes that have clips, ascending."""
    means: np.ndarray
    """The mean of each, `(class, axis)`."""
    covariance: np.ndarray
    """The common covariance within classes, `(axis, axis)`."""
    variance: float
    """Its mean along the directions in which clips vary; 1 if it is 0."""

    @classmethod
    def of(cls, components: np.ndarray, labels: np.ndarray, rank: int) -> ClassStatistics:
        """Measure clips, `(clip, axis)`, that vary in so many directions."""
        present, position = np.unique(labels, return_inverse=True)
        means = np.stack([components[position == row].mean(0) for row in range(len(present))])
        deviations = components - means[position]
        covariance = deviations.T @ deviations / max(1, len(components) - len(present))
        return cls(present, means, covariance, float(np.trace(covariance)) / rank or 1.0)

    def shrunken_covariance(self, shrinkage: float) -> np.ndarray:
        """Return the covariance with a share of a multiple of the identity in it."""
        identity = self.variance * np.eye(len(self.covariance))
        shrunken: np.ndarray = (1 - shrinkage) * self.covariance + shrinkage * identity
        return shrunken


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
