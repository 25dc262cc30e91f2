"""A moving average of the weights of a network."""

from __future__ import annotations

import copy
import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.config import Config


class MovingAverageConfig(Config):
    """How a moving average of weights follows them.

    The decay grows from a value that averages the last `span` of the run's steps to `end`, where it stops moving.
    """

    span: float = Field(0.05, gt=0, le=1)
    """Share of the run's steps that the average covers at the start: the first decay is 1 - 1 / (span * steps)."""
    floor: float = Field(0.99, ge=0, le=1)
    """Minimum of the first decay, for short runs."""
    end: float = Field(1.0, ge=0, le=1)
    """Decay at the end of the run."""
    shape: Literal["linear", "cosine"] = "linear"
    """How the decay grows: along a line, or along half a cosine."""

    def decay(self, step: int, num_steps: int) -> float:
        """Return the decay of a step.

        Args:
            step: Number of steps done, including this one.
            num_steps: Number of steps of the run.
        """
        start = min(max(self.floor, 1.0 - 1.0 / (self.span * num_steps)), self.end)
        progress = step / num_steps
        if self.shape == "cosine":
            progress = 0.5 * (1.0 - math.cos(math.pi * progress))
        return start + (self.end - start) * progress


class MovingAverage(nn.Module):
    """A copy of a module that follows its weights, without gradients and in evaluation mode.

    Args:
        module: The module to follow.
        config: How.
    """

    def __init__(self, module: nn.Module, config: MovingAverageConfig) -> None:
        super().__init__()
        self.config = config
        self.module = copy.deepcopy(module).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> MovingAverage:  # noqa: ARG002 - always in evaluation mode
        """Stay in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int, num_steps: int) -> None:
        """Move the weights to decay * weights + (1 - decay) * those of `module`.

        Args:
            module: The module that is followed.
            step: Number of steps done, including this one.
            num_steps: Number of steps of the run.
        """
        decay = self.config.decay(step, num_steps)
        own: list[Tensor] = list(self.module.parameters())
        followed: list[Tensor] = list(module.parameters())
        torch._foreach_mul_(own, decay)
        torch._foreach_add_(own, followed, alpha=1.0 - decay)
