"""Messages along the bones of many bodies at once: GIN, GCN and GAT as dense products with the adjacency.

What was not observed is no node: it is not computed, sends nothing and is in no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor, nn

from skeletonmae.models.rows import PReLU, RowNorm
from skeletonmae.skeletons import Skeleton

GraphKind = Literal["gin", "gcn", "gat"]


@dataclass(frozen=True, eq=False)
class Graph:
    """The observed joints of many bodies, end to end in (joint, body) order, and the bones between them.

    Joints come first so that one product with a small matrix sums over the neighbours in all bodies.

    Args:
        adjacency: 1 for two joints that a bone connects, else 0.
        bodies: how many there are; a person in a frame is one.
        place: of each node in (joint, body) order; None if every joint of every body was observed.
    """

    adjacency: Float[Tensor, "joint joint"]
    bodies: int
    place: Int64[Tensor, " node"] | None = None

    @classmethod
    def of(cls, skeleton: Skeleton, observed: Bool[Tensor, "joint body"]) -> Graph:
        """The graph of the observed joints."""
        adjacency = torch.as_tensor(skeleton.adjacency, dtype=torch.float32, device=observed.device)
        place = None if bool(observed.all()) else observed.flatten().nonzero().squeeze(1)
        return cls(adjacency, observed.shape[1], place)

    def nodes(self, values: Shaped[Tensor, "joint body ..."]) -> Shaped[Tensor, "node ..."]:
        """The values of the nodes."""
        flat = values.flatten(0, 1)
        return flat if self.place is None else flat.index_select(0, self.place)

    def whole(self, nodes: Float[Tensor, "node width"]) -> Float[Tensor, "joint body width"]:
        """The nodes in their places, and 0 for what was not observed."""
        joints, width = len(self.adjacency), nodes.shape[1]
        if self.place is not None:
            nodes = nodes.new_zeros(joints * self.bodies, width).index_copy(0, self.place, nodes)
        return nodes.view(joints, self.bodies, width)

    def gather(self, nodes: Float[Tensor, "node width"], own: float) -> Float[Tensor, "node width"]:
        """The sum of each node's neighbours, and `own` times itself."""
        matrix = (self.adjacency + own * torch.eye(len(self.adjacency), device=nodes.device)).to(nodes.dtype)
        whole = self.whole(nodes)
        return self.nodes((matrix @ whole.flatten(1)).view_as(whole))

    def joint(self, nodes: Int64[Tensor, " some"]) -> Int64[Tensor, " some"]:
        """The joint that each of some nodes is."""
        return (nodes if self.place is None else self.place[nodes]) // self.bodies

    def sum_joints(self, nodes: Float[Tensor, "node width"]) -> Float[Tensor, "body width"]:
        """The sum over the joints of each body."""
        return self.whole(nodes).sum(0)

    def add(
        self, nodes: Float[Tensor, "node width"], bodies: Float[Tensor, "body width"]
    ) -> Float[Tensor, "node width"]:
        """To each node what belongs to its body."""
        if self.place is None:
            return (nodes.view(len(self.adjacency), *bodies.shape) + bodies).flatten(0, 1)
        return nodes + bodies.index_select(0, self.place % self.bodies)


class GIN(nn.Module):
    """A perceptron of a node and the sum of its neighbours (Xu et al., *How Powerful are GNNs?*, ICLR 2019).

    Args:
        width: of the nodes.
        epsilon: a node counts 1 + epsilon times beside its neighbours.
    """

    def __init__(self, width: int, epsilon: float = 0.0) -> None:
        super().__init__()
        self.epsilon = epsilon
        # Without biases: a batch norm behind takes them off again. The decoder's last layer has none behind it; it
        # can say a constant by the shift of the norm inside.
        first, second = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.mlp = nn.Sequential(first, RowNorm(width), PReLU(), second)

    def forward(self, x: Float[Tensor, "node width"], graph: Graph) -> Float[Tensor, "node width"]:
        """One round of messages."""
        out: Tensor = self.mlp(graph.gather(x, 1.0 + self.epsilon))
        return out


class GCN(nn.Module):
    """A linear map of the mean over a node and its neighbours, by degree (Kipf and Welling, ICLR 2017).

    The degree counts the observed neighbours and the node itself.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "node width"], graph: Graph) -> Float[Tensor, "node width"]:
        """One round of messages."""
        scale = graph.gather(x.new_ones(len(x), 1), 1.0).rsqrt()
        out: Tensor = self.linear(graph.gather(x * scale, 1.0) * scale)
        return out


class GAT(nn.Module):
    """Attention over a node and its neighbours (Velickovic et al., *Graph Attention Networks*, ICLR 2018).

    Args:
        width: of the nodes; heads are put side by side.
        heads: how many; must divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads")
        self.heads = heads
        self.linear = nn.Linear(width, width, bias=False)
        self.look = nn.Linear(width, 2 * heads, bias=False)  # what a node asks for, and what it offers
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "node width"], graph: Graph) -> Float[Tensor, "node width"]:
        """One round of messages."""
        value = graph.whole(self.linear(x))
        asks, offers = graph.whole(self.look(x)).chunk(2, 2)
        logits = nn.functional.leaky_relu(asks[:, None] + offers[None], 0.2)  # (joint, neighbour, body, head)
        there = graph.whole(x.new_ones(len(x), 1)) > 0
        own = torch.eye(len(graph.adjacency), dtype=torch.bool, device=x.device)[:, :, None, None]
        near = (graph.adjacency > 0)[:, :, None, None] & there | own
        weight = logits.masked_fill(~near, -torch.inf).softmax(1)
        of_head = value.view(*value.shape[:2], self.heads, value.shape[2] // self.heads)
        mixed = torch.einsum("ijbh,jbhw->ibhw", weight, of_head)
        return graph.nodes(mixed.flatten(2)) + self.bias


class GraphLayers(nn.Module):
    """Rounds of messages, with batch norm and PReLU after each.

    Args:
        kind: of the messages.
        width: of the nodes.
        depth: how many rounds.
        heads: of `gat`.
        open_end: the last round has no batch norm and PReLU, so that it can say any value.
    """

    def __init__(self, kind: GraphKind, width: int, depth: int, heads: int = 4, *, open_end: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            GIN(width) if kind == "gin" else GCN(width) if kind == "gcn" else GAT(width, heads)
            for _ in range(depth)
        )
        self.norms = nn.ModuleList(
            nn.Sequential(RowNorm(width), PReLU()) for _ in range(depth - 1 if open_end else depth)
        )

    def forward(self, x: Float[Tensor, "node width"], graph: Graph) -> Float[Tensor, "node width"]:
        """Features of the nodes."""
        for number, layer in enumerate(self.layers):
            x = layer(x, graph)
            if number < len(self.norms):
                x = self.norms[number](x)
        return x
