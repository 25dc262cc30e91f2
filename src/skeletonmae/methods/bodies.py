"""The frames of tracks as one graph, for methods that look at joints and bones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Tracks
from skeletonmae.errors import InputError
from skeletonmae.models.graph import Graph


@dataclass(frozen=True, eq=False)
class Bodies:
    """The frames of some tracks as one graph, bodies in (track, frame) order."""

    tracks: Tracks

    @cached_property
    def observed(self) -> Bool[Tensor, "joint body"]:
        """Which joints are nodes."""
        return self.tracks.observed.permute(2, 0, 1).flatten(1)

    @cached_property
    def graph(self) -> Graph:
        """The nodes and their bones."""
        return Graph.of(self.tracks.skeleton, self.observed)

    def positions(self, axes: int) -> Float[Tensor, "node axis"]:
        """Coordinates of the nodes.

        Raises:
            InputError: the clips have another number of axes.
        """
        values = self.tracks.positions
        if values.shape[3] != axes:
            raise InputError("the clip does not fit the model (axes)", expected=axes, got=values.shape[3])
        return self.graph.nodes(values.permute(2, 0, 1, 3).flatten(1, 2))

    def of_frames(self, joints: Bool[Tensor, "track joint"]) -> Bool[Tensor, "joint body"]:
        """What holds for the joints of a clip, for all its frames."""
        return joints.T[:, :, None].expand(-1, -1, self.tracks.observed.shape[1]).flatten(1)

    def mean_over_time(self, nodes: Float[Tensor, "node width"]) -> Float[Tensor, "joint track width"]:
        """The mean over the frames in which a joint was observed; 0 if there are none."""
        observed = self.tracks.observed
        whole = self.graph.whole(nodes.float())
        total = whole.view(len(whole), *observed.shape[:2], whole.shape[2]).sum(2)
        return total / observed.sum(1).T.clamp(min=1)[..., None]

    def mean(self, nodes: Float[Tensor, "node width"]) -> Float[Tensor, "batch width"]:
        """The mean over the joints and frames that were observed, then over persons."""
        observed = self.tracks.observed
        total = self.graph.sum_joints(nodes.float()).view(*observed.shape[:2], nodes.shape[1]).sum(1)
        return self.tracks.mean_over_persons(total / observed.sum((1, 2))[:, None])
