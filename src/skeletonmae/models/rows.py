"""Layers over however many rows there are: what was not observed is no row."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RowNorm(nn.BatchNorm1d):
    """Batch norm over the rows; a single one has no variance and takes the running statistics."""

    def forward(self, x: Float[Tensor, "row width"]) -> Float[Tensor, "row width"]:
        """Normalise each channel."""
        if self.training and len(x) < 2:
            mean, variance = self.running_mean, self.running_var
            return nn.functional.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        normed: Tensor = super().forward(x)
        return normed


class _Kink(torch.autograd.Function):
    """PReLU with a derivative in operations that a CPU has vector code for; it keeps nothing but the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return torch.prelu(x, slope)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        grad = grads[0]
        x, slope = (kept.to(grad.dtype) for kept in ctx.saved_tensors)
        above = torch.ops.aten.threshold_backward(grad, x, 0)  # the gradient where the input is above 0
        return above.lerp_(grad, slope), x.clamp(max=0).mul_(grad).sum().view(1)


class PReLU(nn.PReLU):
    """The same values; with its gradient three to six times as fast on a CPU (benchmarks/graph.py)."""

    def forward(self, x: Float[Tensor, "row width"]) -> Float[Tensor, "row width"]:
        """What is negative counts by the learned slope."""
        if not torch.is_grad_enabled() or x.device.type != "cpu":
            return super().forward(x)
        out: Tensor = _Kink.apply(x, self.weight)  # type: ignore[no-untyped-call]
        return out
