"""Whether a recording resembles what a classifier was fitted to: the distance to its nearest training clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from skeletonmae.predictions.heads import Arrays, standardize
from skeletonmae.predictions.motion_statistics import MotionStatistics

COVERAGE = 0.95
"""Share of the training clips, each seen as a new one, that are not called unknown."""
NUM_NEIGHBORS = 5
LIMITED = ("motion", "roughness", "tilt")
"""Statistics beyond whose limits a recording is unknown whatever its features."""


@dataclass(frozen=True, eq=False)
class Doubt:
    """What says whether a recording is unknown.

    Args:
        mean: Subtracted from the features, `(feature,)`.
        deviation: Divides them after that.
        rows: Standardized features of the training clips, each of length 1, `(clip, feature)`.
        distances: Distances of training clips to others, of other subjects where they are known, ascending.
        low: Smallest value of each of `LIMITED` that is not unknown.
        high: Largest one.
    """

    mean: np.ndarray
    deviation: np.ndarray
    rows: np.ndarray
    distances: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def familiarity(self, features: np.ndarray, statistics: list[MotionStatistics]) -> np.ndarray:
        """Return the share of the training clips that are at least as far from the others, `(clip,)`.

        It is 0 where a statistic is beyond its limits.
        """
        distance = neighbor_distance(features, self.mean, self.deviation, self.rows)
        share = 1 - np.searchsorted(self.distances, distance) / len(self.distances)
        values = _limited(statistics)
        beyond = (values < self.low) | (values > self.high)  # NaN is beyond nothing
        return np.where(beyond.any(1), 0.0, share)

    def arrays(self) -> Arrays:
        """Return the arrays, rows in half precision."""
        names = ("mean", "deviation", "distances", "low", "high")
        fields = {name: np.ascontiguousarray(getattr(self, name), dtype=np.float32) for name in names}
        return {**fields, "rows": np.ascontiguousarray(self.rows, dtype=np.float16)}

    @staticmethod
    def array_shapes(num_features: int) -> dict[str, tuple[int | None, ...]]:
        """Return the shape of every array; None for any length."""
        limits = (len(LIMITED),)
        return {
            "mean": (num_features,),
            "deviation": (num_features,),
            "rows": (None, num_features),
            "distances": (None,),
            "low": limits,
            "high": limits,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Build it from its arrays, whose shapes have been checked."""
        return cls(**{name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()})


def neighbor_distance(
    features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the mean cosine distance to the nearest rows, `(clip,)`."""
    similarity = standardize(features, mean, deviation, True) @ rows.T
    number = min(NUM_NEIGHBORS, len(rows))
    nearest: np.ndarray = -np.partition(-similarity, number - 1, axis=1)[:, :number]
    distance: np.ndarray = 1 - nearest.mean(1)
    return distance


def fit_doubt(
    features: np.ndarray, statistics: list[MotionStatistics], folds: list[tuple[np.ndarray, np.ndarray]]
) -> Doubt:
    """Measure how far training clips are from others.

    Args:
        features: `(clip, feature)`.
        statistics: Of each clip.
        folds: (training, test) indices: each clip is compared with those that it is not trained with.
    """
    mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    deviation = np.where(deviation > 0, deviation, 1.0)
    rows = standardize(features, mean, deviation, True)
    distances = [neighbor_distance(features[test], mean, deviation, rows[train]) for train, test in folds]
    values = _limited(statistics)
    known = np.where(np.isfinite(values), values, np.nanmedian(values, axis=0))
    low, high = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
    low = np.array([low[0] / 2, -1.0, -1.0])
    high = np.array([np.inf, (1 + high[1]) / 2, min(175.0, high[2] + 30)])
    high[0] = np.finfo(np.float32).max
    return Doubt(mean, deviation, rows, np.sort(np.concatenate(distances)), low, high)


def _limited(statistics: list[MotionStatistics]) -> np.ndarray:
    """The statistics that have limits, `(clip, statistic)`."""
    return np.array([[getattr(one, name) for name in LIMITED] for one in statistics]).reshape(-1, len(LIMITED))
