"""Faults of a sensor: noise and missing joints."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field

from skeletonmae.batches import Batch
from skeletonmae.batches.constants import constant
from skeletonmae.config import Config
from skeletonmae.transforms.depth import set_depth_to_zero_


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
        noise = set_depth_to_zero_(self.sigma * rng.normal(*shape), tracks.has_depth)
        return batch.with_tracks(tracks.positions + noise)


class DropJoints(Config):
    """Mark random joints, or random body parts, of each person as unobserved, for the whole clip."""

    kind: Literal["drop_joints"] = "drop_joints"
    probability: float = Field(0.05, ge=0, lt=1)
    """Probability that a joint, or a part, of a person is dropped."""
    granularity: Literal["joint", "part"] = "joint"
    """Whether single joints or whole body parts, such as an arm, are dropped."""

    def __call__(self, batch: Batch) -> Batch:
        """Drop joints in every clip."""
        tracks = batch.tracks
        by_joint = self.granularity == "joint"
        num_groups = batch.skeleton.num_joints if by_joint else len(batch.skeleton.parts)
        rng = batch.rng("drop_joints").skip(tracks.clip_index, tracks.person_index * num_groups)
        is_kept = rng.uniform(1, num_groups) >= self.probability
        if not by_joint:
            part = constant(tuple(batch.skeleton.part_index.tolist()), torch.int64, is_kept.device)
            is_kept = is_kept.index_select(2, part)
        return batch.with_tracks(tracks.positions, tracks.observed & is_kept)
