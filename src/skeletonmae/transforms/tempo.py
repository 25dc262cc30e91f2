"""How fast a clip is, and whether that is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from skeletonmae.batches import Batch
from skeletonmae.config import Config


class Tempo(Config):
    """Play every clip faster or slower by a random factor, which changes its duration.

    The frames of a clip stay the same, because a clip has a fixed number of them. It matters to models that read
    the duration.
    """

    kind: Literal["tempo"] = "tempo"
    low: float = Field(0.8, gt=0)
    """Minimum speed, relative to the recording."""
    high: float = Field(1.25, gt=0)
    """Maximum speed. Twice as fast is as likely as half as fast."""
    unknown: float = Field(0.2, ge=0, le=1)
    """Probability that the duration becomes unknown, as in recordings without a frame rate."""

    @model_validator(mode="after")
    def _check_range(self) -> Tempo:
        if self.low > self.high:
            raise ValueError(f"low must not be above high; got low {self.low}, high {self.high}")
        return self

    def __call__(self, batch: Batch) -> Batch:
        """Change the duration of every clip."""
        tracks = batch.tracks
        draw = batch.rng("tempo").uniform(2)
        speed = self.low * (self.high / self.low) ** draw[:, 0]
        factor = (1.0 / speed).masked_fill(draw[:, 1] < self.unknown, math.nan)
        return batch.of_tracks(replace(tracks, duration=tracks.duration * factor[tracks.clip_index]))
