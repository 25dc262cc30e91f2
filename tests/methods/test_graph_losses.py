from __future__ import annotations

import pytest
import torch
from torch import Tensor

from skeletonmae.methods.graph_losses import cosine_to_target, edge_loss, nearest_position
from skeletonmae.models.gnn import SkeletonGraph
from skeletonmae.skeletons import Skeleton

PATH = Skeleton("path", joints=("a", "b", "c"), parents={"b": "a", "c": "b"})


def test_no_position_has_a_smaller_angle_than_the_nearest() -> None:
    torch.manual_seed(0)
    embedding, prediction = torch.nn.Linear(2, 8), torch.randn(200, 8)
    with torch.no_grad():
        found = nearest_position(prediction, embedding)
        none = found.isnan().any(1)
        assert 50 < none.sum() < 150
        angle = torch.linspace(0, 2 * torch.pi, 181)[:-1]
        near, far = (
            torch.stack([angle.cos(), angle.sin()], 1) * torch.logspace(*powers, 60)[:, None, None]
            for powers in ((-2, 3), (5, 6))
        )

        def best(around: Tensor) -> Tensor:
            """The largest cosine of any of these positions, for each of `prediction`."""
            embedded = torch.nn.functional.normalize(embedding(around.reshape(-1, 2)), dim=1)
            return (torch.nn.functional.normalize(prediction, dim=1) @ embedded.T).amax(1)

        own = torch.nn.functional.cosine_similarity(embedding(found), prediction)[~none]
        tried = torch.maximum(best(near), best(far))[~none]
        assert (own - tried).min() > -1e-5
        assert (own - tried).max() < 1e-2
        assert (best(far) - best(near))[none].min() > -1e-5  # the farther the nearer, without end


def test_the_edge_loss_worked_out_by_hand() -> None:
    graph = SkeletonGraph.from_observed(PATH, torch.tensor([[True], [True], [True]]))
    prediction = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    # Inner products over sqrt 2: ab 4, ac 0, bc 0.
    cost = [float(torch.nn.functional.softplus(torch.tensor(x))) for x in (-4 / 2**0.5, 0.0)]
    expected = [cost[0] + cost[1], (cost[0] + cost[1]) / 2, cost[1] + cost[1]]
    assert edge_loss(prediction, graph).tolist() == pytest.approx(expected)
    lost = SkeletonGraph.from_observed(
        PATH, torch.tensor([[True], [False], [True]])
    )  # no bone is left: one pair without a bone
    assert edge_loss(prediction[[0, 2]], lost).tolist() == pytest.approx([cost[1], cost[1]])


def test_bridged_ends_of_edges_do_not_count() -> None:
    graph = SkeletonGraph.from_observed(PATH, torch.tensor([[True], [True], [True]]))
    prediction = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    found = edge_loss(prediction, graph, torch.tensor([True, False, True]))  # b is bridged: no bone is left
    no_bone = float(torch.nn.functional.softplus(torch.tensor(0.0)))
    assert found[[0, 2]].tolist() == pytest.approx([no_bone, no_bone])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_cosine_and_its_gradient_are_those_of_torch(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(20, 8, generator=generator).to(dtype)
    prediction[3] *= 1e-9  # shorter than what the norm is limited to
    prediction[4] = 0.0
    prediction.requires_grad_()
    target = torch.randn(20, 8, generator=generator)
    target[5] = 0.0
    found = cosine_to_target(prediction, target)
    expected = torch.nn.functional.cosine_similarity(prediction.float(), target)
    torch.testing.assert_close(found, expected)
    weight = torch.randn(20, generator=generator)
    gradient, expected_gradient = (torch.autograd.grad(out, prediction, weight)[0] for out in (found, expected))
    kept = (torch.arange(20) != 3) & (torch.arange(20) != 4)  # torch differentiates its limit of the norm too
    torch.testing.assert_close(gradient[kept], expected_gradient[kept])
    short = weight[3] * target[3] / (1e-8 * target[3].norm())
    torch.testing.assert_close(gradient[3], short.to(dtype))
    assert gradient[4].isfinite().all()
