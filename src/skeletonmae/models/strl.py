"""STRL: the pre-trained encoder of single frames in every layer, with convolutions over time between them.

Source: Yan et al., *SkeletonMAE: Graph-based Masked Autoencoder*, ICCV 2023, section 3.3. It leaves room: here the
temporal module is that of Chen et al., *Channel-wise Topology Refinement Graph Convolution*, ICCV 2021, and there
is a batch norm before the residual, without which that would be one linear map with what it is added to.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

from skeletonmae.models.graph import Graph, GraphLayers
from skeletonmae.models.rows import RowNorm


class MultiScaleTime(nn.Module):
    """Convolutions of two reaches, the largest of three frames, and the frame itself, a quarter of the width each.

    What was not observed counts as 0, as what lies before and after the clip.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width % 4:
            raise ValueError(f"a width of {width} cannot be shared by four branches")
        self.quarter = width // 4
        self.enter = nn.Sequential(nn.Linear(width, width, bias=False), RowNorm(width))
        self.near, self.far = (
            nn.Conv1d(self.quarter, self.quarter, 5, padding=2 * dilation, dilation=dilation)
            for dilation in (1, 2)
        )
        self.largest = nn.MaxPool1d(3, stride=1, padding=1)
        self.leave = RowNorm(3 * self.quarter)

    def forward(self, x: Float[Tensor, "node width"], graph: Graph, frames: int) -> Float[Tensor, "node width"]:
        """Every node looks at its joint in other frames."""
        moving, still = self.enter(x).split((3 * self.quarter, self.quarter), 1)
        whole = graph.whole(relu(moving))
        near, far, largest = whole.view(-1, frames, 3 * self.quarter).transpose(1, 2).chunk(3, 1)
        mixed = torch.cat([self.near(near), self.far(far), self.largest(largest)], 1).transpose(1, 2)
        return torch.cat([self.leave(graph.nodes(mixed.reshape_as(whole))), still], 1)


class StrlLayer(nn.Module):
    """What a joint is, and what all joints of the body are together; then time.

    Args:
        encoder: of single frames.
        width: of the nodes.
    """

    def __init__(self, encoder: GraphLayers, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        # One linear map of both side by side, in two parts: that of the body is the same for all its joints.
        self.body = nn.Linear(width, width, bias=False)
        self.joint = nn.Linear(width, width, bias=False)
        self.norm = RowNorm(width)
        self.residual = nn.Linear(width, width)
        self.time = MultiScaleTime(width)

    def forward(self, x: Float[Tensor, "node width"], graph: Graph, frames: int) -> Float[Tensor, "node width"]:
        """One layer."""
        body = self.body(graph.sum_joints(self.encoder(x, graph)))
        x = relu(self.norm(graph.add(self.joint(x), body)) + self.residual(x))
        return relu(self.time(x, graph, frames) + x)


class Strl(nn.Module):
    """Positions to features of the nodes.

    Args:
        embed: the embedding of a joint; copied.
        encoder: of single frames; each layer has a copy.
        width: of the nodes.
        frames: of a clip.
        depth: number of layers.
    """

    def __init__(self, embed: nn.Linear, encoder: GraphLayers, *, width: int, frames: int, depth: int) -> None:
        super().__init__()
        self.embed = copy.deepcopy(embed)
        self.times = nn.Parameter(torch.randn(frames, width) * 0.02)
        self.layers = nn.ModuleList(StrlLayer(copy.deepcopy(encoder), width) for _ in range(depth))
        self.zero_grad()

    def forward(self, positions: Float[Tensor, "node axis"], graph: Graph) -> Float[Tensor, "node width"]:
        """Features of the nodes; the bodies of `graph` are in (track, frame) order."""
        frames = len(self.times)
        x: Tensor = graph.add(self.embed(positions), self.times.repeat(graph.bodies // frames, 1))
        for layer in self.layers:
            x = layer(x, graph, frames)
        return x
