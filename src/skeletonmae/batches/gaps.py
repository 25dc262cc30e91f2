"""Short gaps of a joint, interpolated between the observed frames before and after."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor

from skeletonmae.batches.unobserved import true_index


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
    is_candidate = ~observed & (before + after <= longest + 1)
    points = positions.view(-1, positions.shape[2])
    cell = torch.arange(len(points), device=points.device) if dense else true_index(is_candidate)
    row = cell // num_joints
    before, after = (distance.flatten().index_select(0, cell).long() for distance in (before, after))
    longest_here, before_here, after_here = (
        limit.index_select(0, row) for limit in (max_gap, num_before, num_after)
    )
    is_bridged = (before + after <= longest_here + 1) & (before <= before_here) & (after <= after_here)
    if dense:
        is_bridged &= is_candidate.flatten()
    else:
        kept = true_index(is_bridged)
        cell, before, after = (values.index_select(0, kept) for values in (cell, before, after))
    start, end = (
        points.index_select(0, source.clamp(0, max(0, len(points) - 1)))
        for source in (cell - before * num_joints, cell + after * num_joints)
    )
    fraction = before / (before + after).clamp(min=1)
    bridge = start.lerp_(end, fraction[:, None])
    if dense:
        bridged = is_bridged.view_as(observed)
        bridge = bridge.where(is_bridged[:, None], points)
    else:
        bridged = torch.zeros_like(observed)
        bridged.view(-1).index_fill_(0, cell, True)
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
