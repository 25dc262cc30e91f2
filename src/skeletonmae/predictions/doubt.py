"""Whether a recording resembles what a classifier was fitted to, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.predictions.heads import Arrays, standardize
from skeletonmae.predictions.motion_statistics import MotionStatistics

COVERAGE = 0.95
"""Share of training clips, each predicted by a classifier that had not seen it, that are not called unknown."""
CLIP_WEIGHT = 0.5
"""Multiplies the distance to the nearest training clip. Saved classifiers rely on it."""
ENTROPY_WEIGHT = 0.25
"""Multiplies the entropy of the probabilities, which `Doubt.scales` divides. Saved classifiers rely on it."""


class Limit(NamedTuple):
    """A statistic beyond whose limits a recording is unknown whatever its features."""

    statistic: str
    too_low: str
    """What a value below its limit means, in words; empty if there is no such limit, or if a warning says it."""
    too_high: str
    """What a value above its limit means."""


LIMITS = (
    Limit("motion", "the body hardly moves, compared with the training clips", ""),
    Limit("roughness", "", "the motion is as irregular as noise, or as frames in random order"),
    Limit("bone_variation", "", "the lengths of the bones change far more than in the training clips"),
    Limit("tilt", "", ""),
    Limit("pose_motion", "the body moves as a whole, but its pose hardly changes", ""),
    Limit("velocity_roughness", "", "the motion is as irregular as a random walk"),
)
"""New ones are added at the end: saved classifiers have the first of them."""
IMPLIED = {"roughness": ("motion", "pose_motion", "velocity_roughness"), "motion": ("pose_motion",)}
"""Statistic -> others that are beyond their limits for the same reason: noise has no motion either."""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What says how much a recording of known novelty resembles the training clips.

    Args:
        novelties: Novelties of the training clips, each by a classifier that had not seen it, ascending.
        low: Smallest value of the statistic of each of `LIMITS`, or the first of them, that is not unknown.
        high: Largest one.
    """

    novelties: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def familiarity_of(self, novelty: np.ndarray, statistics: Sequence[MotionStatistics]) -> np.ndarray:
        """Return the share of training clips that are at least as novel as each clip, `(clip,)`.

        It is 0 where a statistic is beyond its limits.

        Args:
            novelty: Of each clip, `(clip,)`.
            statistics: Of each clip.
        """
        num_below = np.searchsorted(self.novelties, novelty)
        count = len(self.novelties)
        share = (1 + count - num_below) / (1 + count)  # the clip itself counts as one more
        return np.where([self.is_beyond(one) for one in statistics], 0.0, share)

    def is_unknown(self, familiarity: float, share: float) -> bool:
        """Return whether a clip is less familiar than all but a share of the training clips.

        The familiarity of a clip that is less familiar than every training clip is one in their number and one
        more. A smaller share counts as this one, so that such a clip is always unknown. About as many new clips of
        trained actions are then unknown, too.

        Args:
            familiarity: As `familiarity_of` returns it.
            share: The share.
        """
        count = len(self.novelties)
        return familiarity <= (max(share, 1 / (1 + count)) if count else 0.0)

    def is_beyond(self, statistics: MotionStatistics) -> bool:
        """Return whether a statistic of a recording is beyond its limits."""
        values = np.array([getattr(statistics, limit.statistic) for limit in LIMITS[: len(self.low)]])
        return bool(((values < self.low) | (values > self.high)).any())  # NaN is beyond nothing

    def reasons(self, statistics: MotionStatistics) -> Iterator[str]:
        """Yield why a recording is unknown whatever its features, unless a warning or another reason says it."""
        reasons: dict[str, str] = {}
        for limit, low, high in zip(LIMITS, self.low.tolist(), self.high.tolist(), strict=False):
            value = getattr(statistics, limit.statistic)
            if reason := limit.too_low if value < low else limit.too_high if value > high else "":
                reasons[limit.statistic] = reason
        implied = {other for statistic in reasons for other in IMPLIED.get(statistic, ())}
        yield from (reason for statistic, reason in reasons.items() if statistic not in implied)


