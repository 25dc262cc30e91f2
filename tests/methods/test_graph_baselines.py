from __future__ import annotations

import numpy as np
import pytest
import torch

from skeletonmae.methods.graph_baselines import (
    RIDGE,
    PoseMoments,
    constant_baseline,
    held_out_predictions,
    spread_indices,
)
from skeletonmae.skeletons import COCO17, Skeleton

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


@pytest.mark.parametrize("unit", [1e-7, 1.0, 1e6])
def test_joints_that_coincide_or_stand_still_do_not_stop_the_regression(unit: float) -> None:
    known = poses(40)
    known[:, 1] = known[:, 0]
    known[:, 2] = known[:, 0] * (1 + 1e-7)
    known[:, 6] = 3.0
    moments = PoseMoments.of(CHAIN, known * unit, torch.ones(40, 7, dtype=torch.bool))
    visible = torch.ones(40, 7, dtype=torch.bool)
    visible[:, 3] = False
    found = moments.predict(known * unit, visible, torch.full((40,), 3))["ridge"] / unit
    error = (found - known[:, 3]).square().mean()
    assert error < 0.5 * known[:, 3].var(0).mean()


def test_coordinates_that_are_no_numbers_give_no_number_and_no_error() -> None:
    known = poses(40)
    known[0, 0] = torch.nan
    moments = PoseMoments.of(CHAIN, known, torch.ones(40, 7, dtype=torch.bool))
    found = moments.predict(known[1:], torch.tensor([[True] * 3 + [False] * 4] * 39), torch.full((39,), 3))
    assert found["ridge"].isnan().all()


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


def test_of_many_hidden_joints_each_is_predicted_about_equally_often() -> None:
    """Four joints are hidden in every pose, and a multiple of 512 poses are predicted: no stride may hit one alone."""
    count = 4096
    every = torch.ones(count, 17, dtype=torch.bool)
    hidden = torch.tensor(
        [joint in COCO17.parts["right_arm"] + COCO17.parts["right_leg"] for joint in COCO17.joints]
    )
    is_fit = torch.arange(count) % 64 < 32
    positions = torch.randn(count, 17, 2, generator=torch.Generator().manual_seed(0))
    _, joint, _ = held_out_predictions(
        COCO17, positions, every, ~hidden.expand(count, -1), hidden.expand(count, -1), is_fit, 512
    )
    number = torch.bincount(joint, minlength=17)
    assert not number[~hidden].any()
    assert int(number.sum()) == 512
    assert number[hidden].min() > 100


def test_indices_are_spread_over_all_items_and_all_frames() -> None:
    assert spread_indices(5, 9, torch.device("cpu")).tolist() == [0, 1, 2, 3, 4]
    assert spread_indices(5, 1, torch.device("cpu")).tolist() == [0]
    assert spread_indices(0, 3, torch.device("cpu")).tolist() == []
    for frames in (16, 32, 64):
        index = spread_indices(1024 * frames, 4096, torch.device("cpu"))
        assert len(set(index.tolist())) == 4096
        assert (index[0], index[-1]) == (0, 1024 * frames - 1)
        number = np.bincount(index % frames, minlength=frames)
        assert number.max() < 2.5 * number.mean()


def test_the_constant_baseline_worked_out_by_hand() -> None:
    # Joint 0 has the directions (1, 0) and (0, 1), with a mean at 45 degrees to both; joint 1 has one direction.
    target = torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, -5.0]])
    found = constant_baseline(target, torch.tensor([0, 0, 1]), 3, beta=2.0)
    assert float(found) == pytest.approx(2 * (1 - 0.5**0.5) ** 2 / 3, abs=1e-6)
    subsampled = constant_baseline(target, torch.tensor([0, 0, 1]), 3, beta=2.0, max_nodes=1)
    assert float(subsampled) == pytest.approx(0.0, abs=1e-6)  # only the first node is left
