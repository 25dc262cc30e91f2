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
        self.pos_embed = nn.Parameter(torch.zeros(3, 4))
        self.first = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2, bias=False)


def rates(total: int, warmup: int, **settings: object) -> list[float]:
    config = TrainingConfig.model_validate({"lr": 1.0, "final_lr": 0.0} | settings)
    return [learning_rate(step, total, warmup, config) for step in range(total + 1)]


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (6, 0.2 + 0.4 * (1 + math.sqrt(0.5))), (8, 0.6), (12, 0.2)],
)
def test_the_learning_rate_by_hand(step: int, expected: float) -> None:
    assert rates(12, 4, final_lr=0.2)[step] == pytest.approx(expected, abs=1e-12)


def test_the_learning_rate_without_warmup_and_with_warmup_alone() -> None:
    assert rates(10, 0, lr=0.5)[0] == 0.5
    assert rates(10, 0, lr=0.5)[5] == pytest.approx(0.25)
    assert rates(4, 4)[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates(1, 0)[0] == 1.0


def test_a_constant_learning_rate_follows_the_warmup() -> None:
    assert rates(5, 2, lr=0.5, schedule="constant") == [0.25, 0.5, 0.5, 0.5, 0.5, 0.5]


def test_milestones_are_epochs_warmup_included() -> None:
    steps = {"schedule": "steps", "epochs": 4, "milestones": (2, 3), "gamma": 0.5}
    # Three steps per epoch, with one epoch of warm-up: the milestones are at steps 6 and 9.
    assert rates(12, 3, **steps)[:12] == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25])


def test_milestones_move_in_proportion_where_epochs_are_added() -> None:
    steps = {"schedule": "steps", "epochs": 4, "milestones": (2, 3)}
    found = rates(40, 0, **steps)
    assert [found[step] for step in (19, 20, 29, 30)] == pytest.approx([1.0, 0.1, 0.1, 0.01])


def names_of(model: nn.Module, group: dict[str, object]) -> set[str]:
    params = group["params"]
    assert isinstance(params, list)
    return {name for name, p in model.named_parameters() if any(p is q for q in params)}


def test_vectors_have_no_weight_decay() -> None:
    model = Net()
    optimizer = build_optimizer(model, TrainingConfig(weight_decay=0.3, betas=(0.8, 0.9)))
    decays = {group["weight_decay"]: names_of(model, group) for group in optimizer.param_groups}
    assert decays == {
        0.3: {"pos_embed", "first.weight", "head.weight"},
        0.0: {"token", "first.bias", "norm.weight", "norm.bias"},
    }
    assert all(group["lr_scale"] == 1.0 for group in optimizer.param_groups)
    assert all(group["betas"] == (0.8, 0.9) for group in optimizer.param_groups)


def test_layer_decay_scales_the_learning_rate_of_each_layer() -> None:
    model, layer = Net(), {"token": 0, "pos_embed": 0, "first": 1, "norm": 1, "head": 2}
    config = TrainingConfig(layer_decay=0.5, weight_decay=0.1)
    optimizer = build_optimizer(model, config, lambda name: layer[name.split(".")[0]])
    scale = {name: group["lr_scale"] for group in optimizer.param_groups for name in names_of(model, group)}
    assert scale == {
        "token": 0.25, "pos_embed": 0.25, "first.weight": 0.5, "first.bias": 0.5,
        "norm.weight": 0.5, "norm.bias": 0.5, "head.weight": 1.0,
    }  # fmt: skip


def test_a_factor_scales_the_learning_rate_beside_that_of_the_layer() -> None:
    model, layer = Net(), {"token": 0, "pos_embed": 0, "first": 0, "norm": 0, "head": 1}
    optimizer = build_optimizer(
        model,
        TrainingConfig(layer_decay=0.5),
        lambda name: layer[name.split(".")[0]],
        lambda name: 0.1 if name.startswith(("first", "head")) else 1.0,
    )
    scale = {name: group["lr_scale"] for group in optimizer.param_groups for name in names_of(model, group)}
    assert scale == {
        "token": 0.5, "pos_embed": 0.5, "first.weight": 0.05, "first.bias": 0.05,
        "norm.weight": 0.5, "norm.bias": 0.5, "head.weight": 0.1,
    }  # fmt: skip


def test_frozen_parameters_are_left_out() -> None:
    model = Net()
    model.first.requires_grad_(False)
    found = set().union(*(names_of(model, g) for g in build_optimizer(model, TrainingConfig()).param_groups))
    assert found == {"token", "pos_embed", "norm.weight", "norm.bias", "head.weight"}


def by_hand(weight: float, gradient: float, steps: int, config: TrainingConfig) -> float:
    """The value of a weight after some steps with a constant gradient."""
    moments = [0.0, 0.0]
    decoupled = config.optimizer == "adamw"
    for step in range(1, steps + 1):
        g = gradient if decoupled else gradient + config.weight_decay * weight
        if config.optimizer == "sgd":
            moments[0] = g if step == 1 else config.momentum * moments[0] + g
            weight -= config.lr * (g + config.momentum * moments[0] if config.nesterov else moments[0])
            continue
        if decoupled:
            weight *= 1 - config.lr * config.weight_decay
        moments = [b * m + (1 - b) * g**p for m, b, p in zip(moments, config.betas, (1, 2), strict=True)]
        first, second = (m / (1 - b**step) for m, b in zip(moments, config.betas, strict=True))
        weight -= config.lr * first / (math.sqrt(second) + 1e-8)
    return weight


@pytest.mark.parametrize(
    "settings",
    [{"optimizer": "adamw"}, {"optimizer": "adam"}, {"optimizer": "sgd"}, {"optimizer": "sgd", "nesterov": False}],
)
def test_every_optimizer_by_hand(settings: dict[str, object]) -> None:
    config = TrainingConfig.model_validate({"lr": 0.1, "weight_decay": 0.5, "momentum": 0.8} | settings)
    weight = nn.Parameter(torch.full((1, 1), 2.0))
    optimizer = build_optimizer(nn.ParameterList([weight]), config)
    assert all(group["fused"] for group in optimizer.param_groups)  # the same results, several times as fast
    for step in range(1, 5):
        weight.grad = torch.full((1, 1), 0.3)
        optimizer.step()
        assert float(weight.detach()) == pytest.approx(by_hand(2.0, 0.3, step, config), rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": "steps"}, {"milestones": (3,)}, {"schedule": "steps", "milestones": (3, 2)},
        {"schedule": "steps", "milestones": (400,)}, {"schedule": "steps", "milestones": (0,)},
        {"gamma": 0, "schedule": "steps"}, {"momentum": 1.0}, {"optimizer": "lion"}, {"schedule": "step"},
        {"lr": 0}, {"epochs": 0}, {"ema_decay": 1.0}, {"layer_decay": 0}, {"max_grad_norm": 0}, {"precision": "fp16"},
        {"gradient_accumulation_steps": 3, "batch_size": 128}, {"gradient_accumulation_steps": 8, "batch_size": 4}, {"lr": float("nan")}, {"lrr": 1},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingConfig.model_validate(wrong)
