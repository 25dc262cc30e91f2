"""Add blocks to an encoder without changing what it computes."""

from __future__ import annotations

import copy

from torch import nn

from skeletonmae.models.joint_patch_transformer import JointPatchEncoder
from skeletonmae.models.transformer import Block


def deepened(encoder: JointPatchEncoder, depth: int) -> JointPatchEncoder:
    """Return an encoder with more blocks and the same output.

    The new blocks are spread evenly among the others. Each has the weights of the block before it, but both of its
    branches end in zeros, so that it returns its input. The last layer of a branch has a gradient all the same,
    and the layers before it have one as soon as it has moved. Features of inner blocks may be those of others:
    block `i` of `depth` starts with the output of block `i * len(encoder.blocks) // depth` of the encoder.

    Source: Wu et al., *LLaMA Pro: Progressive LLaMA with Block Expansion*, ACL 2024.

    Args:
        encoder: An encoder, which is not changed.
        depth: Number of blocks, those of `encoder` or more.

    Raises:
        ValueError: `encoder` has more blocks.
    """
    if depth < len(encoder.blocks):
        raise ValueError(f"an encoder of {len(encoder.blocks)} blocks cannot be reduced to {depth}")
    deeper = copy.deepcopy(encoder)
    deeper.blocks = nn.ModuleList()
    sources = [index * len(encoder.blocks) // depth for index in range(depth)]
    for index, source in enumerate(sources):
        block = copy.deepcopy(encoder.blocks[source])
        assert isinstance(block, Block)
        if source in sources[:index]:
            _return_input(block)
        deeper.blocks.append(block)
    return deeper


def _return_input(block: Block) -> None:
    """Set the last layer of both branches to 0."""
    for layer in (block.attention.out, block.mlp[-1]):
        assert isinstance(layer, nn.Linear)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
