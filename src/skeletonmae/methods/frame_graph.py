"""The frames of tracks as one graph, for methods on joints and bones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Tracks
from skeletonmae.methods.pooling import sum_time_parts
from skeletonmae.models.gnn import SkeletonGraph
from skeletonmae.models.known_joints import check_clip_size


@dataclass(frozen=True, eq=False)
class FrameGraph:
    """All frames of some tracks as one graph. Each frame of a track is a pose, in (track, frame) order.

    Args:
        tracks: The tracks.
    """

    tracks: Tracks

    @cached_property
    def observed(self) -> Bool[Tensor, "joint pose"]:
        """Which joints are nodes: those that were observed or bridged."""
        return self.tracks.observed.permute(2, 0, 1).flatten(1)

    @cached_property
    def measured(self) -> Bool[Tensor, "joint pose"]:
        """Which joints were observed and not bridged. Only these are targets."""
        return self.observed & ~self.tracks.bridged.permute(2, 0, 1).flatten(1)

    @cached_property
    def graph(self) -> SkeletonGraph:
        """The nodes and their bones."""
        return SkeletonGraph.from_observed(self.tracks.skeleton, self.observed)

    def positions(self, axes: int) -> Float[Tensor, "node axis"]:
        """Return the coordinates of the nodes.

        Args:
            axes: The number of axes that the model expects.

        Raises:
            InputError: The clips have another number of axes.
        """
        positions = self.tracks.positions
        check_clip_size({"axes": axes}, positions.shape[3:])
        return self.graph.to_nodes(positions.permute(2, 0, 1, 3).flatten(1, 2))

    def inputs(self, axes: int, window: int = 1) -> Float[Tensor, "node value"]:
        """Return the coordinates of the nodes and, for a window, their displacements to the other frames of it.

        A displacement is 0 where the joint was not observed in the other frame, or where the clip ends before it.

        Args:
            axes: The number of axes that the model expects.
            window: Number of frames, an odd number, with the own one in the middle.

        Raises:
            InputError: The clips have another number of axes.
        """
        nodes = self.positions(axes)
        if window == 1:
            return nodes
        positions, observed = self.tracks.positions, self.tracks.observed
        frame = torch.arange(positions.shape[1], device=positions.device)
        values = [nodes]
        for offset in range(-(window // 2), window // 2 + 1):
            if offset:
                other = (frame + offset).clamp(0, len(frame) - 1)
                moved = (positions[:, other] - positions) * (observed[:, other] & observed)[..., None]
                values.append(self.graph.to_nodes(moved.permute(2, 0, 1, 3).flatten(1, 2)))
        return torch.cat(values, 1)

    def expand_over_frames(self, joints: Bool[Tensor, "track joint"]) -> Bool[Tensor, "joint pose"]:
        """Repeat a flag of each joint of a track for all frames."""
        return joints.T[:, :, None].expand(-1, -1, self.tracks.observed.shape[1]).flatten(1)

    def sum_over_time(
        self, nodes: Float[Tensor, "node width"], time_parts: int = 1
    ) -> tuple[Float[Tensor, "track part joint width"], Float[Tensor, "track part joint"]]:
        """Sum each joint over the frames of each part of time in which it was observed, and count these frames."""
        observed = self.tracks.observed
        dense = self.graph.to_dense(nodes.float())
        by_frame = dense.view(len(dense), *observed.shape[:2], dense.shape[2]).permute(1, 2, 0, 3)
        return sum_time_parts(by_frame, time_parts), sum_time_parts(observed.float(), time_parts)

    def mean_features(self, nodes: Float[Tensor, "node width"]) -> Float[Tensor, "batch width"]:
        """Average over the observed joints and frames of each person, then over the persons of each clip."""
        observed = self.tracks.observed
        total = self.graph.sum_pool(nodes.float()).view(*observed.shape[:2], nodes.shape[1]).sum(1)
        return self.tracks.mean_over_persons(total / observed.sum((1, 2))[:, None])
