"""The joint, bone and motion streams of a clip."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Batch
from skeletonmae.batches.constants import constant

Stream = Literal["joint", "bone", "motion"]


def to_stream(batch: Batch, stream: Stream) -> Batch:
    """Convert joint positions to a stream. A bone or a motion is bridged if either of its two ends is.

    Args:
        batch: Joint positions.
        stream: `joint` returns the batch itself; `bone` is each joint minus its parent, 0 for the root, observed
            if both are; `motion` is described at `motion`.
    """
    if stream == "joint":
        return batch
    tracks = batch.tracks
    positions, observed, bridged = tracks.positions, tracks.observed, tracks.bridged
    if stream == "motion":
        bridged = bridged.clone()
        bridged[:, :-1] |= tracks.bridged[:, 1:]
        return batch.with_tracks(*motion(positions, observed), bridged)
    parent = constant(tuple(batch.skeleton.parent_index.tolist()), torch.int64, positions.device)
    bones = positions - positions.index_select(2, parent)
    bridged = bridged | bridged.index_select(2, parent)
    return batch.with_tracks(bones, observed & observed.index_select(2, parent), bridged)


def motion(
    positions: Float[Tensor, "*any frame joint axis"], observed: Bool[Tensor, "*any frame joint"]
) -> tuple[Float[Tensor, "*any frame joint axis"], Bool[Tensor, "*any frame joint"]]:
    """Return the next frame minus this one, and whether both were observed; the last frame has motion 0."""
    difference = torch.zeros_like(positions)
    difference[..., :-1, :, :] = positions[..., 1:, :, :] - positions[..., :-1, :, :]
    observed_in_both = observed.clone()
    observed_in_both[..., :-1, :] &= observed[..., 1:, :]
    return difference.masked_fill_(~observed_in_both[..., None], 0.0), observed_in_both
