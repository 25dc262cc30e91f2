from __future__ import annotations

import numpy as np
import pytest
import torch

from skeletonmae.methods.graph_statistics import JointStatistics


def nodes(seed: int, count: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions around a different mean for each of three joints."""
    generator = torch.Generator().manual_seed(seed)
    joint = torch.randint(3, (count,), generator=generator)
    means = torch.tensor([[0.0, 10.0], [5.0, 10.0], [-5.0, 20.0]])
    return means[joint] + torch.randn(count, 2, generator=generator) * torch.tensor([1.0, 3.0]), joint


def by_hand(parts: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean of all positions, and mean squared distance from the mean of the joint."""
    positions, joint = (torch.cat(values).double().numpy() for values in zip(*parts, strict=True))
    centered = np.concatenate([positions[joint == j] - positions[joint == j].mean(0) for j in range(3)])
    return positions.mean(0), (centered**2).mean(0)


def test_before_the_first_update_a_batch_is_described_by_its_own_statistics() -> None:
    statistics = JointStatistics(2)
    mean, variance = statistics.add(*nodes(0), 3)
    expected = by_hand([nodes(0)])
    np.testing.assert_allclose(mean, expected[0], rtol=1e-5)
    np.testing.assert_allclose(variance, expected[1], rtol=1e-5)
    assert 0.5 < variance[0] < 2  # the distances between joints do not count
    assert torch.equal(statistics.running_mean, torch.zeros(2))


def test_the_first_update_takes_over_the_batch_with_all_its_parts() -> None:
    statistics = JointStatistics(2)
    for seed in (0, 1):  # micro-batches of a step
        statistics.add(*nodes(seed), 3)
    statistics.update()
    expected = by_hand([nodes(0), nodes(1)])
    np.testing.assert_allclose(statistics.running_mean, expected[0], rtol=1e-5)
    np.testing.assert_allclose(statistics.running_var, expected[1], rtol=1e-5)


def test_the_first_updates_are_averaged_and_later_ones_have_a_weight_of_a_hundredth() -> None:
    statistics, means = JointStatistics(2), []
    for seed in range(4):
        before, _ = statistics.add(*nodes(seed), 3)
        assert seed == 0 or torch.equal(before, statistics.running_mean)
        statistics.update()
        means.append(by_hand([nodes(seed)])[0])
    np.testing.assert_allclose(statistics.running_mean, np.mean(means, 0), rtol=1e-5)
    statistics.num_batches_tracked.fill_(500)
    old_mean = statistics.running_mean.numpy().copy()
    statistics.add(*nodes(9), 3)
    statistics.update()
    expected = 0.99 * old_mean + 0.01 * by_hand([nodes(9)])[0]
    np.testing.assert_allclose(statistics.running_mean, expected, rtol=1e-5)


def test_evaluation_uses_the_statistics_and_does_not_change_them() -> None:
    statistics = JointStatistics(2)
    statistics.add(*nodes(0), 3)
    statistics.update()
    state = {name: value.clone() for name, value in statistics.eval().state_dict().items()}
    mean, _ = statistics.add(*nodes(1), 3)
    statistics.update()
    assert torch.equal(mean, state["running_mean"])
    assert all(torch.equal(value, state[name]) for name, value in statistics.state_dict().items())


def test_too_few_nodes_leave_the_statistics_as_they_are() -> None:
    statistics = JointStatistics(2)
    mean, variance = statistics.add(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), 3)
    assert mean.tolist() == [0, 0]
    assert variance.tolist() == [1, 1]
    statistics.add(torch.tensor([[2.0, 4.0]]), torch.tensor([1]), 3)
    statistics.update()
    assert statistics.running_mean.tolist() == pytest.approx([2, 4])
    assert statistics.running_var.tolist() == [1, 1]


def test_the_sums_of_all_processes_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = JointStatistics(2), JointStatistics(2)
    here.add(*nodes(0), 3)
    there.add(*nodes(1, count=20), 3)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda sums: sums.add_(there._sums))
    here.update()
    expected = by_hand([nodes(0), nodes(1, count=20)])
    np.testing.assert_allclose(here.running_mean, expected[0], rtol=1e-5)
    np.testing.assert_allclose(here.running_var, expected[1], rtol=1e-5)


def test_a_step_without_targets_does_not_count() -> None:
    statistics = JointStatistics(2)
    statistics.add(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), 3)
    statistics.update()
    assert int(statistics.num_batches_tracked) == 0
    statistics.add(*nodes(0), 3)
    statistics.update()
    expected = by_hand([nodes(0)])
    np.testing.assert_allclose(statistics.running_mean, expected[0], rtol=1e-5)
    np.testing.assert_allclose(statistics.running_var, expected[1], rtol=1e-5)


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_rounding_is_no_spread(size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    joint = torch.arange(3).repeat(997)
    still, moving = torch.rand(3, 2, generator=generator)[joint], torch.randn(len(joint), 2, generator=generator)
    _, variance = JointStatistics(2).add(size * still, joint, 3)
    assert variance.tolist() == [1, 1]
    _, variance = JointStatistics(2).add(size * (still + 1e-3 * moving), joint, 3)
    np.testing.assert_allclose(variance, (1e-3 * size) ** 2, rtol=0.1)
