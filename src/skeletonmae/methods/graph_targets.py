"""What `graph` predicts of a hidden joint, and the error of a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import linear

from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.methods.graph_baselines import constant_baseline, held_out_predictions, spread_indices
from skeletonmae.methods.graph_losses import cosine_to_target, scaled_cosine_error

GraphTarget = Literal["embedding", "centered", "coordinates"]
MAX_BASELINE_POSES = 4096
MAX_BASELINE_QUERIES = 512


@dataclass(frozen=True, eq=False)
class TargetSpace:
    """Where targets and predictions of a batch are compared.

    Args:
        kind: The embedding W p + b of a position p; `centered`, W (p - mean), in which no constant is left; or
            `coordinates`, (p - mean) / deviation.
        embedding: The linear layer with W and b.
        beta: Exponent of the cosine error.
        mean: Mean of the target positions; not used by `embedding`.
        deviation: Standard deviation of each axis within joints; used by `coordinates` alone.
    """

    kind: GraphTarget
    embedding: nn.Linear
    beta: float
    mean: Float[Tensor, " axis"]
    deviation: Float[Tensor, " axis"]

    @torch.no_grad()
    def target(self, positions: Float[Tensor, "node axis"]) -> Float[Tensor, "node value"]:
        """Return the target of joints at some positions, in float32."""
        if self.kind == "embedding":
            embedded: Tensor = self.embedding(positions)
            return embedded.float()
        centered = positions.float() - self.mean
        if self.kind == "coordinates":
            return centered / self.deviation
        with torch.autocast(positions.device.type, enabled=False):
            return linear(centered, self.embedding.weight)

    def error(
        self, prediction: Float[Tensor, "node value"], target: Float[Tensor, "node value"]
    ) -> Float[Tensor, " node"]:
        """Return the error of each prediction: squared and averaged over the axes, or of the cosine."""
        if self.kind == "coordinates":
            return (prediction.float() - target).square().mean(1)
        return scaled_cosine_error(cosine_to_target(prediction, target), self.beta)

    @torch.no_grad()
    def baselines(
        self,
        frames: FrameGraph,
        hidden: Bool[Tensor, "joint pose"],
        query: Bool[Tensor, "joint pose"],
        target: Float[Tensor, "node value"],
        joint: Int64[Tensor, " node"],
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the errors of predictions without a network, fitted on every second clip, tested on the others.

        That of a constant, for a cosine, is the error of the mean direction of each joint, over all clips.

        Args:
            frames: The poses.
            hidden: Joints that the model does not see.
            query: Joints that it has to predict.
            target: Targets of these.
            joint: Which joint each of these targets is of.
        """
        tracks = frames.tracks
        poses = spread_indices(query.shape[1], MAX_BASELINE_POSES, query.device)
        is_fit = (tracks.clip_index % 2 == 0).repeat_interleave(tracks.positions.shape[1])
        positions, _, predicted = held_out_predictions(
            tracks.skeleton,
            tracks.positions.flatten(0, 1)[poses],
            frames.measured.T[poses],
            (frames.observed & ~hidden).T[poses],
            query.T[poses],
            is_fit[poses],
            MAX_BASELINE_QUERIES,
        )
        own = self.target(positions)
        errors = {name: self.error(self.target(value), own).mean() for name, value in predicted.items()}
        if self.kind != "coordinates":
            errors["constant"] = constant_baseline(target, joint, len(hidden), self.beta)
        return {f"{name}_baseline": value for name, value in errors.items()}
