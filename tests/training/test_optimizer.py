from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from skeletonmae.training import TrainingConfig
from skeletonmae.training.optimizer import build_optimizer, learning_rate


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(4))
        self.places = nn.Parameter(torch.zeros(3, 4))
        self.first = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2, bias=False)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (6, 0.2 + 0.4 * (1 + math.sqrt(0.5))), (8, 0.6), (12, 0.2)],
)
def test_learning_rate_worked_out_by_hand(step: int, expected: float) -> None:
    assert learning_rate(step, total=12, warmup=4, highest=1.0, final=0.2) == pytest.approx(expected, abs=1e-12)


def test_learning_rate_without_warmup_and_with_nothing_else() -> None:
    assert learning_rate(0, 10, 0, 0.5, 0.0) == 0.5
    assert learning_rate(5, 10, 0, 0.5, 0.0) == pytest.approx(0.25)
    assert [learning_rate(step, 4, 4, 1.0, 0.0) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert learning_rate(0, 1, 0, 1.0, 0.0) == 1.0


def names_of(model: nn.Module, group: dict[str, object]) -> set[str]:
    params = group["params"]
    assert isinstance(params, list)
    return {name for name, p in model.named_parameters() if any(p is q for q in params)}


def test_vectors_do_not_decay() -> None:
    model = Net()
    optimizer = build_optimizer(model, TrainingConfig(weight_decay=0.3, betas=(0.8, 0.9)))
    decays = {group["weight_decay"]: names_of(model, group) for group in optimizer.param_groups}
    assert decays == {
        0.3: {"places", "first.weight", "head.weight"},
        0.0: {"token", "first.bias", "norm.weight", "norm.bias"},
    }
    assert all(group["scale"] == 1.0 for group in optimizer.param_groups)
    assert all(group["betas"] == (0.8, 0.9) for group in optimizer.param_groups)


def test_each_layer_learns_slower_than_the_next() -> None:
    model, depth = Net(), {"token": 0, "places": 0, "first": 1, "norm": 1, "head": 2}
    config = TrainingConfig(layer_decay=0.5, weight_decay=0.1)
    optimizer = build_optimizer(model, config, lambda name: depth[name.split(".")[0]])
    scale = {name: group["scale"] for group in optimizer.param_groups for name in names_of(model, group)}
    assert scale == {
        "token": 0.25, "places": 0.25, "first.weight": 0.5, "first.bias": 0.5,
        "norm.weight": 0.5, "norm.bias": 0.5, "head.weight": 1.0,
    }  # fmt: skip


def test_what_is_frozen_is_left_out() -> None:
    model = Net()
    model.first.requires_grad_(False)
    found = set().union(*(names_of(model, g) for g in build_optimizer(model, TrainingConfig()).param_groups))
    assert found == {"token", "places", "norm.weight", "norm.bias", "head.weight"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": 0}, {"epochs": 0}, {"ema": 1.0}, {"layer_decay": 0}, {"clip_norm": 0}, {"precision": "fp16"},
        {"accumulate": 3, "batch_size": 128}, {"accumulate": 8, "batch_size": 4}, {"lr": float("nan")}, {"lrr": 1},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingConfig.model_validate(wrong)
