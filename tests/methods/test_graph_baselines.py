from __future__ import annotations

import numpy as np
import torch

from skeletonmae.methods.graph_baselines import RIDGE, PoseMoments, held_out_predictions
from skeletonmae.skeletons import Skeleton

NAMES = tuple("abcdefg")
CHAIN = Skeleton("chain", NAMES, dict(zip(NAMES[1:], NAMES[:-1], strict=True)))


def poses(count: int, seed: int = 0) -> torch.Tensor:
    """Random chains, `(pose, joint, axis)`: each joint is near the one before it, on average one unit away."""
    steps = torch.randn(count, 7, 2, generator=torch.Generator().manual_seed(seed)) * 0.3 + torch.tensor(
        [1.0, 0.0]
    )
    return steps.cumsum(1)


def test_the_baselines_worked_out_by_hand() -> None:
    known = poses(500)
    moments = PoseMoments.of(CHAIN, known, torch.ones(500, 7, dtype=torch.bool))
    mean = known.mean(0)
    query = poses(1, seed=1)
    visible = torch.tensor([[True, True, False, False, False, False, True]])
    found = moments.predict(query, visible, torch.tensor([3]))  # joint d: b is two bones away, g three, a three
    torch.testing.assert_close(found["constant"][0], mean[3])
    torch.testing.assert_close(found["neighbor"][0], query[0, 1] + mean[3] - mean[1])
    for axis in range(2):
        inputs = known[:, [0, 1, 6]].flatten(1).double()
        x, y = inputs - inputs.mean(0), (known[:, 3, axis] - mean[3, axis]).double()
        gram = x.T @ x / len(x)
        weights = torch.linalg.solve(gram + torch.diag(RIDGE * gram.diagonal()), x.T @ y / len(x))
        expected = mean[3, axis] + (query[0, [0, 1, 6]].flatten() - inputs.mean(0)) @ weights
        torch.testing.assert_close(found["ridge"][0, axis].double(), expected, atol=1e-4, rtol=1e-4)


def test_the_regression_reaches_four_bones() -> None:
    moments = PoseMoments.of(CHAIN, poses(500), torch.ones(500, 7, dtype=torch.bool))
    query, only_a = poses(1, seed=1), torch.tensor([[True] + [False] * 6])
    for joint, is_reached in ((4, True), (5, False)):
        found = moments.predict(query, only_a, torch.tensor([joint]))
        assert torch.equal(found["ridge"], found["constant"]) != is_reached
        assert not torch.equal(found["neighbor"], found["constant"])  # the nearest, however far


def test_without_a_visible_joint_all_predict_the_mean() -> None:
    moments = PoseMoments.of(CHAIN, poses(50), torch.ones(50, 7, dtype=torch.bool))
    found = moments.predict(poses(1), torch.zeros(1, 7, dtype=torch.bool), torch.tensor([2]))
    for value in found.values():
        torch.testing.assert_close(value, moments.mean[2:3])


def test_unobserved_joints_count_neither_in_means_nor_in_covariances() -> None:
    known, observed = poses(400), torch.rand(400, 7, generator=torch.Generator().manual_seed(3)) > 0.3
    moments = PoseMoments.of(CHAIN, known.masked_fill(~observed[..., None], 0.0), observed)
    for joint in range(7):
        own = known[observed[:, joint], joint]
        torch.testing.assert_close(moments.mean[joint], own.mean(0))
        variance = moments.covariance.diagonal().view(7, 2)[joint]
        torch.testing.assert_close(variance, own.var(0, correction=0), rtol=1e-4, atol=1e-5)
    assert torch.linalg.eigvalsh(moments.covariance.double()).min() > -1e-6


def test_the_better_a_baseline_uses_the_pose_the_smaller_is_its_error() -> None:
    known, every = poses(300), torch.ones(300, 7, dtype=torch.bool)
    hidden = torch.tensor([False] * 5 + [True, False]).expand(300, -1)
    is_fit = torch.arange(300) % 2 == 0
    true, joint, predicted = held_out_predictions(CHAIN, known, every, ~hidden, hidden, is_fit, 1000)
    assert joint.tolist() == [5] * 150
    np.testing.assert_array_equal(true, known[1::2, 5])
    errors = [float((predicted[name] - true).square().mean()) for name in ("constant", "neighbor", "ridge")]
    assert errors[0] > 2 * errors[1] > 2.5 * errors[2]
    changed = known.clone()
    changed[1::2, 5] += 7.0  # what is predicted must not be known
    _, _, again = held_out_predictions(CHAIN, changed, every, ~hidden, hidden, is_fit, 1000)
    assert all(torch.equal(again[name], predicted[name]) for name in again)
    assert len(held_out_predictions(CHAIN, known, every, ~hidden, hidden, is_fit, 50)[1]) == 50
