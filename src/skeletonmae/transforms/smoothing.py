"""Smoothing over time, against the jitter of a sensor."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from skeletonmae.batches import Batch
from skeletonmae.config import Config


class Smooth(Config):
    """Gaussian-weighted mean over neighboring frames. Unobserved frames have no weight and stay unobserved.

    Measured values are smoothed from measured neighbors only, since they can be targets and bridged values must
    not become part of a target. Bridged values are smoothed from all observed neighbors.
    """

    kind: Literal["smooth"] = "smooth"
    sigma: float = Field(1.0, gt=0)
    """Standard deviation of the Gaussian, in frames of the clip."""

    def __call__(self, batch: Batch) -> Batch:
        """Smooth every joint of every clip over time."""
        num_frames = batch.tracks.positions.shape[1]
        radius = math.ceil(min(3 * self.sigma, num_frames))  # no two frames are further apart
        offset = torch.arange(-radius, radius + 1, device=batch.tracks.positions.device)
        weight = torch.exp(-0.5 * (offset / self.sigma) ** 2)
        # Frame t of the result takes weight[s - t] of frame s: a band matrix, applied to all clips at once.
        frame = torch.arange(num_frames, device=offset.device)
        distance = frame[None] - frame[:, None]
        band_matrix = weight[(distance + radius).clamp(0, 2 * radius)] * (distance.abs() <= radius)
        tracks = batch.tracks
        smoothed = _weighted_mean(band_matrix, tracks.positions, tracks.observed & ~tracks.bridged)
        smoothed_bridged = _weighted_mean(band_matrix, tracks.positions, tracks.observed)
        return batch.with_tracks(torch.where(tracks.bridged[..., None], smoothed_bridged, smoothed))


def _weighted_mean(
    band_matrix: Float[Tensor, "frame frame"],
    positions: Float[Tensor, "track frame joint axis"],
    counts: Bool[Tensor, "track frame joint"],
) -> Float[Tensor, "track frame joint axis"]:
    """Weighted mean over the frames that count; 0 where none does."""
    weighted_sum = torch.einsum("ts,nsja->ntja", band_matrix, positions.masked_fill(~counts[..., None], 0.0))
    weight_sum = torch.einsum("ts,nsj->ntj", band_matrix, counts.to(band_matrix.dtype))
    return weighted_sum / weight_sum.clamp(min=1e-6)[..., None]
