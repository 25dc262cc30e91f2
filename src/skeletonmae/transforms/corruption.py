"""Faults of a sensor: noise and missing joints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skeletonmae.batches import Batch
from skeletonmae.config import Config


class Noise(Config):
    """Add Gaussian noise to every joint of every frame."""

    kind: Literal["noise"] = "noise"
    sigma: float = Field(0.01, ge=0)
    """Standard deviation, in the unit of the positions."""

    def __call__(self, batch: Batch) -> Batch:
        """Add noise to every clip."""
        noise = batch.rng("noise").normal(*batch.positions.shape[1:])
        return batch.with_positions(batch.positions + self.sigma * noise)


class DropJoints(Config):
    """Mark random joints of each person as unobserved, for the whole clip."""

    kind: Literal["drop_joints"] = "drop_joints"
    probability: float = Field(0.05, ge=0, lt=1)
    """Probability that a joint of a person is dropped."""

    def __call__(self, batch: Batch) -> Batch:
        """Drop joints in every clip."""
        num_persons, _, num_joints = batch.observed.shape[1:]
        is_kept = batch.rng("drop_joints").uniform(num_persons, 1, num_joints) >= self.probability
        return batch.with_positions(batch.positions, batch.observed & is_kept)
