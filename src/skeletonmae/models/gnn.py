"""Graph networks on the observed joints of many poses: GIN, GCN and GAT as dense products with the adjacency.

A pose is one person in one frame. An unobserved joint is not a node: it is not computed, sends no message and
enters no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor, nn
from torch.nn.functional import linear

from skeletonmae.batches.constants import constant
from skeletonmae.models.node_layers import FastPReLU, NodeBatchNorm
from skeletonmae.skeletons import Skeleton

GNNType = Literal["gin", "gcn", "gat"]


@dataclass(frozen=True, eq=False)
class SkeletonGraph:
    """The observed joints of many poses, and the bones between them.

    Values have one of three forms. Dense values are `(joint, pose, ...)`, with zeros for unobserved joints. Nodes
    are `(node, ...)`: only the observed joints, in (joint, pose) order. Pose values are `(pose, ...)`. Joints come
    first so that a single product with a small matrix sums over the neighbors in all poses.

    Args:
        adjacency: 1 for two joints that a bone connects, else 0.
        num_poses: Number of poses.
        node_index: Index of each node in (joint, pose) order; None if every joint of every pose was observed.
        joints: Names of the joints, if they are known.
    """

    adjacency: Float[Tensor, "joint joint"]
    num_poses: int
    node_index: Int64[Tensor, " node"] | None = None
    joints: tuple[str, ...] = ()

    @classmethod
    def from_observed(cls, skeleton: Skeleton, observed: Bool[Tensor, "joint pose"]) -> SkeletonGraph:
        """Return the graph of the observed joints."""
        adjacency = constant(tuple(map(tuple, skeleton.adjacency.tolist())), torch.float32, observed.device)
        node_index = None if bool(observed.all()) else observed.flatten().nonzero().squeeze(1)
        return cls(adjacency, observed.shape[1], node_index, skeleton.joints)

    @property
    def num_nodes(self) -> int:
        """Number of nodes."""
        return len(self.adjacency) * self.num_poses if self.node_index is None else len(self.node_index)

    def to_nodes(self, dense: Shaped[Tensor, "joint pose ..."]) -> Shaped[Tensor, "node ..."]:
        """Select the values of the nodes."""
        flat = dense.flatten(0, 1)
        return flat if self.node_index is None else flat.index_select(0, self.node_index)

    def to_dense(self, nodes: Float[Tensor, "node width"]) -> Float[Tensor, "joint pose width"]:
        """Put the nodes at their joint and pose, and 0 at unobserved joints."""
        joints, width = len(self.adjacency), nodes.shape[1]
        if self.node_index is not None:
            nodes = nodes.new_zeros(joints * self.num_poses, width).index_copy(0, self.node_index, nodes)
        return nodes.view(joints, self.num_poses, width)

    def aggregate(self, nodes: Float[Tensor, "node width"]) -> Float[Tensor, "node width"]:
        """Sum over each node and its neighbors."""
        dense = self.to_dense(nodes)
        return self.to_nodes((self._with_self.to(nodes.dtype) @ dense.flatten(1)).view_as(dense))

    @cached_property
    def _with_self(self) -> Float[Tensor, "joint joint"]:
        return self.adjacency + torch.eye(len(self.adjacency), device=self.adjacency.device)

    def joint_of(self, nodes: Int64[Tensor, " selected"]) -> Int64[Tensor, " selected"]:
        """Return the joint of each of some nodes, given by their number."""
        return (nodes if self.node_index is None else self.node_index[nodes]) // self.num_poses

    def sum_pool(self, nodes: Float[Tensor, "node width"]) -> Float[Tensor, "pose width"]:
        """Sum over the joints of each pose."""
        return self.to_dense(nodes).sum(0)

    def add_to_nodes(
        self, nodes: Float[Tensor, "node width"], poses: Float[Tensor, "pose width"]
    ) -> Float[Tensor, "node width"]:
        """Add to each node the value of its pose."""
        if self.node_index is None:
            return (nodes.view(len(self.adjacency), *poses.shape) + poses).flatten(0, 1)
        return nodes + poses.index_select(0, self.node_index % self.num_poses)


class JointIdentity(nn.Module):
    """A learned vector for each joint, by which a network knows which joint a node is.

    Args:
        joints: Names of the joints.
        width: Of the nodes.
    """

    def __init__(self, joints: tuple[str, ...], width: int) -> None:
        super().__init__()
        self.joints = joints
        self.weight = nn.Parameter(torch.randn(len(joints), width) * 0.1)

    def of_layout(self, graph: SkeletonGraph) -> Float[Tensor, "joint width"]:
        """Return the vectors of the joints of a graph, found by their names; 0 for joints without one."""
        row = {joint: index for index, joint in enumerate(self.joints)}
        rows = constant(tuple(row.get(joint, 0) for joint in graph.joints), torch.int64, self.weight.device)
        is_known = constant(tuple(joint in row for joint in graph.joints), torch.bool, self.weight.device)
        return self.weight.index_select(0, rows) * is_known[:, None]

    def forward(self, graph: SkeletonGraph) -> Float[Tensor, "node width"]:
        """Return the vector of each node."""
        joint = graph.joint_of(torch.arange(graph.num_nodes, device=self.weight.device))
        return self.of_layout(graph).index_select(0, joint)


class GIN(nn.Module):
    """An MLP of a node plus the sum of its neighbors (Xu et al., *How Powerful are GNNs?*, ICLR 2019).

    Args:
        width: Of the nodes.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # Without biases, because the batch norm that follows subtracts them. Only the decoder's last layer is not
        # followed by one; it can still predict a constant, through the shift of the norm inside.
        first, second = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.mlp = nn.Sequential(first, NodeBatchNorm(width), FastPReLU(), second)

    def forward(
        self,
        x: Float[Tensor, "node in_width"],
        graph: SkeletonGraph,
        projection: Float[Tensor, "in_width width"] | None = None,
        selected: Int64[Tensor, " selected"] | None = None,
    ) -> Float[Tensor, "node_or_selected width"]:
        """Update the nodes.

        Args:
            x: Features of the nodes.
            graph: The nodes and their bones.
            projection: The input is `x @ projection`. Because the sum over the neighbors is linear, the products
                with `projection` and with the first layer of the MLP are one product, with a small matrix.
            selected: Numbers of the nodes to return; None for all.
        """
        first, norm, activation, second = self.mlp
        weight: Tensor = first.weight  # type: ignore[assignment]
        if projection is not None:
            weight = _product(weight, projection.T)
        hidden = norm(linear(graph.aggregate(x), weight))
        if selected is not None:
            hidden = hidden.index_select(0, selected)
        out: Tensor = second(activation(hidden))
        return out