@dataclass(frozen=True, eq=False)
class Doubt(Familiarity):
    """What says whether a recording is unknown.

    The novelty of a recording is its distance to the nearest class mean, in axes in which the training clips of
    a class vary equally (the Mahalanobis distance with a shrunken covariance), plus half of that to the nearest
    training clip, plus the entropy of its probabilities. Without the second, training clips would be farther away
    than new ones where features are more than clips, because the axes are those in which they vary.

    Args:
        novelties: As in `Familiarity`.
        low: Likewise.
        high: Likewise.
        mean: Subtracted from the features, `(feature,)`.
        deviation: Divides them after that.
        projection: The axes, `(feature, axis)`.
        means: The mean of each class along them, `(class, axis)`.
        clips: The training clips along them, `(clip, axis)`; none in earlier classifiers and in those of many
            clips.
        scales: Divide the distance and the entropy, `(2,)`: their standard deviations among training clips, by how
            much each counts.
    """

    mean: np.ndarray
    deviation: np.ndarray
    projection: np.ndarray
    means: np.ndarray
    clips: np.ndarray
    scales: np.ndarray

    def novelty(self, features: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Return how far clips are from the training clips, `(clip,)`; see the class.

        Args:
            features: `(clip, feature)`.
            probabilities: Calibrated probabilities of the classes, `(clip, class)`.
        """
        rows = standardize(features, self.mean, self.deviation) @ self.projection
        distance = distance_to_training(rows, self.means, self.clips)
        novelty: np.ndarray = distance / self.scales[0] + ENTROPY_WEIGHT * entropy(probabilities) / self.scales[1]
        return novelty

    def familiarity(
        self, features: np.ndarray, probabilities: np.ndarray, statistics: Sequence[MotionStatistics]
    ) -> np.ndarray:
        """Return the share of training clips that are at least as novel as each clip; see `familiarity_of`.

        Args:
            features: `(clip, feature)`.
            probabilities: Calibrated probabilities of the classes, `(clip, class)`.
            statistics: Of each clip.
        """
        return self.familiarity_of(self.novelty(features, probabilities), statistics)

    def extended(self, num_features: int) -> Self:
        """Return the same for rows of more features, those at the end of which do not count."""
        more = num_features - len(self.mean)
        return replace(
            self,
            mean=np.pad(self.mean, (0, more)),
            deviation=np.pad(self.deviation, (0, more), constant_values=1.0),
            projection=np.pad(self.projection, ((0, more), (0, 0))),
        )

    @staticmethod
    def array_shapes(num_features: int, num_classes: int, num_clips: int) -> dict[str, tuple[int | str, ...]]:
        """Return the shape of every saved array; a name stands for any length, the same wherever it occurs.

        Args:
            num_features: Number of features.
            num_classes: Number of classes.
            num_clips: Number of `clips`, which are not saved if there are none.
        """
        shapes: dict[str, tuple[int | str, ...]] = {
            "mean": (num_features,),
            "deviation": (num_features,),
            "projection": (num_features, "axis"),
            "means": (num_classes, "axis"),
            "clips": (num_clips, "axis"),
            "scales": (2,),
            "novelties": ("clip",),
            "low": ("limit",),
            "high": ("limit",),
        }
        return shapes if num_clips else {name: shape for name, shape in shapes.items() if name != "clips"}

    def arrays(self) -> Arrays:
        """Return the arrays: projection and clips in half precision, which their distances do not need more of."""
        fields = {name: getattr(self, name) for name in self.array_shapes(0, 0, len(self.clips))}
        arrays = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in fields.items()}
        return {name: array.astype(np.float16) if name in HALF else array for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Build it from its arrays, whose shapes have been checked; without `clips`, there are none."""
        fields = {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}
        return cls(**{"clips": np.zeros((0, fields["means"].shape[1]), np.float32), **fields})


HALF = ("projection", "clips")
"""Arrays that are saved in half precision."""


def check_limits(low: np.ndarray, high: np.ndarray, where: Path | str) -> None:
    """Check the number of the limits of a file; those of earlier versions have fewer.

    Raises:
        InputError: There are more than `LIMITS`, or not as many low as high ones.
    """
    if not len(low) == len(high) <= len(LIMITS):
        expected, got = f"the same number of both, up to {len(LIMITS)}", f"{len(low)} and {len(high)}"
        raise InputError("wrong number of limits, low and high", where=where, expected=expected, got=got)


def distance_to_training(rows: np.ndarray, means: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Return how far rows are from the training clips, `(row,)`; see `Doubt`.

    Args:
        rows: `(row, axis)`.
        means: The mean of each class, `(class, axis)`.
        clips: The training clips, `(clip, axis)`; without any, the distance to the nearest mean is returned.
    """
    distance = nearest_distance(rows, means)
    return distance + CLIP_WEIGHT * nearest_distance(rows, clips) if len(clips) else distance


def nearest_distance(rows: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the distance of each row to the nearest point, `(row,)`."""
    squares = (rows**2).sum(1)[:, None] - 2 * rows @ points.T + (points**2).sum(1)
    distance: np.ndarray = np.sqrt(np.maximum(squares.min(1), 0))
    return distance


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy of each row of probabilities, in nats, `(row,)`."""
    value: np.ndarray = -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(1)
    return value
