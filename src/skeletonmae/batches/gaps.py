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
        positions: the rows of a shard.
        observed_bits: one bit per joint, little-endian, as in a shard.
        first_row: first row of the track of each sampled frame.
        last_row: last row of that track.
        max_gap: largest number of missing rows that is bridged, for each sampled frame.
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
            positions: of the sampled frames.
            observed: which of their joints are observed.
            low: row at or before the time of each sampled frame.
            high: row at or after it.
            weight: of the second row.
            in_range: whether the time lies within the track.
        """
        may_bridge = in_range & (self.max_gap > 0)
        frame, joint = (~observed & may_bridge[:, None]).nonzero(as_tuple=True)
        if not len(frame):
            return None
        low, high, max_gap = low[frame], high[frame], self.max_gap[frame]
        before = self._distance_to_observed(low, joint, -1, torch.minimum(max_gap, low - self.first_row[frame]))
        # The rows between the two observed ones: before + after + (high - low) - 1.
        allowed = max_gap + 1 - before - (high - low)
        limit = torch.minimum(allowed, self.last_row[frame] - high).masked_fill(before < 0, -1)
        after = self._distance_to_observed(high, joint, 1, limit)
        is_bridged = (before >= 0) & (after >= 0)
        frame, joint, low, high, before, after = (
            values[is_bridged] for values in (frame, joint, low, high, before, after)
        )
        first, last = low - before, high + after
        fraction = (before + weight[frame]) / (last - first)
        start, end = self.positions[first, joint].float(), self.positions[last, joint].float()
        positions[frame, joint] = torch.lerp(start, end, fraction[:, None])
        observed[frame, joint] = True
        bridged = torch.zeros_like(observed)
        bridged[frame, joint] = True
        return bridged

    def _distance_to_observed(
        self, row: Int64[Tensor, " cell"], joint: Int64[Tensor, " cell"], step: int, limit: Int64[Tensor, " cell"]
    ) -> Int64[Tensor, " cell"]:
        """Count the rows to the next one in which the joint was observed; -1 if there are more than `limit`."""
        flat, row_bytes = self.observed_bits.flatten(), self.observed_bits.shape[1]
        distance = torch.full_like(row, -1)
        cell = (limit >= 0).nonzero().squeeze(1)
        index = (row * row_bytes + joint // 8)[cell]
        bit, limit = (1 << joint % 8).to(torch.uint8)[cell], limit[cell]
        num_steps = 0
        while len(cell):
            is_observed = (flat[index] & bit) != 0
            distance[cell[is_observed]] = num_steps
            remaining = (~is_observed & (limit > num_steps)).nonzero().squeeze(1)
            cell, index, bit, limit = (values[remaining] for values in (cell, index, bit, limit))
            index = index + step * row_bytes
            num_steps += 1
        return distance
