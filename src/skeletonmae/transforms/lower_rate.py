"""Clips as a slower sensor would record them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from skeletonmae.batches import Batch, Tracks
from skeletonmae.batches.unobserved import set_unobserved_to_zero_
from skeletonmae.config import Config
from skeletonmae.transforms.chosen import change_tracks


class LowerRate(Config):
    """Keep every second, third, ... frame of random clips, and interpolate linearly between them.

    A joint in a frame between two that are kept is observed if it was in both. After the last frame that is kept,
    the clip stands still.
    """

    kind: Literal["lower_rate"] = "lower_rate"
    probability: float = Field(0.2, ge=0, le=1)
    """Probability that a clip loses frames."""
    max_step: int = Field(6, ge=2)
    """Largest distance of two frames that are kept; each from 2 on is as likely."""

    def __call__(self, batch: Batch) -> Batch:
        """Resample some of the clips."""
        draw = batch.rng("lower_rate").uniform(2)
        step = 2 + (draw[:, 1] * (self.max_step - 1)).long()
        is_chosen = (draw[:, 0] < self.probability)[batch.tracks.clip_index]
        return change_tracks(batch, is_chosen, lambda chosen: _keep_every(chosen, step[chosen.clip_index]))


def _keep_every(tracks: Tracks, step: Int64[Tensor, " track"]) -> Tracks:
    """Interpolate between the frames 0, step, 2 step, ... of each track."""
    num_tracks, num_frames, num_joints = tracks.observed.shape
    frame = torch.arange(num_frames, device=step.device)
    last = (num_frames - 1) // step[:, None] * step[:, None]
    low = frame // step[:, None] * step[:, None]
    high = (low + step[:, None]).minimum(last)
    weight = ((frame - low) / step[:, None]).masked_fill(low == high, 0.0)
    high = torch.where(weight > 0, high, low)  # a frame that is kept needs no other
    start = torch.arange(num_tracks, device=step.device)[:, None] * num_frames
    low, high = (low + start).flatten(), (high + start).flatten()
    rows = tracks.positions.flatten(0, 1).flatten(1)
    positions = torch.lerp(rows.index_select(0, low), rows.index_select(0, high), weight.view(-1, 1))
    shape = (num_tracks, num_frames, num_joints)
    flags, bridged_flags = tracks.observed.flatten(0, 1), tracks.bridged.flatten(0, 1)
    observed = (flags.index_select(0, low) & flags.index_select(0, high)).view(shape)
    bridged = (bridged_flags.index_select(0, low) | bridged_flags.index_select(0, high)).view(shape) & observed
    positions = set_unobserved_to_zero_(positions.view_as(tracks.positions), observed)
    return replace(tracks, positions=positions, observed=observed, bridged=bridged)
