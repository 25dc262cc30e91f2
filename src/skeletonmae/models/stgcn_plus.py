"""ST-GCN++, a graph convolution on learned graphs with multi-scale temporal convolutions."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skeletonmae.models.skeleton_conv import (
    JointBatchNorm,
    PointwiseConv,
    TemporalBranches,
    block_shapes,
    init_convolutions,
    residual_connection,
)

NUM_GRAPHS, NUM_BRANCHES = 3, 6


class LearnedGraphConv(nn.Module):
    """Graph convolution on learned graphs with a residual connection.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        graphs: The graphs that the learned ones start from.
    """

    def __init__(self, in_channels: int, out_channels: int, graphs: Float[Tensor, "graph joint joint"]) -> None:
        super().__init__()
        self.value = PointwiseConv(in_channels, NUM_GRAPHS * out_channels, parts=[out_channels] * NUM_GRAPHS)
        self.graphs = nn.Parameter(graphs.clone())
        self.norm = nn.BatchNorm2d(out_channels)
        self.residual = residual_connection(in_channels, out_channels)

    def forward(self, x: Float[Tensor, "track channel frame joint"]) -> Float[Tensor, "track width frame joint"]:
        """Mix the joints of every frame."""
        value = self.value(x).unflatten(1, (NUM_GRAPHS, -1))
        mixed = torch.einsum("kuv,nkctv->nctu", self.graphs.to(value.dtype), value)
        return torch.relu(self.norm(mixed) + self.residual(x))


class STGCNPlusBlock(nn.Module):
    """Graph convolution, six temporal branches with a linear map, residual connection.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Every `stride`-th frame is kept.
        graphs: The graphs that the learned ones start from.
        residual: Whether the block has a residual connection.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        graphs: Float[Tensor, "graph joint joint"],
        *,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.spatial = LearnedGraphConv(in_channels, out_channels, graphs)
        branch = out_channels // NUM_BRANCHES
        first = out_channels - (NUM_BRANCHES - 1) * branch
        self.temporal = nn.Sequential(
            TemporalBranches(out_channels, [first, branch, branch, branch], 3, stride),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            PointwiseConv(out_channels, out_channels),
            nn.BatchNorm2d(out_channels),
        )
        self.residual = residual_connection(in_channels, out_channels, stride) if residual else None

    def forward(self, x: Float[Tensor, "track channel frame joint"]) -> Float[Tensor, "track width step joint"]:
        """Compute the features of the next block."""
        out = self.temporal(self.spatial(x))
        return torch.relu(out if self.residual is None else out + self.residual(x))


class STGCNPlus(nn.Module):
    """ST-GCN++, up to the mean over time and joints.

    Source: Duan et al., *PYSKL: Towards Good Practices for Skeleton Action Recognition*, ACM Multimedia 2022.

    Args:
        graphs: The graphs that the learned ones start from, from `bone_graphs`.
        axes: Number of coordinates of a joint.
        width: Channels of the first four blocks.
    """

    def __init__(self, graphs: Float[Tensor, "graph joint joint"], axes: int, width: int = 64) -> None:
        super().__init__()
        self.norm = JointBatchNorm(graphs.shape[1], axes)
        first, *others = block_shapes(width)
        blocks = [STGCNPlusBlock(axes, first[1], 1, graphs, residual=False)]
        self.blocks = nn.ModuleList([*blocks, *(STGCNPlusBlock(*shape, graphs) for shape in others)])
        self.width = 4 * width
        init_convolutions(self)

    def forward(
        self,
        positions: Float[Tensor, "track frame joint axis"],
        observed: Bool[Tensor, "track frame joint"],
        person_index: Int64[Tensor, " track"],
    ) -> Float[Tensor, "track width"]:
        """Compute the features of tracks.

        Args:
            positions: Coordinates.
            observed: Which joints were observed.
            person_index: The person of each track; not used, since persons share all weights.
        """
        x = self.norm(positions, observed, torch.zeros_like(person_index)).permute(0, 3, 1, 2).contiguous()
        for block in self.blocks:
            x = block(x)
        features: Tensor = x.float().mean((2, 3))
        return features
