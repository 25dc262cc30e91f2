"""Every axis of a clip in the same range, as in CTR-GCN's input of NW-UCLA."""

from __future__ import annotations

from typing import Literal

from skeletonmae.batches import Batch
from skeletonmae.config import Config


class AxisRange(Config):
    """Map each axis to [-1, 1] by its minimum and maximum in the clip, which loses the proportions of the body.

    It belongs in `final_transforms`: a rotation after it would leave the range.
    """

    kind: Literal["axis_range"] = "axis_range"

    def __call__(self, batch: Batch) -> Batch:
        """Map the axes of every clip; an axis with a single value becomes -1."""
        is_observed = batch.observed[..., None]
        low = batch.positions.masked_fill(~is_observed, float("inf")).flatten(1, 3).amin(1)
        high = batch.positions.masked_fill(~is_observed, float("-inf")).flatten(1, 3).amax(1)
        # Without observed joints the bounds are infinite; all positions of such a clip stay 0.
        low, size = (bound[:, None, None, None] for bound in (low, (high - low).clamp(min=1e-6)))
        return batch.with_positions((batch.positions - low) / size * 2.0 - 1.0)
