"""What a sensor does to a recording: jitter and lost joints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skeletonmae.batches import Batch
from skeletonmae.config import Config


class Noise(Config):
    """Move every joint of every frame by Gaussian noise."""

    kind: Literal["noise"] = "noise"
    sigma: float = Field(0.01, ge=0)
    """Standard deviation, in the unit of the positions."""

    def __call__(self, batch: Batch) -> Batch:
        """Add noise to every clip."""
        noise = batch.random("noise").normal(*batch.positions.shape[1:])
        return batch.moved(batch.positions + self.sigma * noise)


class DropJoints(Config):
    """Make some joints unobserved for the whole clip, each person by its own draw."""

    kind: Literal["drop_joints"] = "drop_joints"
    probability: float = Field(0.05, ge=0, lt=1)
    """Of each joint of each person."""

    def __call__(self, batch: Batch) -> Batch:
        """Drop joints in every clip."""
        persons, _, joints = batch.observed.shape[1:]
        kept = batch.random("drop_joints").uniform(persons, 1, joints) >= self.probability
        return batch.moved(batch.positions, batch.observed & kept)
