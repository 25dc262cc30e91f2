"""Faults of a sensor: noise and missing joints."""

from __future__ import annotations

import math
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
        tracks = batch.tracks
        shape = tracks.positions.shape[1:]
        rng = batch.rng("noise").skip(tracks.clip_index, tracks.person_index * 2 * math.prod(shape))
        return batch.with_tracks(tracks.positions + self.sigma * rng.normal(*shape))


class DropJoints(Config):
    """Mark random joints of each person as unobserved, for the whole clip."""

    kind: Literal["drop_joints"] = "drop_joints"
    probability: float = Field(0.05, ge=0, lt=1)
    """Probability that a joint of a person is dropped."""

    def __call__(self, batch: Batch) -> Batch:
        """Drop joints in every clip."""
        tracks = batch.tracks
        num_joints = batch.skeleton.num_joints
        rng = batch.rng("drop_joints").skip(tracks.clip_index, tracks.person_index * num_joints)
        is_kept = rng.uniform(1, num_joints) >= self.probability
        return batch.with_tracks(tracks.positions, tracks.observed & is_kept)
