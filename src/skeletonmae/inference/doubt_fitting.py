"""Fit what says whether a recording is unknown, on the training clips alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skeletonmae.evaluation.components import principal_axes, scaler, shrunken_whitening
from skeletonmae.inference.folds import Fold
from skeletonmae.inference.head_choice import MAX_COMPARED, draw_clips, is_large
from skeletonmae.predictions.doubt import ENTROPY_WEIGHT, LIMITS, Doubt, distance_to_training, entropy
from skeletonmae.predictions.heads import standardize
from skeletonmae.predictions.motion_statistics import MotionStatistics

SHRINKAGE = 0.4
"""Share of a multiple of the identity in the covariance within classes."""
MAX_AXES = 256
"""Largest number of principal axes of the features."""
ENTROPY_SHARE = 0.5
"""How much the entropy of the probabilities counts beside the distance, both by their standard deviations."""
MIN_DEVIATION = 1e-6
"""Distances and entropies that vary less do not vary."""
TINY = 1e-6
"""Smaller distances count as this one."""
NO_LIMIT = float(np.finfo(np.float32).max)
MAX_VELOCITY_ROUGHNESS = 0.9
"""The velocities of training clips that are rougher, as at a low frame rate, are not told from a random walk."""
QUANTILE = 0.01
"""Share of the training clips that may be outliers when limits of a statistic are set."""
MAX_GROWTH = 1.0
"""Largest growth of the logarithm of distances, from all folds but one to all but two, that is believed."""


def fit_doubt(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    probabilities: np.ndarray,
    statistics: Sequence[MotionStatistics],
    folds: Sequence[Fold],
    fold_features: Sequence[np.ndarray] | None = None,
) -> Doubt:
    """Measure how far training clips are from the others, each without itself and its subject.

    Distances grow with the number of axes, which the number of clips limits: in all axes that clips span, new ones
    are nearer than they. In folds and in the classifier, they therefore are half as many as the clips of the
    smallest part that axes are fitted to. Distances also are the larger the fewer clips there are to be near to,
    so that a clip is farther from the others in a fold than a new clip is from all training clips. How much
    farther is estimated by leaving out another fold as well (`_growth`), and distances are divided by it.

    With few clips of many features that have little in common, a training clip may still be farther from the mean
    of its class than any new clip is, because the axes fit it. Its novelty is therefore at least that by these
    axes, so that it is not unknown.

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
    keeps_clips = not is_large(len(labels))
    smaller = _without_another_fold(folds, labels) if keeps_clips else []
    fitted = [fit for fit, _ in folds] + [fit for fit in smaller if fit is not None]
    num_axes = max(1, min([MAX_AXES, *(len(fit) // 2 for fit in fitted)]))

    def distances(values: np.ndarray, fit: np.ndarray, test: np.ndarray) -> np.ndarray:
        return _Space.of(values[fit], labels[fit], num_classes, num_axes, keeps_clips).distance(values[test])

    space = _Space.of(features, labels, num_classes, num_axes, keeps_clips)
    low, high = fit_limits(statistics)
    found, tested, growths = [np.zeros(0)], [np.zeros(0, np.int64)], []
    for number, (fit, test) in enumerate(folds):
        values = features if fold_features is None else fold_features[number]
        found.append(distances(values, fit, test))
        tested.append(test)
        if smaller and (part := smaller[number]) is not None:
            farther = distances(values, part, test)
            growths.append(float(np.median(np.log(np.maximum(farther, TINY) / np.maximum(found[-1], TINY)))))
    distance, order = np.concatenate(found) / np.exp(_growth(growths, len(folds))), np.concatenate(tested)
    uncertainty = entropy(probabilities[order])
    entropy_scale = _deviation(uncertainty) * ENTROPY_WEIGHT / ENTROPY_SHARE
    scales = np.array([_deviation(distance), entropy_scale])
    distance = np.maximum(distance, space.distance(features)[order])
    novelties = np.sort(distance / scales[0] + ENTROPY_WEIGHT * uncertainty / scales[1])
    return Doubt(novelties, low, high, *space, scales)


def _without_another_fold(folds: Sequence[Fold], labels: np.ndarray) -> list[np.ndarray | None]:
    """Return what remains of each fold's clips without those that the next fold tests.

    It is None where a class would be without clips that the fold has clips of, for then the distance of its clips
    to the others says nothing; and nothing is returned of fewer than three folds.
    """
    if len(folds) < 3:
        return []
    parts: list[np.ndarray | None] = []
    for number, (fit, _) in enumerate(folds):
        part = np.setdiff1d(fit, folds[(number + 1) % len(folds)][1])
        has_all = len(np.unique(labels[part])) == len(np.unique(labels[fit]))
        parts.append(part if has_all and len(part) > len(np.unique(labels[part])) else None)
    return parts


def _growth(growths: Sequence[float], num_folds: int) -> float:
    """Return the logarithm by which distances in a fold exceed those to all clips.

    Distances are taken to grow with the inverse of the number of clips: from all folds to all but one by
    `1 / (n - 1) - 1 / n`, and from there to all but two by `1 / (n - 2) - 1 / (n - 1)`, which was measured.

    Args:
        growths: The latter in each fold, as the median of the logarithms of the clips.
        num_folds: Number of folds.
    """
    if not growths:
        return 0.0
    return float(np.clip(np.median(growths), 0, MAX_GROWTH)) * (num_folds - 2) / num_folds


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


class _Space(NamedTuple):
    """Axes in which the clips of a class vary equally, and where the clips are; as in `Doubt`."""

    mean: np.ndarray
    deviation: np.ndarray
    projection: np.ndarray
    means: np.ndarray
    clips: np.ndarray

    @classmethod
    def of(
        cls, features: np.ndarray, labels: np.ndarray, num_classes: int, max_axes: int, keeps_clips: bool
    ) -> _Space:
        """Fit the axes to clips.

        The principal axes of many clips are those of some of them, drawn with equal shares of every class. A class
        without clips is where the mean of another is, which is no nearer than the others' clips.
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
        return cls(mean, deviation, axes @ whitening, means[nearest], rows if keeps_clips else rows[:0])

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Return how far clips are from those that the axes were fitted to, `(clip,)`."""
        rows = standardize(features, self.mean, self.deviation) @ self.projection
        return distance_to_training(rows, self.means, self.clips)


def _deviation(values: np.ndarray) -> float:
    """The standard deviation of values; 1 where they hardly vary."""
    deviation = float(values.std()) if len(values) else 0.0
    return deviation if deviation > MIN_DEVIATION else 1.0
