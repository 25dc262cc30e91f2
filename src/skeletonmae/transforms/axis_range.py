"""Every axis of a clip in the same range, as in CTR-GCN's input of NW-UCLA."""

from __future__ import annotations

from typing import Literal

import torch

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.transforms.depth import set_depth_to_zero_


class AxisRange(Config):
    """Map each axis to [-1, 1] by its minimum and maximum in the clip, which loses the proportions of the body.

    It belongs in `final_transforms`: a rotation after it would leave the range.
    """

    kind: Literal["axis_range"] = "axis_range"

    def __call__(self, batch: Batch) -> Batch:
        """Map the axes of every clip; an axis with a single value becomes -1."""
        tracks = batch.tracks
        is_missing = ~tracks.observed[..., None]
        # The largest values and the largest of the negated ones, which gives the smallest.
        largest = torch.cat(
            [
                values.masked_fill(is_missing, -torch.inf).flatten(1, 2).amax(1)
                for values in (tracks.positions, -tracks.positions)
            ],
            1,
        )
        high, low = tracks.max_over_persons(largest)[:, None, None].chunk(2, -1)
        scaled = (tracks.positions + low) / (high + low).clamp(min=1e-6) * 2.0 - 1.0
        return batch.with_tracks(set_depth_to_zero_(scaled, tracks.has_depth))
