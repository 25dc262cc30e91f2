"""Count the FLOPs of the passes that are timed, by the same rule for the package and for the reference.

A multiplication with its addition counts as two, and only matrix products and attention count. The backward pass
takes two products for each of the forward pass, except for layers whose input needs no gradient. What an
implementation computes again in the backward pass does not count (the rule of `gpu_flops.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from plain import PlainAttention
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from skeletonmae.models import Attention


class FlopCount:
    """The FLOPs of what ran inside `counting`."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Count a module that has run: a linear layer, or the two products of an attention."""
        if isinstance(module, nn.Linear):
            is_differentiated = torch.is_grad_enabled() and output.requires_grad
            num_backward = 1 + inputs[0].requires_grad if is_differentiated else 0
            self.total += 2 * output.numel() * module.in_features * (1 + num_backward)
        elif isinstance(module, Attention | PlainAttention):
            x, context = inputs[0], inputs[-1]
            forward = 2 * 2 * x.numel() * context.shape[1]  # all heads together have the width of x
            self.total += forward * (3 if output.requires_grad else 1)


@contextmanager
def counting(flops: FlopCount) -> Iterator[None]:
    """Count what modules compute in the block, with their backward passes.

    The count follows from the shapes of inputs and outputs, which takes microseconds per module.
    """
    hook = register_module_forward_hook(flops.add)
    try:
        yield
    finally:
        hook.remove()
