"""The joint, bone and motion streams of a clip."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Batch

Stream = Literal["joint", "bone", "motion"]


def to_stream(batch: Batch, stream: Stream) -> Batch:
    """The clip as joint positions, as bones (joint minus parent; 0 for the root) or as motion."""
    if stream == "bone":
        parent = torch.as_tensor(batch.skeleton.parent_index, device=batch.positions.device)
        bones = batch.positions - batch.positions[..., parent, :]
        return batch.moved(bones, batch.observed & batch.observed[..., parent])
    if stream == "motion":
        return batch.moved(*motion(batch.positions, batch.observed))
    return batch


def motion(
    positions: Float[Tensor, "*any frame joint axis"], observed: Bool[Tensor, "*any frame joint"]
) -> tuple[Float[Tensor, "*any frame joint axis"], Bool[Tensor, "*any frame joint"]]:
    """The next frame minus this one, 0 in the last; observed where both frames are."""
    change = torch.zeros_like(positions)
    seen = observed.clone()
    seen[..., :-1, :] &= observed[..., 1:, :]
    change[..., :-1, :, :] = positions[..., 1:, :, :] - positions[..., :-1, :, :]
    return change.masked_fill_(~seen[..., None], 0.0), seen
