"""The heads of `fit` as modules, in double precision like those in numpy."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import one_hot

from skeletonmae.predictions.doubt import CLIP_WEIGHT, ENTROPY_WEIGHT, Doubt
from skeletonmae.predictions.heads import MIN_SHARE, NEIGHBOR_TEMPERATURE, AnyHead, LinearHead, NeighborHead


class Standardize(nn.Module):
    """Subtract a mean, divide by a deviation, and scale rows to length 1 if asked; see `heads.standardize`.

    Args:
        mean: Of each feature.
        deviation: Of each feature.
        unit_length: Whether rows are scaled to length 1.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: np.ndarray, deviation: np.ndarray, unit_length: bool) -> None:
        super().__init__()
        self.unit_length = unit_length
        self.register_buffer("mean", as_double(mean))
        self.register_buffer("deviation", as_double(deviation))

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch feature"]:
        """Return standardized rows in double precision."""
        rows = (features.double() - self.mean) / self.deviation
        if self.unit_length:
            rows = rows / rows.square().sum(1, keepdim=True).sqrt().clamp(min=1e-12)
        return rows


class LinearScores(nn.Module):
    """The scores of a `LinearHead`."""

    weight: Tensor
    bias: Tensor

    def __init__(self, head: LinearHead) -> None:
        super().__init__()
        self.standardize = Standardize(head.mean, head.deviation, head.unit_length)
        self.register_buffer("weight", as_double(head.weight))
        self.register_buffer("bias", as_double(head.bias))

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Return a score of each class."""
        scores: Tensor = self.standardize(features) @ self.weight + self.bias
        return scores


class NeighborScores(nn.Module):
    """The scores of a `NeighborHead`."""

    columns: Tensor
    votes_of: Tensor

    def __init__(self, head: NeighborHead) -> None:
        super().__init__()
        self.standardize = Standardize(head.mean, head.deviation, True)
        self.number = min(head.num_neighbors, len(head.rows))
        self.register_buffer("columns", as_double(head.rows).T.contiguous())
        votes = one_hot(torch.from_numpy(np.asarray(head.labels, np.int64)), head.num_classes).double()
        self.register_buffer("votes_of", votes)

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Return the logarithm of each class's share of the votes."""
        similarity = self.standardize(features) @ self.columns
        values, nearest = similarity.topk(self.number, 1)
        votes = ((values - values[:, :1]) / NEIGHBOR_TEMPERATURE).exp()
        shares = (votes[..., None] * self.votes_of[nearest]).sum(1)
        scores: Tensor = (shares / shares.sum(1, keepdim=True) + MIN_SHARE).log()
        return scores


class Novelty(nn.Module):
    """How far features are from those of the training clips; see `Doubt.novelty`."""

    projection: Tensor
    means: Tensor
    clips: Tensor

    def __init__(self, doubt: Doubt) -> None:
        super().__init__()
        self.standardize = Standardize(doubt.mean, doubt.deviation, False)
        self.register_buffer("projection", as_double(doubt.projection))
        self.register_buffer("means", as_double(doubt.means))
        self.register_buffer("clips", as_double(doubt.clips))
        self.distance_scale, self.entropy_scale = (float(scale) for scale in doubt.scales)

    def forward(
        self, features: Float[Tensor, "batch feature"], probabilities: Float[Tensor, "batch class"]
    ) -> Float[Tensor, " batch"]:
        """Return the novelty of each row of features with these probabilities."""
        rows = self.standardize(features) @ self.projection
        distance = nearest_distance(rows, self.means)
        if len(self.clips):
            distance = distance + CLIP_WEIGHT * nearest_distance(rows, self.clips)
        entropy = -(probabilities * probabilities.clamp(min=1e-12).log()).sum(1)
        novelty: Tensor = distance / self.distance_scale + ENTROPY_WEIGHT * entropy / self.entropy_scale
        return novelty


def nearest_distance(
    rows: Float[Tensor, "batch axis"], points: Float[Tensor, "point axis"]
) -> Float[Tensor, " batch"]:
    """Return the distance of each row to the nearest point."""
    squares = rows.square().sum(1)[:, None] - 2 * rows @ points.T + points.square().sum(1)
    return squares.amin(1).clamp(min=0).sqrt()


def scores_of(head: AnyHead) -> nn.Module:
    """Return a head as a module from features to scores."""
    return LinearScores(head) if isinstance(head, LinearHead) else NeighborScores(head)


def as_double(array: np.ndarray) -> Tensor:
    """Return an array as a tensor in double precision."""
    return torch.from_numpy(np.array(array, dtype=np.float64))
