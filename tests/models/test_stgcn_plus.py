from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from skeletonmae.models.skeleton_conv import bone_graphs
from skeletonmae.models.stgcn_plus import LearnedGraphConv, STGCNPlus
from skeletonmae.skeletons import COCO17, KINECT20, NTU25


@pytest.mark.parametrize(
    ("skeleton", "classes", "expected"),
    [(NTU25, 60, 1_403_144), (NTU25, 120, 1_418_564), (COCO17, 60, 1_393_016), (KINECT20, 10, 1_383_514)],
)
def test_it_has_the_number_of_weights_of_the_published_network(skeleton: Any, classes: int, expected: int) -> None:
    with torch.device("meta"):
        network = STGCNPlus(bone_graphs(skeleton.joints, skeleton.bones), 3)
        head = nn.Linear(network.width, classes)
    assert sum(p.numel() for module in (network, head) for p in module.parameters()) == expected


def test_joints_are_mixed_by_the_learned_graphs() -> None:
    torch.manual_seed(0)
    graphs = torch.rand(3, 4, 4)
    layer = LearnedGraphConv(5, 5, graphs).eval()
    x = torch.randn(2, 5, 6, 4)
    mixed = torch.zeros(2, 5, 6, 4)
    for graph in range(3):
        rows = slice(5 * graph, 5 * (graph + 1))
        value = nn.functional.conv2d(x, layer.value.weight[rows], layer.value.bias[rows])
        mixed += value @ graphs[graph].T
    torch.testing.assert_close(layer(x), torch.relu(layer.norm(mixed) + x), atol=1e-5, rtol=1e-5)


def test_persons_share_all_weights() -> None:
    torch.manual_seed(0)
    network = STGCNPlus(bone_graphs(KINECT20.joints, KINECT20.bones), 3, width=8).eval()
    positions, observed = torch.randn(1, 8, 20, 3), torch.ones(1, 8, 20, dtype=torch.bool)
    assert torch.equal(*(network(positions, observed, torch.tensor([person])) for person in (0, 1)))