def _product(a: Float[Tensor, "row column"], b: Float[Tensor, "column other"]) -> Float[Tensor, "row other"]:
    """Multiply small matrices in float32, because their product is rounded again where it is used."""
    with torch.autocast(a.device.type, enabled=False):
        return a.float() @ b.float()


class GCN(nn.Module):
    """A linear layer of the degree-normalized mean of a node and its neighbors (Kipf and Welling, ICLR 2017).

    The degree counts the observed neighbors and the node itself.

    Args:
        width: Of the nodes.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "node width"], graph: SkeletonGraph) -> Float[Tensor, "node width"]:
        """Update the nodes."""
        scale = graph.aggregate(x.new_ones(len(x), 1)).rsqrt()
        out: Tensor = self.linear(graph.aggregate(x * scale) * scale)
        return out


class GAT(nn.Module):
    """Attention to a node and its neighbors (Velickovic et al., *Graph Attention Networks*, ICLR 2018).

    Args:
        width: Of the nodes; the outputs of the heads are concatenated.
        heads: Number of heads; must divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} is not divisible by {heads} heads")
        self.heads = heads
        self.linear = nn.Linear(width, width, bias=False)
        # The paper applies its attention vectors to the linear layer's output; this layer has both in one product.
        self.att = nn.Linear(width, 2 * heads, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "node width"], graph: SkeletonGraph) -> Float[Tensor, "node width"]:
        """Update the nodes."""
        value = graph.to_dense(self.linear(x))
        alpha_dst, alpha_src = graph.to_dense(self.att(x)).chunk(2, 2)
        # Destination joint, source joint, pose, head.
        logits = nn.functional.leaky_relu(alpha_dst[:, None] + alpha_src[None], 0.2)
        is_node = graph.to_dense(x.new_ones(len(x), 1)) > 0
        is_self = torch.eye(len(graph.adjacency), dtype=torch.bool, device=x.device)[:, :, None, None]
        attn_mask = (graph.adjacency > 0)[:, :, None, None] & is_node | is_self
        weight = logits.masked_fill(~attn_mask, -torch.inf).softmax(1)
        value_per_head = value.view(*value.shape[:2], self.heads, value.shape[2] // self.heads)
        out = torch.einsum("ijph,jphw->iphw", weight, value_per_head)
        return graph.to_nodes(out.flatten(2)) + self.bias


class GNN(nn.Module):
    """Graph layers, each followed by batch norm and PReLU.

    Args:
        layer_type: The kind of graph layer.
        width: Of the nodes.
        depth: Number of layers.
        heads: Number of attention heads of `gat`.
        final_norm: Whether batch norm and PReLU also follow the last layer.
    """

    def __init__(
        self, layer_type: GNNType, width: int, depth: int, heads: int = 4, *, final_norm: bool = True
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            GIN(width) if layer_type == "gin" else GCN(width) if layer_type == "gcn" else GAT(width, heads)
            for _ in range(depth)
        )
        self.norms = nn.ModuleList(
            nn.Sequential(NodeBatchNorm(width), FastPReLU()) for _ in range(depth if final_norm else depth - 1)
        )

    def forward(
        self,
        x: Float[Tensor, "node in_width"],
        graph: SkeletonGraph,
        projection: Float[Tensor, "in_width width"] | None = None,
        selected: Int64[Tensor, " selected"] | None = None,
    ) -> Float[Tensor, "node_or_selected width"]:
        """Compute features of the nodes.

        Args:
            x: Their inputs.
            graph: The nodes and their bones.
            projection: The input of the first layer is `x @ projection`; None if it is `x`.
            selected: Numbers of the nodes to return; None for all. What only the others need is not computed.
        """
        for index, layer in enumerate(self.layers):
            is_first, is_last = index == 0, index == len(self.layers) - 1
            has_norm = index < len(self.norms)
            if isinstance(layer, GIN):
                kept = selected if is_last and not has_norm else None
                x = layer(x, graph, projection if is_first else None, kept)
            else:
                x = layer(x if projection is None or not is_first else linear(x, projection.T), graph)
            if has_norm:
                x = self.norms[index](x)
        is_selected = isinstance(self.layers[-1], GIN) and len(self.norms) < len(self.layers)
        return x if selected is None or is_selected else x.index_select(0, selected)
