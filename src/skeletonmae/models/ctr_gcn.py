"""CTR-GCN, a graph convolution whose graph differs between channels and clips."""

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

NUM_GRAPHS = 3


class ChannelGraphConv(nn.Module):
    """Graph convolution on learned graphs, each refined for every clip and channel, with a residual connection.

    The refinement of a graph between joints u and v is a linear map of tanh(query of u - key of v), where query
    and key are means over time. The three graphs are computed at once.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        graphs: The graphs that the learned ones start from.
    """

    def __init__(self, in_channels: int, out_channels: int, graphs: Float[Tensor, "graph joint joint"]) -> None:
        super().__init__()
        relation = 8 if in_channels <= 3 else in_channels // 8
        self.query_key = PointwiseConv(in_channels, 2 * NUM_GRAPHS * relation, parts=[relation] * (2 * NUM_GRAPHS))
        self.value = PointwiseConv(in_channels, NUM_GRAPHS * out_channels, parts=[out_channels] * NUM_GRAPHS)
        self.refine = nn.Conv2d(NUM_GRAPHS * relation, NUM_GRAPHS * out_channels, 1, groups=NUM_GRAPHS)
        self.graphs = nn.Parameter(graphs.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.norm = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.norm.weight, 1e-6)
        self.residual = residual_connection(in_channels, out_channels)

    def forward(self, x: Float[Tensor, "track channel frame joint"]) -> Float[Tensor, "track width frame joint"]:
        """Mix the joints of every frame."""
        query, key = self.query_key(x.mean(2, keepdim=True)).squeeze(2).chunk(2, 1)
        refined = self.refine(torch.tanh(query[..., :, None] - key[..., None, :]))
        refined = refined.unflatten(1, (NUM_GRAPHS, -1)) * self.alpha
        graphs = (refined + self.graphs[:, None].to(refined.dtype)).transpose(1, 2)  # track, channel, graph, u, v
        value = self.value(x).unflatten(1, (NUM_GRAPHS, -1)).transpose(1, 2)  # track, channel, graph, frame, v
        mixed = torch.einsum("nckuv,ncktv->nctu", graphs, value)
        return torch.relu(self.norm(mixed) + self.residual(x))


class CTRGCNBlock(nn.Module):
    """Graph convolution, temporal branches, residual connection.

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
        self.spatial = ChannelGraphConv(in_channels, out_channels, graphs)
        branch = out_channels // 4
        self.temporal = TemporalBranches(out_channels, [branch, branch], 5, stride)
        self.norm = nn.BatchNorm2d(out_channels)
        self.residual = residual_connection(in_channels, out_channels, stride) if residual else None

    def forward(self, x: Float[Tensor, "track channel frame joint"]) -> Float[Tensor, "track width step joint"]:
        """Compute the features of the next block."""
        out = self.norm(self.temporal(self.spatial(x)))
        return torch.relu(out if self.residual is None else out + self.residual(x))


class CTRGCN(nn.Module):
    """Channel-wise topology refinement graph convolution network, up to the mean over time and joints.

    Source: Chen et al., *Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action
    Recognition*, ICCV 2021.

    Args:
        graphs: The graphs that the learned ones start from, from `bone_graphs`.
        axes: Number of coordinates of a joint.
        persons: Number of persons per clip; each has an input norm of its own.
        width: Channels of the first four blocks; a multiple of 8.
    """

    def __init__(
        self, graphs: Float[Tensor, "graph joint joint"], axes: int, persons: int, width: int = 64
    ) -> None:
        super().__init__()
        self.norm = JointBatchNorm(graphs.shape[1], axes, persons)
        first, *others = block_shapes(width)
        blocks = [CTRGCNBlock(axes, first[1], 1, graphs, residual=False)]
        self.blocks = nn.ModuleList([*blocks, *(CTRGCNBlock(*shape, graphs) for shape in others)])
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
            person_index: The person of each track in its clip.
        """
        x = self.norm(positions, observed, person_index).permute(0, 3, 1, 2).contiguous()
        for block in self.blocks:
            x = block(x)
        features: Tensor = x.float().mean((2, 3))
        return features
