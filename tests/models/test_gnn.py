from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skeletonmae.models.gnn import GAT, GCN, GIN, GNN, SkeletonGraph
from skeletonmae.models.node_layers import NodeBatchNorm
from skeletonmae.skeletons import COCO17, KINECT20, NTU25, Skeleton

PATH = Skeleton("path", joints=("a", "b", "c"), parents={"b": "a", "c": "b"})
KINDS = ("gin", "gcn", "gat")
kinds = pytest.mark.parametrize("kind", KINDS)


def all_observed(skeleton: Skeleton, num_poses: int = 1) -> SkeletonGraph:
    return SkeletonGraph.from_observed(skeleton, torch.ones(skeleton.num_joints, num_poses, dtype=torch.bool))


def some_observed(skeleton: Skeleton, num_poses: int, seed: int = 0) -> tuple[SkeletonGraph, torch.Tensor]:
    observed = torch.rand(skeleton.num_joints, num_poses, generator=torch.Generator().manual_seed(seed)) > 0.3
    observed[:, 0] = False  # a pose of which nothing was observed
    return SkeletonGraph.from_observed(skeleton, observed), observed


def layer(kind: str, width: int = 8, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    made: Any = {"gin": lambda: GIN(width), "gcn": lambda: GCN(width), "gat": lambda: GAT(width, 2)}[kind]()
    for module in made.modules():
        if isinstance(module, NodeBatchNorm):  # as if it had been trained
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return made.eval()


def test_gin_on_a_path_of_three_joints_worked_out_by_hand() -> None:
    gin = GIN(2).eval()
    first, norm, slope, second = gin.mlp
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
        norm.running_mean.copy_(torch.tensor([10.0, 0.0]))
        norm.running_var.fill_(4.0)
        norm.eps = 0.0
        norm.bias.copy_(torch.tensor([0.0, 1.0]))
        slope.weight.fill_(0.25)
        second.weight.copy_(torch.tensor([[1.0, 1.0], [2.0, 0.0]]))
        out = gin(torch.tensor([[2.0, 1.0], [4.0, 0.0], [8.0, -2.0]]), all_observed(PATH))
    # Sums with the joint itself:    a (2 + 4, 1 + 0)   b (4 + 2 + 8, 0 + 1 - 2)   c (8 + 4, -2 + 0)
    # Second channel changes sign; minus the mean, over 2, plus the bias:
    #                                a (-2, 0.5)        b (2, 1.5)                 c (1, 2)
    # What is below 0 counts a quarter: a (-0.5, 0.5).
    expected = [[0.0, -1.0], [3.5, 4.0], [3.0, 2.0]]
    assert out.tolist() == expected


def test_gcn_on_a_path_of_three_joints_worked_out_by_hand() -> None:
    gcn = GCN(1)
    with torch.no_grad():
        gcn.linear.weight.fill_(2.0)
        gcn.linear.bias.fill_(1.0)
        out = gcn(torch.tensor([[6.0], [0.0], [3.0]]), all_observed(PATH))
    # Degrees with the joint itself: 2, 3, 2. Means: a 6/2 + 0, b 6/sqrt 6 + 0 + 3/sqrt 6, c 3/2.
    assert out.flatten().tolist() == pytest.approx([7.0, 1 + 18 / math.sqrt(6), 4.0])


def test_gat_on_a_path_of_three_joints_worked_out_by_hand() -> None:
    gat = GAT(1, heads=1)
    with torch.no_grad():
        gat.linear.weight.fill_(1.0)
        gat.att.weight.copy_(torch.tensor([[0.0], [math.log(2.0)]]))  # alpha_dst is 0, alpha_src log 2 per unit
        gat.bias.fill_(0.5)
        out = gat(torch.tensor([[1.0], [2.0], [3.0]]), all_observed(PATH))
    # Weights 2, 4 and 8: a (2 + 8) / 6, b (2 + 8 + 24) / 14, c (8 + 24) / 12.
    assert out.flatten().tolist() == pytest.approx([10 / 6 + 0.5, 34 / 14 + 0.5, 32 / 12 + 0.5])


def plain(
    kind: str, module: Any, x: np.ndarray, is_observed: list[int], skeleton: Skeleton
) -> dict[int, np.ndarray]:
    """One layer on one body, a joint and a bone at a time; `x` is `(joint, width)`."""

    def numbers(tensor: torch.Tensor) -> np.ndarray:
        return tensor.detach().double().numpy()

    pairs = [(skeleton.index[a], skeleton.index[b]) for a, b in skeleton.bones]
    neighbors = {
        i: [b if a == i else a for a, b in pairs if i in (a, b) and {a, b} <= {*is_observed}] for i in is_observed
    }
    out = {}
    for i in is_observed:
        if kind == "gin":
            first, norm, slope, second = module.mlp
            h = numbers(first.weight) @ (x[i] + sum(x[j] for j in neighbors[i]))
            h = (h - numbers(norm.running_mean)) / np.sqrt(numbers(norm.running_var) + norm.eps)
            h = h * numbers(norm.weight) + numbers(norm.bias)
            out[i] = numbers(second.weight) @ np.where(h > 0, h, numbers(slope.weight) * h)
        elif kind == "gcn":
            degree = {j: 1 + len(neighbors[j]) for j in is_observed}
            mean = sum(x[j] / math.sqrt(degree[i] * degree[j]) for j in (i, *neighbors[i]))
            out[i] = numbers(module.linear.weight) @ mean + numbers(module.linear.bias)
        else:
            value, look = x @ numbers(module.linear.weight).T, x @ numbers(module.att.weight).T
            heads = []
            for head in range(module.heads):
                logit = [look[i, head] + look[j, module.heads + head] for j in (i, *neighbors[i])]
                weight = np.exp([one if one > 0 else 0.2 * one for one in logit])
                part = np.split(value, module.heads, 1)[head]
                heads.append(
                    sum(w * part[j] for w, j in zip(weight, (i, *neighbors[i]), strict=True)) / weight.sum()
                )
            out[i] = np.concatenate(heads) + numbers(module.bias)
    return out


@kinds
@pytest.mark.parametrize("skeleton", [COCO17, NTU25], ids=lambda skeleton: skeleton.name)
def test_a_layer_equals_a_plain_loop_over_the_bones_of_observed_joints(kind: str, skeleton: Skeleton) -> None:
    module, (graph, observed) = layer(kind), some_observed(skeleton, 5)
    x = torch.randn(skeleton.num_joints, 5, 8)
    with torch.no_grad():
        found = graph.to_dense(module(graph.to_nodes(x), graph))
    assert not found[~observed].any()
    for pose in range(5):
        is_observed = observed[:, pose].nonzero().flatten().tolist()
        for joint, expected in plain(kind, module, x[:, pose].double().numpy(), is_observed, skeleton).items():
            np.testing.assert_allclose(found[joint, pose], expected, atol=1e-5)


def poisoned(values: torch.Tensor, observed: torch.Tensor) -> torch.Tensor:
    return values.masked_fill(~observed[..., None], torch.nan)


@kinds
def test_unobserved_joints_have_no_influence_in_training(kind: str) -> None:
    torch.manual_seed(0)
    network = GNN(kind, 8, 2, heads=2)  # type: ignore[arg-type]
    graph, observed = some_observed(KINECT20, 6)
    x = torch.randn(20, 6, 8)
    first = network(graph.to_nodes(poisoned(x, observed)), graph)
    first.sum().backward()
    assert first.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    again = network(graph.to_nodes(x.masked_fill(~observed[..., None], 7.0)), graph)
    assert torch.equal(first, again)


@kinds
def test_packed_and_dense_nodes_are_equivalent(kind: str) -> None:
    torch.manual_seed(0)
    network = GNN(kind, 8, 2, heads=2)  # type: ignore[arg-type]
    x, dense = torch.randn(17 * 4, 8), all_observed(COCO17, 4)
    packed = SkeletonGraph(dense.adjacency, 4, torch.arange(17 * 4))
    torch.testing.assert_close(network(x, packed), network(x, dense))
    torch.testing.assert_close(packed.add_to_nodes(x, x[:4]), dense.add_to_nodes(x, x[:4]))
    assert torch.equal(dense.add_to_nodes(x, x[:4]).view(17, 4, 8)[5, 2], x[5 * 4 + 2] + x[2])
    torch.testing.assert_close(dense.sum_pool(x)[2], x[2::4].sum(0))


@kinds
def test_the_order_of_joints_does_not_matter(kind: str) -> None:
    order = torch.randperm(17, generator=torch.Generator().manual_seed(3))
    mixed = Skeleton("mixed", tuple(COCO17.joints[i] for i in order), COCO17.parents)
    torch.manual_seed(0)
    network, x = GNN(kind, 8, 2, heads=2), torch.randn(17, 3, 8)  # type: ignore[arg-type]
    observed = torch.rand(17, 3) > 0.2
    one, other = SkeletonGraph.from_observed(COCO17, observed), SkeletonGraph.from_observed(mixed, observed[order])
    found = one.to_dense(network(one.to_nodes(x), one))
    torch.testing.assert_close(other.to_dense(network(other.to_nodes(x[order]), other)), found[order])


@kinds
def test_a_message_travels_one_bone_per_layer(kind: str) -> None:
    chain = Skeleton("chain", tuple("abcdef"), dict(zip("bcdef", "abcde", strict=True)))
    torch.manual_seed(0)
    network = GNN(kind, 8, 3, heads=2).eval()  # type: ignore[arg-type]
    x = torch.randn(6, 8)
    other = x.clone()
    other[0] += 1.0
    graph = all_observed(chain)
    changed = (network(x, graph) != network(other, graph)).any(1)
    assert changed.tolist() == [True, True, True, True, False, False]


@pytest.mark.parametrize(
    ("kind", "layer_size"),
    [("gin", 2 * 64 * 64 + 2 * 64 + 1), ("gcn", 64 * 64 + 64), ("gat", 64 * 64 + 64 * 8 + 64)],
)
def test_how_many_parameters_there_are(kind: Any, layer_size: int) -> None:
    def count(network: nn.Module) -> int:
        return sum(p.numel() for p in network.parameters())

    norm = 2 * 64 + 1
    assert count(GNN(kind, 64, 3)) == 3 * (layer_size + norm)
    assert count(GNN(kind, 64, 2, final_norm=False)) == 2 * layer_size + norm


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="a width of 8 is not divisible by 3 heads"):
        GAT(8, heads=3)


