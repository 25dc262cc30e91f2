"""The joint, bone and motion streams of a clip."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Batch

Stream = Literal["joint", "bone", "motion"]


def to_stream(batch: Batch, stream: Stream) -> Batch:
    """Convert joint positions to a stream.

    Args:
        batch: joint positions.
        stream: `joint` returns the batch itself; `bone` is each joint minus its parent, 0 for the root, observed
            if both are; `motion` is described at `motion`.
    """
    if stream == "bone":
        parent = torch.as_tensor(batch.skeleton.parent_index, device=batch.positions.device)
        bones = batch.positions - batch.positions[..., parent, :]
        return batch.with_positions(bones, batch.observed & batch.observed[..., parent])
    if stream == "motion":
        return batch.with_positions(*motion(batch.positions, batch.observed))
    return batch


def motion(
    positions: Float[Tensor, "*any frame joint axis"], observed: Bool[Tensor, "*any frame joint"]
) -> tuple[Float[Tensor, "*any frame joint axis"], Bool[Tensor, "*any frame joint"]]:
    """Return the next frame minus this one, and whether both were observed; the last frame has motion 0."""
    difference = torch.zeros_like(positions)
    difference[..., :-1, :, :] = positions[..., 1:, :, :] - positions[..., :-1, :, :]
    observed_in_both = observed.clone()
    observed_in_both[..., :-1, :] &= observed[..., 1:, :]
    return difference.masked_fill_(~observed_in_both[..., None], 0.0), observed_in_both
