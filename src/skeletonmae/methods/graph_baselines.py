"""Predictions of hidden joints that need no network: what a graph masked autoencoder has to be better than."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from skeletonmae.batches.constants import constant
from skeletonmae.methods.graph_losses import scaled_cosine_error
from skeletonmae.skeletons import Skeleton

REACH = 4
"""Number of bones up to which the ridge regression uses visible joints."""
RIDGE = 1e-3
"""Strength of the ridge regression, as a fraction of the variance of each coordinate."""
MAX_QUERIES_AT_ONCE = 1024
MAX_CONSTANT_NODES = 4096
"""Number of nodes from which `constant_baseline` is estimated."""
BASELINES = ("constant", "neighbor", "ridge")
"""The mean position of each joint; the nearest visible joint plus the mean offset from it; and a ridge regression
on the visible joints within `REACH` bones. Each uses more of the pose than the one before."""


@dataclass(frozen=True, eq=False)
class PoseMoments:
    """Means and covariances of the joints of many poses, from which hidden joints are predicted.

    Args:
        skeleton: The layout.
        mean: Mean position of each joint; 0 if it was never observed.
        covariance: Of all coordinates, in (joint, axis) order. Positive semidefinite even if joints are missing.
    """

    skeleton: Skeleton
    mean: Float[Tensor, "joint axis"]
    covariance: Float[Tensor, "coordinate coordinate"]

    @classmethod
    def of(
        cls,
        skeleton: Skeleton,
        positions: Float[Tensor, "pose joint axis"],
        observed: Bool[Tensor, "pose joint"],
    ) -> PoseMoments:
        """Compute the moments of the observed joints of some poses."""
        positions = positions.float()
        count = observed.sum(0).clamp(min=1).to(positions.dtype)
        mean = (positions * observed[..., None]).sum(0) / count[:, None]
        # Scaled before the product, not after it, so that the covariance stays positive semidefinite.
        scaled = (positions - mean) * observed[..., None] * count.rsqrt()[:, None]
        flat = scaled.flatten(1)
        return cls(skeleton, mean, flat.T @ flat)

    def predict(
        self,
        positions: Float[Tensor, "query joint axis"],
        visible: Bool[Tensor, "query joint"],
        joint: Int64[Tensor, " query"],
    ) -> dict[str, Float[Tensor, "query axis"]]:
        """Predict one joint of each pose, by the three `BASELINES`.

        Args:
            positions: The poses.
            visible: Joints that may be used; never the predicted one.
            joint: Index of the joint to predict.
        """
        hops = constant(tuple(map(tuple, self.skeleton.hop_distance.tolist())), torch.int64, joint.device)[joint]
        distance = hops.masked_fill(~visible, len(self.mean) + 1)
        nearest = distance.argmin(1)
        row = torch.arange(len(joint), device=joint.device)
        mean = self.mean[joint]
        offset = positions[row, nearest].float() - self.mean[nearest]
        is_near = visible & (hops <= REACH)
        parts = [slice(first, first + MAX_QUERIES_AT_ONCE) for first in range(0, len(joint), MAX_QUERIES_AT_ONCE)]
        deviation = [self._regression(positions[part], is_near[part], joint[part]) for part in parts]
        return {
            "constant": mean,
            "neighbor": torch.where(visible.any(1)[:, None], mean + offset, mean),
            "ridge": mean + torch.cat(deviation or [torch.zeros_like(mean)]),
        }

    def _regression(
        self,
        positions: Float[Tensor, "query joint axis"],
        visible: Bool[Tensor, "query joint"],
        joint: Int64[Tensor, " query"],
    ) -> Float[Tensor, "query axis"]:
        """Predict the deviation of a joint from its mean; 0 if no joint is visible."""
        axes = self.mean.shape[1]
        variance = self.covariance.diagonal()
        # In units of standard deviations, so that the matrix below has no eigenvalue below RIDGE.
        scale = torch.where(variance > 0, variance, 1.0).rsqrt()
        correlation = scale[:, None] * self.covariance * scale
        is_input = visible.repeat_interleave(axes, 1) & (variance > 0)
        deviation = (positions.float() - self.mean).flatten(1) * scale * is_input
        # A coordinate that is not an input has a row and a column of the identity, and so a coefficient of 0.
        ridge = torch.where(is_input, RIDGE, 1.0)
        gram = correlation * (is_input[:, :, None] & is_input[:, None]) + torch.diag_embed(ridge)
        # Without an error, because what is only logged must not end a training: NaN stays NaN.
        weights = torch.linalg.solve_ex(gram, deviation[..., None]).result
        output = joint[:, None] * axes + torch.arange(axes, device=joint.device)
        predicted: Tensor = (correlation[output] @ weights).squeeze(2) / scale[output]
        return predicted


def held_out_predictions(
    skeleton: Skeleton,
    positions: Float[Tensor, "pose joint axis"],
    observed: Bool[Tensor, "pose joint"],
    visible: Bool[Tensor, "pose joint"],
    query: Bool[Tensor, "pose joint"],
    is_fit: Bool[Tensor, " pose"],
    max_queries: int,
) -> tuple[Float[Tensor, "query axis"], Int64[Tensor, " query"], dict[str, Float[Tensor, "query axis"]]]:
    """Fit the baselines on some poses and predict queried joints of the others.

    Args:
        skeleton: The layout.
        positions: The poses.
        observed: Joints that were measured.
        visible: Joints that are given to the model.
        query: Joints that it has to predict.
        is_fit: Poses to fit on; the joints of all others are predicted.
        max_queries: Largest number of joints to predict; of more, some are taken that are evenly spread.

    Returns:
        True positions, joint indices, and predictions by the name of the baseline.
    """
    moments = PoseMoments.of(skeleton, positions[is_fit], observed[is_fit])
    pose, joint = (query & ~is_fit[:, None]).nonzero(as_tuple=True)
    kept = spread_indices(len(pose), max_queries, pose.device)
    pose, joint = pose[kept], joint[kept]
    return positions[pose, joint].float(), joint, moments.predict(positions[pose], visible[pose], joint)


def constant_baseline(
    target: Float[Tensor, "node width"],
    joint: Int64[Tensor, " node"],
    num_joints: int,
    beta: float,
    max_nodes: int = MAX_CONSTANT_NODES,
) -> Float[Tensor, ""]:
    """Error of predicting the mean direction of each joint, whatever the pose.

    A model with a higher error has learned nothing about poses.

    Args:
        target: Embeddings of hidden joints.
        joint: Which joint each of them is.
        num_joints: Number of joints of the layout.
        beta: Exponent of the error.
        max_nodes: Largest number of nodes to use; of more, some are taken that are evenly spread.
    """
    kept = spread_indices(len(target), max_nodes, target.device)
    direction, joint = normalize(target[kept], dim=1), joint[kept]
    mean = direction.new_zeros(num_joints, direction.shape[1])
    cosine = cosine_similarity(mean.index_add(0, joint, direction)[joint], direction)
    return scaled_cosine_error(cosine, beta).mean()


def spread_indices(count: int, limit: int, device: torch.device) -> Int64[Tensor, " index"]:
    """Return `limit` indices of `count` items, evenly spread; all indices if there are no more.

    The distance between them is no whole number, or hardly ever. Every sixteenth joint of poses in which four are
    hidden, or every 32nd frame of clips of 32 frames, would always be the same joint or the first frame.
    """
    if count <= limit:
        return torch.arange(count, device=device)
    return torch.linspace(0, count - 1, limit, dtype=torch.float64, device=device).round().long()
