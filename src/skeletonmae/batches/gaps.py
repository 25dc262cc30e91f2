"""Short gaps of a joint, interpolated between the observed frames before and after."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64, Shaped, UInt8
from torch import Tensor


@dataclass(frozen=True, eq=False)
class GapBridge:
    """Interpolates missing joints of sampled frames; the work grows with the number of missing joints alone.

    Args:
        positions: The rows of a shard.
        observed_bits: One bit per joint, little-endian, as in a shard.
        first_row: First row of the track of each sampled frame.
        last_row: Last row of that track.
        max_gap: Largest number of missing rows that is bridged, for each sampled frame.
    """

    positions: Shaped[Tensor, "row joint axis"]
    observed_bits: UInt8[Tensor, "row byte"]
    first_row: Int64[Tensor, " frame"]
    last_row: Int64[Tensor, " frame"]
    max_gap: Int64[Tensor, " frame"]

    def __call__(
        self,
        positions: Float[Tensor, "frame joint axis"],
        observed: Bool[Tensor, "frame joint"],
        low: Int64[Tensor, " frame"],
        high: Int64[Tensor, " frame"],
        weight: Float[Tensor, " frame"],
        in_range: Bool[Tensor, " frame"],
    ) -> Bool[Tensor, "frame joint"] | None:
        """Fill in missing joints, in place, and return which were bridged; None if nothing was missing.

        Args:
            positions: Of the sampled frames.
            observed: Which of their joints are observed.
            low: Row at or before the time of each sampled frame.
            high: Row at or after it.
            weight: Of the second row.
            in_range: Whether the time lies within the track.
        """
        num_joints = observed.shape[1]
        missing = ~observed & (in_range & (self.max_gap > 0))[:, None]
        cell = missing.flatten().nonzero().squeeze(1)
        if not len(cell):
            return None
        frame = cell // num_joints
        joint = cell - frame * num_joints
        max_gap, first_row, last_row, low, high, weight = (
            values.index_select(0, frame)
            for values in (self.max_gap, self.first_row, self.last_row, low, high, weight)
        )
        before = self._distance_to_observed(low, joint, -1, torch.minimum(max_gap, low - first_row))
        # The rows between the two observed ones: before + after + (high - low) - 1.
        limit = torch.minimum(max_gap + 1 - before - (high - low), last_row - high).masked_fill(before < 0, -1)
        after = self._distance_to_observed(high, joint, 1, limit)
        kept = (after >= 0).nonzero().squeeze(1)
        cell, joint, low, high, weight, before, after = (
            values.index_select(0, kept) for values in (cell, joint, low, high, weight, before, after)
        )
        first, last = low - before, high + after
        recorded = self.positions.flatten(0, 1)
        start, end = (recorded.index_select(0, row * num_joints + joint).float() for row in (first, last))
        fraction = (before + weight) / (last - first)
        positions.view(-1, positions.shape[2]).index_copy_(0, cell, start.lerp_(end, fraction[:, None]))
        observed.view(-1).index_fill_(0, cell, True)
        bridged = torch.zeros_like(observed)
        bridged.view(-1).index_fill_(0, cell, True)
        return bridged

    def _distance_to_observed(
        self, row: Int64[Tensor, " cell"], joint: Int64[Tensor, " cell"], step: int, limit: Int64[Tensor, " cell"]
    ) -> Int64[Tensor, " cell"]:
        """Count the rows to the next one in which the joint was observed; -1 if there are more than `limit`."""
        flat, row_bytes = self.observed_bits.flatten(), self.observed_bits.shape[1]
        distance = torch.full_like(row, -1)
        cell = (limit >= 0).nonzero().squeeze(1)
        index = (row * row_bytes + joint // 8).index_select(0, cell)
        bit = torch.tensor([1 << position for position in range(8)], dtype=torch.uint8, device=row.device)
        bit, limit = bit.index_select(0, (joint % 8).index_select(0, cell)), limit.index_select(0, cell)
        num_steps = 0
        while len(cell):
            is_observed = (flat.index_select(0, index) & bit) != 0
            distance.index_fill_(0, cell.masked_select(is_observed), num_steps)
            remaining = (~is_observed & (limit > num_steps)).nonzero().squeeze(1)
            cell, index, bit, limit = (values.index_select(0, remaining) for values in (cell, index, bit, limit))
            index += step * row_bytes
            num_steps += 1
        return distance
