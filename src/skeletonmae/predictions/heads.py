"""Classifiers of features, as arrays: linear, and by nearest neighbors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

import numpy as np

Arrays: TypeAlias = dict[str, np.ndarray]
NEIGHBOR_TEMPERATURE = 0.1
"""Neighbors of a cosine similarity that is so much higher count e times as much."""
MIN_SHARE = 1e-3
"""Share of the votes that a class without a neighbor has, so that its score is finite."""


class Head(Protocol):
    """A classifier of rows of features."""

    kind: ClassVar[str]

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return a score of each class, `(clip, class)` float64; a softmax makes probabilities of them."""

    def arrays(self) -> Arrays:
        """Return what the head consists of, in float32 or int64."""


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Standardized features times weights: logistic and ridge regression, and class prototypes.

    Args:
        mean: Subtracted from the features, `(feature,)`.
        deviation: Divides them after that, above 0.
        weight: `(feature, class)`.
        bias: `(class,)`.
        unit_length: Whether each row is scaled to length 1 before it is multiplied, as for prototypes.
    """

    mean: np.ndarray
    deviation: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    unit_length: bool = False
    kind: ClassVar[str] = "linear"

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return a score of each class, `(clip, class)`."""
        rows = standardize(features, self.mean, self.deviation, self.unit_length)
        product: np.ndarray = rows @ self.weight + self.bias
        return product

    def arrays(self) -> Arrays:
        """Return the arrays in float32."""
        fields = {"mean": self.mean, "deviation": self.deviation, "weight": self.weight, "bias": self.bias}
        return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in fields.items()}


@dataclass(frozen=True, eq=False)
class NeighborHead:
    """Votes of the training clips with the most similar features.

    Args:
        mean: Subtracted from the features, `(feature,)`.
        deviation: Divides them after that, above 0.
        rows: Standardized features of the training clips, each of length 1, `(train, feature)`.
        labels: Class index of each, `(train,)`.
        num_classes: Number of classes.
        num_neighbors: Number of neighbors that vote.
    """

    mean: np.ndarray
    deviation: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    num_classes: int
    num_neighbors: int
    kind: ClassVar[str] = "neighbors"

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the logarithm of each class's share of the votes, `(clip, class)`."""
        similarity = standardize(features, self.mean, self.deviation, True) @ self.rows.T
        number = min(self.num_neighbors, len(self.rows))
        nearest = np.argpartition(-similarity, number - 1, axis=1)[:, :number]
        values = np.take_along_axis(similarity, nearest, 1)
        votes = np.exp((values - values.max(1, keepdims=True)) / NEIGHBOR_TEMPERATURE)
        shares = np.zeros((len(features), self.num_classes))
        for column in range(number):
            np.add.at(shares, (np.arange(len(features)), self.labels[nearest[:, column]]), votes[:, column])
        logarithm: np.ndarray = np.log(shares / shares.sum(1, keepdims=True) + MIN_SHARE)
        return logarithm

    def arrays(self) -> Arrays:
        """Return the arrays in float32, and the labels in int64."""
        fields = {"mean": self.mean, "deviation": self.deviation, "rows": self.rows}
        floats = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in fields.items()}
        return {**floats, "labels": np.ascontiguousarray(self.labels, dtype=np.int64)}


AnyHead: TypeAlias = LinearHead | NeighborHead


def standardize(
    features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, unit_length: bool = False
) -> np.ndarray:
    """Return features minus their mean, divided by their deviation, in float64; scaled to length 1 if asked."""
    rows: np.ndarray = (np.asarray(features, dtype=np.float64) - mean) / deviation
    if unit_length:
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return rows


def softmax(scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the probabilities of classes, `(clip, class)`.

    Args:
        scores: `(clip, class)`.
        temperature: Divides the scores; above 1, probabilities are less extreme.
    """
    scaled = scores / temperature
    exponential = np.exp(scaled - scaled.max(1, keepdims=True))
    share: np.ndarray = exponential / exponential.sum(1, keepdims=True)
    return share


def build_head(
    kind: str, arrays: Mapping[str, np.ndarray], *, unit_length: bool, num_classes: int, num_neighbors: int
) -> AnyHead:
    """Build a head from its arrays, whose shapes have been checked."""
    if kind == LinearHead.kind:
        return LinearHead(**{name: arrays[name] for name in LINEAR_ARRAYS}, unit_length=unit_length)
    fields = {name: arrays[name] for name in NEIGHBOR_ARRAYS}
    return NeighborHead(**fields, num_classes=num_classes, num_neighbors=num_neighbors)


LINEAR_ARRAYS = ("mean", "deviation", "weight", "bias")
NEIGHBOR_ARRAYS = ("mean", "deviation", "rows", "labels")
