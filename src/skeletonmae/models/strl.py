"""STRL: the pre-trained encoder of single frames in every layer, with temporal convolutions in between.

Source: Yan et al., *SkeletonMAE: Graph-based Masked Autoencoder*, ICCV 2023, section 3.3. Where the paper leaves
the design open, the temporal module is that of Chen et al., *Channel-wise Topology Refinement Graph Convolution*,
ICCV 2021, and a batch norm precedes the residual connection: without it, the two added linear layers would be one.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

from skeletonmae.models.gnn import GNN, JointIdentity, SkeletonGraph
from skeletonmae.models.node_layers import NodeBatchNorm


class MultiScaleTemporalConv(nn.Module):
    """Four temporal branches of a quarter of the width each.

    The branches are a convolution with dilation 1, one with dilation 2, max pooling over three frames, and the
    frame itself. Unobserved joints count as 0, as do the frames before and after the clip.

    Args:
        width: Of the nodes; must be a multiple of 4.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width % 4:
            raise ValueError(f"a width of {width} is not divisible by four branches")
        self.branch_width = width // 4
        self.in_proj = nn.Sequential(nn.Linear(width, width, bias=False), NodeBatchNorm(width))
        self.conv_d1, self.conv_d2 = (
            nn.Conv1d(self.branch_width, self.branch_width, 5, padding=2 * dilation, dilation=dilation)
            for dilation in (1, 2)
        )
        self.max_pool = nn.MaxPool1d(3, stride=1, padding=1)
        self.out_norm = NodeBatchNorm(3 * self.branch_width)

    def forward(
        self, x: Float[Tensor, "node width"], graph: SkeletonGraph, frames: int
    ) -> Float[Tensor, "node width"]:
        """Combine every node with its joint in other frames."""
        temporal_width = 3 * self.branch_width
        temporal, pointwise = self.in_proj(x).split((temporal_width, self.branch_width), 1)
        dense = graph.to_dense(relu(temporal))
        d1, d2, pooled = dense.view(-1, frames, temporal_width).transpose(1, 2).chunk(3, 1)
        out = torch.cat([self.conv_d1(d1), self.conv_d2(d2), self.max_pool(pooled)], 1).transpose(1, 2)
        return torch.cat([self.out_norm(graph.to_nodes(out.reshape_as(dense))), pointwise], 1)


class STRLLayer(nn.Module):
    """One STRL layer.

    Each node is combined with the sum of the encoder's features over its pose; a residual multi-scale temporal
    convolution follows.

    Args:
        encoder: Of single frames.
        width: Of the nodes.
    """

    def __init__(self, encoder: GNN, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        # One linear layer of pooled and own features, concatenated, in two parts: the pooled part is the same
        # for all nodes of a pose.
        self.pooled_proj = nn.Linear(width, width, bias=False)
        self.node_proj = nn.Linear(width, width, bias=False)
        self.norm = NodeBatchNorm(width)
        self.residual = nn.Linear(width, width)
        self.temporal = MultiScaleTemporalConv(width)

    def forward(
        self, x: Float[Tensor, "node width"], graph: SkeletonGraph, frames: int
    ) -> Float[Tensor, "node width"]:
        """Update the nodes."""
        pooled = self.pooled_proj(graph.sum_pool(self.encoder(x, graph)))
        x = relu(self.norm(graph.add_to_nodes(self.node_proj(x), pooled)) + self.residual(x))
        return relu(self.temporal(x, graph, frames) + x)


def new_time_embed(frames: int, width: int) -> nn.Parameter:
    """Return a new vector for each frame of a clip."""
    return nn.Parameter(torch.randn(frames, width) * 0.02)


def add_time(
    x: Float[Tensor, "node width"], time_embed: Float[Tensor, "frame width"], graph: SkeletonGraph
) -> Float[Tensor, "node width"]:
    """Add to each node the vector of its frame; poses of `graph` are in (track, frame) order."""
    return graph.add_to_nodes(x, time_embed.repeat(graph.num_poses // len(time_embed), 1))


class STRL(nn.Module):
    """The STRL network, from positions to features of the nodes.

    Args:
        embed: The embedding of a joint; it is copied.
        encoder: Of single frames, or a whole layer; each layer gets a copy.
        width: Of the nodes.
        frames: Number of frames of a clip.
        depth: Number of layers.
        joint_identity: Added to the embedding of a joint, if given; it is copied.
        time_embed: The vectors of the frames, which are copied; None for new ones.
    """

    def __init__(
        self,
        embed: nn.Linear,
        encoder: GNN | STRLLayer,
        *,
        width: int,
        frames: int,
        depth: int,
        joint_identity: JointIdentity | None = None,
        time_embed: nn.Parameter | None = None,
    ) -> None:
        super().__init__()
        self.embed = copy.deepcopy(embed)
        self.joint_identity = copy.deepcopy(joint_identity)
        self.time_embed = new_time_embed(frames, width) if time_embed is None else copy.deepcopy(time_embed)
        copies = (copy.deepcopy(encoder) for _ in range(depth))
        self.layers = nn.ModuleList(
            each if isinstance(each, STRLLayer) else STRLLayer(each, width) for each in copies
        )
        self.zero_grad()

    def forward(self, positions: Float[Tensor, "node value"], graph: SkeletonGraph) -> Float[Tensor, "node width"]:
        """Compute features of the nodes from their inputs; poses of `graph` are in (track, frame) order."""
        frames = len(self.time_embed)
        x: Tensor = add_time(self.embed(positions), self.time_embed, graph)
        if self.joint_identity:
            x = x + self.joint_identity(graph)
        for layer in self.layers:
            x = layer(x, graph, frames)
        return x
