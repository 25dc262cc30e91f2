"""Less of the sensor's jitter."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field

from skeletonmae.batches import Batch
from skeletonmae.config import Config


class Smooth(Config):
    """Weighted mean over neighbouring frames, with Gaussian weights; frames not observed do not count."""

    kind: Literal["smooth"] = "smooth"
    sigma: float = Field(1.0, gt=0)
    """Standard deviation of the weights, in frames of the clip."""

    def __call__(self, batch: Batch) -> Batch:
        """Smooth every joint of every clip over time; what was not observed stays so."""
        reach = math.ceil(3 * self.sigma)
        offset = torch.arange(-reach, reach + 1, device=batch.positions.device)
        weight = torch.exp(-0.5 * (offset / self.sigma) ** 2)
        frames = batch.positions.shape[2]
        # Frame t of the result takes weight[s - t] of frame s: a banded matrix, applied to all clips at once.
        distance = torch.arange(frames, device=offset.device)
        distance = distance[None] - distance[:, None]
        band = weight[(distance + reach).clamp(0, 2 * reach)] * (distance.abs() <= reach)
        total = torch.einsum("ts,bpsja->bptja", band, batch.positions)
        count = torch.einsum("ts,bpsj->bptj", band, batch.observed.to(band.dtype))
        return batch.moved(total / count.clamp(min=1e-6)[..., None])
