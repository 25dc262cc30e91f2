"""Fit what says whether a recording is unknown, on the training clips alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skeletonmae.evaluation.components import principal_axes, scaler, shrunken_whitening
from skeletonmae.inference.folds import Fold
from skeletonmae.inference.head_choice import MAX_COMPARED, draw_clips, is_large
from skeletonmae.predictions.doubt import ENTROPY_WEIGHT, LIMITS, Doubt, entropy, nearest_distance
from skeletonmae.predictions.heads import standardize
from skeletonmae.predictions.motion_statistics import MotionStatistics

SHRINKAGE = 0.1
"""Share of a multiple of the identity in the covariance within classes."""
MAX_AXES = 256
"""Largest number of principal axes of the features."""
ENTROPY_SHARE = 0.5
"""How much the entropy of the probabilities counts beside the distance, both by their standard deviations."""
MIN_DEVIATION = 1e-6
"""Distances and entropies that vary less do not vary."""
NO_LIMIT = float(np.finfo(np.float32).max)
MAX_VELOCITY_ROUGHNESS = 0.9
"""The velocities of training clips that are rougher, as at a low frame rate, are not told from a random walk."""
QUANTILE = 0.01
"""Share of the training clips that may be outliers when limits of a statistic are set."""


def fit_doubt(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    probabilities: np.ndarray,
    statistics: Sequence[MotionStatistics],
    folds: Sequence[Fold],
    fold_features: Sequence[np.ndarray] | None = None,
) -> Doubt:
    """Measure how far training clips are from the classes, each without itself and its subject.

    Distances grow with the number of axes, which the number of clips limits. Distances in folds and by all clips
    therefore have the same number, so that the former say how far new clips will be. With few clips of many
    features, a training clip may still be farther from the mean of its class than any new clip is, because the
    axes fit it. Its novelty is therefore at least that by these axes, so that it is not unknown.

    Args:
        features: `(clip, feature)`.
        labels: Class index of each clip.
        num_classes: Number of classes.
        probabilities: Probabilities of the classes by a classifier that had not seen the clip, `(clip, class)`.
        statistics: Of each clip.
        folds: (fit, test) indices; without any, no recording is unknown because of its features.
        fold_features: For each fold, the features of all clips by an encoder that was fine-tuned without the
            tested ones, `(clip, feature)`; None if all folds have the same features.
    """
    num_axes = max(1, min([MAX_AXES, *(len(fit) - 1 for fit, _ in folds)]))
    mean, deviation, projection, means = _whitened_classes(features, labels, num_classes, num_axes)
    low, high = fit_limits(statistics)
    distances, tested = [], []
    for number, (fit, test) in enumerate(folds):
        values = features if fold_features is None else fold_features[number]
        its_mean, its_deviation, its_projection, its_means = _whitened_classes(
            values[fit], labels[fit], num_classes, num_axes
        )
        rows = standardize(values[test], its_mean, its_deviation) @ its_projection
        distances.append(nearest_distance(rows, its_means))
        tested.append(test)
    distance = np.concatenate([*distances, np.zeros(0)])
    order = np.concatenate([*tested, np.zeros(0, np.int64)])
    uncertainty = entropy(probabilities[order])
    entropy_scale = _deviation(uncertainty) * ENTROPY_WEIGHT / ENTROPY_SHARE
    scales = np.array([_deviation(distance), entropy_scale])
    own = nearest_distance(standardize(features, mean, deviation) @ projection, means)[order]
    novelties = np.sort(np.maximum(distance, own) / scales[0] + ENTROPY_WEIGHT * uncertainty / scales[1])
    return Doubt(novelties, low, high, mean, deviation, projection, means, scales)


def fit_limits(statistics: Sequence[MotionStatistics]) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest value of the statistic of each of `LIMITS` that is not unknown.

    Each limit lies between the training clips and what is surely something else: no motion at all, noise (a
    roughness of 1), a random walk (a roughness of the velocities of 1), and a body that is upside down (a tilt of
    180 degrees).
    """
    low, high = np.full(len(LIMITS), -NO_LIMIT), np.full(len(LIMITS), NO_LIMIT)
    for row, limit in enumerate(LIMITS):
        values = np.array([getattr(one, limit.statistic) for one in statistics])
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        smallest, largest = np.quantile(values, [QUANTILE, 1 - QUANTILE])
        if limit.statistic in ("motion", "pose_motion"):
            low[row] = smallest / 4
        elif limit.statistic == "roughness":
            high[row] = np.sqrt(np.clip(largest, 0.1, 1))
        elif limit.statistic == "bone_variation":
            high[row] = max(0.2, 1.5 * largest)
        elif limit.statistic == "tilt":
            high[row] = (largest + 180) / 2
        elif largest < MAX_VELOCITY_ROUGHNESS:
            high[row] = (largest + 1) / 2
    return low, high


def _whitened_classes(
    features: np.ndarray, labels: np.ndarray, num_classes: int, max_axes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the scaler, the whitening axes, and the mean of each class along them.

    The principal axes of many clips are those of some of them, drawn with equal shares of every class. A class
    without clips is where the mean of all is, which is no nearer than the others' clips.
    """
    mean, deviation = scaler(features)
    rows = standardize(features, mean, deviation)
    drawn = draw_clips(labels, MAX_COMPARED) if is_large(len(labels)) else slice(None)
    _, axes = principal_axes(rows[drawn], max_axes)
    components = rows @ axes
    whitening = shrunken_whitening(components, labels, SHRINKAGE)
    rows = components @ whitening
    present = np.unique(labels)
    means = np.stack([rows[labels == label].mean(0) for label in present.tolist()])
    nearest = np.searchsorted(present, np.arange(num_classes)).clip(max=len(present) - 1)
    return mean, deviation, axes @ whitening, means[nearest]


def _deviation(values: np.ndarray) -> float:
    """The standard deviation of values; 1 where they hardly vary."""
    deviation = float(values.std()) if len(values) else 0.0
    return deviation if deviation > MIN_DEVIATION else 1.0
