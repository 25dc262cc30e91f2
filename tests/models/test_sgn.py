from __future__ import annotations

import pytest
import torch
from torch import nn

from skeletonmae.models.sgn import SGN

PERSON = torch.zeros(2, dtype=torch.int64)


def tiny(joints: int = 5, frames: int = 6) -> SGN:
    torch.manual_seed(0)
    return SGN(joints, frames, 3, width=4).eval()


def clip(joints: int = 5, frames: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, frames, joints, 3), torch.ones(2, frames, joints, dtype=torch.bool)


@pytest.mark.parametrize(
    ("joints", "classes", "expected"), [(25, 60, 691_048), (25, 120, 721_828), (20, 10, 665_018)]
)
def test_it_has_the_number_of_weights_of_the_published_network(joints: int, classes: int, expected: int) -> None:
    with torch.device("meta"):
        network = SGN(joints, 20, 3)
        head = nn.Linear(network.width, classes)
    assert sum(p.numel() for module in (network, head) for p in module.parameters()) == expected


def test_one_frame_after_the_other() -> None:
    """Against the steps of the paper for single frames."""
    network, (positions, observed) = tiny(), clip()
    with torch.no_grad():
        frames = []
        for frame in range(6):
            motion = positions[:, frame] - positions[:, max(frame - 1, 0)]
            x = network.position_embed(positions[:, frame] / (1 + 1e-5) ** 0.5)
            x = x + network.motion_embed(motion / (1 + 1e-5) ** 0.5)
            x = torch.cat([x, network.joint_embed(torch.eye(5)).expand(2, -1, -1)], 2)
            graph = torch.einsum("nuc,nvc->nuv", network.query(x), network.key(x)).softmax(2)
            for layer in network.layers:
                x = torch.relu(layer.norm(layer.neighbor(torch.einsum("nuv,nvc->nuc", graph, x)) + layer.own(x)))
            x = x + network.frame_embed(torch.eye(6))[frame]
            frames.append(x.amax(1))
        expected = network.temporal(torch.stack(frames, 2)).amax(2)
        torch.testing.assert_close(network(positions, observed, PERSON), expected, atol=1e-5, rtol=1e-5)


def test_an_unobserved_joint_changes_nothing_but_itself() -> None:
    """What lies at an unobserved joint has no influence, and neither has the joint on those of its frame."""
    network, (positions, observed) = tiny(), clip()
    observed[:, 2, 3] = False
    lost = network(positions, observed, PERSON)
    other = positions.clone()
    other[:, 2, 3] = 100.0
    torch.testing.assert_close(network(other, observed, PERSON), lost)
    assert (network(positions, torch.ones_like(observed), PERSON) - lost).abs().max() > 1e-6


def test_a_frame_without_joints_is_finite_and_enters_no_maximum() -> None:
    network, (positions, observed) = tiny(), clip()
    observed[:, 4] = False
    features = network(positions, observed, PERSON)
    assert features.isfinite().all()
    network.frame_embed[0].weight.data[:, 4] = 50.0  # the embedding of that frame alone
    torch.testing.assert_close(network(positions, observed, PERSON), features)


def test_dropout_lies_between_the_temporal_convolutions() -> None:
    network = SGN(5, 6, 3, width=4, dropout=0.4)
    assert [layer.p for layer in network.temporal if isinstance(layer, nn.Dropout)] == [0.4]
