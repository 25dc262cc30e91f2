"""Short gaps of a joint, interpolated between the observed frames before and after."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor


def bridge_gaps(
    positions: Float[Tensor, "row joint axis"],
    observed: Bool[Tensor, "row joint"],
    max_gap: Int64[Tensor, " row"],
    num_before: Int64[Tensor, " row"],
    num_after: Int64[Tensor, " row"],
    longest: int,
    *,
    dense: bool = False,
) -> Bool[Tensor, "row joint"]:
    """Interpolate missing joints in place, in `positions` and in `observed`, and return which were bridged.

    The search compares whole rows. Its work grows with the logarithm of the longest gap, and not with the number
    of missing joints.

    Args:
        positions: Consecutive rows of one track after another.
        observed: Which joints were observed.
        max_gap: Largest number of missing rows that is bridged, for each row; 0 where none is needed.
        num_before: Number of consecutive rows of the same track that precede each row.
        num_after: Number of them that follow.
        longest: Maximum of `max_gap`.
        dense: Compute a value for every joint of every row, also where nothing is bridged. On a GPU, this saves
            waiting for the number of bridged joints.
    """
    num_joints = observed.shape[1]
    before, after = distance_to_observed(observed, longest + 1)
    limits = [
        values.clamp(max=longest + 1).to(before.dtype)[:, None] for values in (max_gap, num_before, num_after)
    ]
    bridged = ~observed & (before + after <= limits[0] + 1) & (before <= limits[1]) & (after <= limits[2])
    points = positions.view(-1, positions.shape[2])
    every_cell = torch.arange(len(points), device=points.device)
    cell = every_cell if dense else bridged.flatten().nonzero().squeeze(1)
    before, after = (distance.flatten().index_select(0, cell).long() for distance in (before, after))
    start, end = (
        points.index_select(0, source.clamp(0, max(0, len(points) - 1)))
        for source in (cell - before * num_joints, cell + after * num_joints)
    )
    fraction = before / (before + after).clamp(min=1)
    bridge = start.lerp_(end, fraction[:, None])
    if dense:
        bridge = bridge.where(bridged.view(-1, 1), points)
    points.index_copy_(0, cell, bridge)
    observed |= bridged
    return bridged


def distance_to_observed(
    observed: Bool[Tensor, "row joint"], limit: int
) -> tuple[Integer[Tensor, "row joint"], Integer[Tensor, "row joint"]]:
    """Count the rows back to the last one in which each joint was observed, and forward to the next one.

    Distances of `limit` and above are returned as `limit`.
    """
    dtype = torch.uint8 if limit < 128 else torch.int32  # sums of two distances must fit
    before = (~observed).to(dtype) * limit
    after = before.clone()
    step = 1
    while step < min(limit, len(observed)):  # each pass doubles the number of rows that were searched
        before[step:] = before[step:].minimum(before[:-step] + step)
        after[:-step] = after[:-step].minimum(after[step:] + step)
        step *= 2
    return before, after
