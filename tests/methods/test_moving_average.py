"""How a moving average follows the weights of a network."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from skeletonmae.methods.moving_average import MovingAverage, MovingAverageConfig


def test_the_decay_follows_the_length_of_the_run() -> None:
    config = MovingAverageConfig()
    assert config.decay(0, 14_500) == pytest.approx(1 - 1 / 725)
    assert config.decay(14_500, 14_500) == 1.0
    assert config.decay(7_250, 14_500) == pytest.approx(1 - 0.5 / 725)
    assert config.decay(0, 20) == 0.99  # the floor
    assert config.decay(0, 1) == 0.99
    cosine = MovingAverageConfig(shape="cosine", floor=0.9, span=0.1, end=0.98)
    expected = [0.9 + 0.08 * (1 - math.cos(math.pi * step / 8)) / 2 for step in range(9)]
    assert [cosine.decay(step, 8) for step in range(9)] == pytest.approx(expected)
    assert MovingAverageConfig(end=0.5).decay(0, 100) == 0.5  # never above the last decay


def test_an_update_moves_the_copy_and_leaves_the_network() -> None:
    followed = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    average = MovingAverage(followed, MovingAverageConfig(span=0.5, floor=0.0)).train()
    assert not any(module.training for module in average.modules())
    before = average.module.state_dict()["0.weight"].clone()
    with torch.no_grad():
        followed[0].weight.add_(1.0)
    after = followed[0].weight.clone()
    average.update(followed, 1, 4)
    decay = 0.5 + 0.5 / 4
    torch.testing.assert_close(average.module.state_dict()["0.weight"], decay * before + (1 - decay) * after)
    assert torch.equal(followed[0].weight, after)
    assert not any(parameter.requires_grad for parameter in average.parameters())
