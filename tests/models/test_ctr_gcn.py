from __future__ import annotations

import pytest
import torch
from torch import nn

from skeletonmae.models.ctr_gcn import CTRGCN, ChannelGraphConv
from skeletonmae.models.skeleton_conv import bone_graphs
from skeletonmae.skeletons import KINECT20, NTU25


@pytest.mark.parametrize(
    ("skeleton", "persons", "classes", "expected"),
    [(NTU25, 2, 60, 1_446_672), (NTU25, 2, 120, 1_462_092), (KINECT20, 1, 10, 1_426_892)],
)
def test_it_has_the_number_of_weights_of_the_published_network(
    skeleton: object, persons: int, classes: int, expected: int
) -> None:
    with torch.device("meta"):
        network = CTRGCN(bone_graphs(skeleton.joints, skeleton.bones), 3, persons)  # type: ignore[attr-defined]
        head = nn.Linear(network.width, classes)
    assert sum(p.numel() for module in (network, head) for p in module.parameters()) == expected


def test_a_graph_is_refined_for_every_clip_and_channel() -> None:
    """Against loops over graphs, channels and pairs of joints."""
    torch.manual_seed(0)
    graphs = torch.rand(3, 4, 4)
    layer = ChannelGraphConv(16, 6, graphs).eval()
    nn.init.constant_(layer.alpha, 0.7)
    nn.init.constant_(layer.norm.weight, 1.0)
    x = torch.randn(2, 16, 5, 4)
    mixed = torch.zeros(2, 6, 5, 4)
    for clip in range(2):
        mean = x[clip].mean(1)  # channel, joint
        weight, bias = layer.query_key.weight[:, :, 0, 0], layer.query_key.bias
        query, key = (weight @ mean + bias[:, None]).view(2, 3, 2, 4)  # 16 / 8 channels
        for graph in range(3):
            rows = slice(6 * graph, 6 * (graph + 1))
            value = torch.einsum("oc,ctv->otv", layer.value.weight[rows, :, 0, 0], x[clip])
            value = value + layer.value.bias[rows, None, None]
            for u in range(4):
                for v in range(4):
                    relation = torch.tanh(query[graph][:, u] - key[graph][:, v])
                    refined = layer.refine.weight[rows, :, 0, 0] @ relation + layer.refine.bias[rows]
                    edge = 0.7 * refined + graphs[graph, u, v]
                    mixed[clip, :, :, u] += edge[:, None] * value[:, :, v]
    expected = torch.relu(layer.norm(mixed) + layer.residual(x))
    torch.testing.assert_close(layer(x), expected, atol=1e-4, rtol=1e-4)


def test_the_first_state_of_a_block_is_the_given_graph() -> None:
    graphs = bone_graphs(KINECT20.joints, KINECT20.bones)
    layer = ChannelGraphConv(3, 8, graphs)
    assert torch.equal(layer.graphs, graphs)
    assert layer.alpha.item() == 0.0
    assert (layer.norm.weight == 1e-6).all()


def test_each_person_has_an_input_norm_of_its_own() -> None:
    torch.manual_seed(0)
    network = CTRGCN(bone_graphs(KINECT20.joints, KINECT20.bones), 3, persons=2, width=8).eval()
    network.norm.running_mean[1] = 3.0
    positions, observed = torch.randn(1, 8, 20, 3), torch.ones(1, 8, 20, dtype=torch.bool)
    first, second = (network(positions, observed, torch.tensor([person])) for person in (0, 1))
    assert (first - second).abs().max() > 1e-6
    moved = network(positions + 3.0, observed, torch.tensor([1]))
    torch.testing.assert_close(moved, first, atol=1e-5, rtol=1e-5)
