"""The optimizer with its parameter groups, and the learning rate schedule."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from skeletonmae.training.config import TrainingConfig


def learning_rate(step: int, total_steps: int, warmup_steps: int, config: TrainingConfig) -> float:
    """Return the learning rate of a step: linear warm-up, then the schedule of `config`.

    The half cosine is that of Loshchilov and Hutter, ICLR 2017.

    Args:
        step: Index of the step, from 0.
        total_steps: Number of steps of the run.
        warmup_steps: Number of steps of the warm-up.
        config: The training settings.
    """
    if step < warmup_steps:
        return config.lr * (step + 1) / warmup_steps
    if config.schedule != "cosine":
        num_passed = sum(step >= round(total_steps * epoch / config.epochs) for epoch in config.milestones)
        return config.lr * config.gamma**num_passed
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return config.final_lr + (config.lr - config.final_lr) * 0.5 * (1.0 + math.cos(math.pi * progress))


def build_optimizer(
    model: nn.Module,
    config: TrainingConfig,
    layer_id: Callable[[str], int] | None = None,
    lr_factor: Callable[[str], float] | None = None,
) -> torch.optim.Optimizer:
    """Build the fused optimizer of `config`, with one parameter group for each layer, factor and weight decay.

    Vectors have no weight decay. A group's `lr_scale` is the factor of its learning rate.

    Args:
        model: The module to train.
        config: The training settings.
        layer_id: Maps a parameter's name to the index of its layer, 0 at the input; None puts all parameters in
            one layer.
        lr_factor: Maps a parameter's name to a factor of its learning rate, beside that of its layer; None for 1.
    """
    named_parameters = [(name, param) for name, param in model.named_parameters() if param.requires_grad]
    layers = {name: layer_id(name) if layer_id else 0 for name, _ in named_parameters}
    last_layer = max(layers.values(), default=0)
    groups: dict[tuple[int, bool, float], list[nn.Parameter]] = {}
    for name, param in named_parameters:
        factor = lr_factor(name) if lr_factor else 1.0
        groups.setdefault((layers[name], param.ndim > 1, factor), []).append(param)
    param_groups = [
        {
            "params": params,
            "weight_decay": config.weight_decay if has_weight_decay else 0.0,
            "lr_scale": factor * config.layer_decay ** (last_layer - layer),
        }
        for (layer, has_weight_decay, factor), params in sorted(groups.items(), key=lambda group: group[0])
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(param_groups, config.lr, config.momentum, nesterov=config.nesterov, fused=True)
    optimizer_class = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return optimizer_class(param_groups, lr=config.lr, betas=config.betas, fused=True)
