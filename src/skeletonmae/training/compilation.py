"""Compilation of the blocks of a model by torch."""

from __future__ import annotations

from torch import nn


def compile_blocks(model: nn.Module) -> None:
    """Let torch compile the entries of each `nn.ModuleList` of a model, for batches of any size.

    Equal entries, such as the blocks of a transformer, share the compiled code, which keeps the start short. The
    modules stay in place, so the names of the weights do not change. The first steps take longer: torch compiles
    the forward and the backward pass when it first sees them.

    Source: torch's recipe on regional compilation,
    https://docs.pytorch.org/tutorials/recipes/regional_compilation.html
    """
    for module in model.modules():
        if isinstance(module, nn.ModuleList):
            for block in module:
                block.compile(dynamic=True)