@kinds
def test_it_can_be_exported(kind: str) -> None:
    class Exported(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = GNN(kind, 8, 2, heads=2)  # type: ignore[arg-type]
            self.register_buffer("adjacency", torch.as_tensor(COCO17.adjacency, dtype=torch.float32))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.network(x.flatten(0, 1), SkeletonGraph(self.adjacency, x.shape[1]))  # type: ignore[arg-type]
            return found

    model, x = Exported().eval(), torch.randn(17, 6, 8)
    program = torch.export.export(model, (x,))
    other = torch.randn(17, 6, 8)
    torch.testing.assert_close(program.module()(other), model(other))


@kinds
@pytest.mark.parametrize("final_norm", [True, False])
def test_a_projection_of_the_input_and_a_selection_of_the_output(kind: str, final_norm: bool) -> None:
    graph, observed = some_observed(PATH, 6)
    torch.manual_seed(0)
    network = GNN(kind, 8, 2, 2, final_norm=final_norm)  # type: ignore[arg-type]
    x, projection = torch.randn(int(observed.sum()), 3), torch.randn(3, 8)
    expected = network(x @ projection, graph)
    torch.testing.assert_close(network(x, graph, projection), expected, rtol=1e-4, atol=1e-5)
    selected = torch.tensor([0, 3, 4])
    torch.testing.assert_close(network(x @ projection, graph, selected=selected), expected[selected])
