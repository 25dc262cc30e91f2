"""Which parameter learns how fast, and how that changes with time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from skeletonmae.training.config import TrainingConfig


def learning_rate(step: int, total: int, warmup: int, config: TrainingConfig) -> float:
    """Linear growth over `warmup` steps, then as `config.schedule` says.

    The half cosine is that of Loshchilov and Hutter, ICLR 2017.

    Args:
        step: from 0.
        total: number of steps.
        warmup: steps of growth.
        config: of the training.
    """
    if step < warmup:
        return config.lr * (step + 1) / warmup
    if config.schedule != "cosine":
        passed = sum(step >= round(total * epoch / config.epochs) for epoch in config.milestones)
        return config.lr * config.factor**passed
    share = (step - warmup) / max(1, total - warmup)
    return config.final_lr + (config.lr - config.final_lr) * 0.5 * (1.0 + math.cos(math.pi * share))


def build_optimizer(
    model: nn.Module, config: TrainingConfig, depth_of: Callable[[str], int] | None = None
) -> torch.optim.Optimizer:
    """The fused optimizer of `config`; vectors do not decay; with `layer_decay`, a group for each depth.

    Each group's `scale` is the factor of its learning rate.

    Args:
        model: whose parameters learn.
        config: of the training.
        depth_of: parameter name -> depth, 0 at the input; without it all are equally deep.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    depths = {name: depth_of(name) if depth_of else 0 for name, _ in named}
    deepest = max(depths.values(), default=0)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        groups.setdefault((depths[name], parameter.ndim > 1), []).append(parameter)
    settings = [
        {
            "params": parameters,
            "weight_decay": config.weight_decay if decays else 0.0,
            "scale": config.layer_decay ** (deepest - depth),
        }
        for (depth, decays), parameters in sorted(groups.items(), key=lambda group: group[0])
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(settings, config.lr, config.momentum, nesterov=config.nesterov, fused=True)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(settings, lr=config.lr, betas=config.betas, fused=True)
