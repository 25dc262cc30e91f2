"""Whole time steps are hidden, and joints in the time steps that are left."""

from __future__ import annotations

from typing import Literal, Self

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor

from skeletonmae.batches import Patches, SampleRandom
from skeletonmae.config import Config
from skeletonmae.masking.mask import TokenMask


class SpatialTemporal(Config):
    """Hide a share of the time steps whole, and a share of the joints in the others.

    Source: Wu et al., *SkeletonMAE: Spatial-Temporal Masked Autoencoders*, ICME Workshops 2023.
    """

    kind: Literal["spatial_temporal"] = "spatial_temporal"
    frame_ratio: float = Field(0.5, ge=0, lt=1)
    """Share of the time steps that are hidden whole."""
    joint_ratio: float = Field(0.5, ge=0, lt=1)
    """Share of the joints (or of the body parts) that are hidden in the other time steps."""
    joints: Literal["tube", "step"] = "tube"
    """Whether the joints are drawn once for the clip or for each time step."""
    by: Literal["joint", "part"] = "joint"
    """Whether joints are drawn singly or by body part. Parts differ in size, so their rows hide unequal shares."""

    @model_validator(mode="after")
    def _hides(self) -> Self:
        if not self.frame_ratio and not self.joint_ratio:
            raise ValueError("frame_ratio and joint_ratio are both 0, so nothing would be hidden")
        return self

    def __call__(self, patches: Patches, random: SampleRandom) -> TokenMask:
        """Draw a mask for every track."""
        available = patches.available
        _, steps, joints = available.shape
        whole = lowest(random.uniform(steps), self.frame_ratio)
        rows = 1 if self.joints == "tube" else steps
        if self.by == "joint":
            single = lowest(random.uniform(rows, joints), self.joint_ratio)
        else:
            part = torch.as_tensor(patches.skeleton.part_index, device=available.device)
            single = lowest(random.uniform(rows, len(patches.skeleton.parts)), self.joint_ratio)[..., part]
        return TokenMask.hiding((whole[:, :, None] | single).expand_as(available), available)


def lowest(noise: Float[Tensor, "*any item"], ratio: float) -> Bool[Tensor, "*any item"]:
    """Which items are among the share `ratio` (rounded, at least one if above 0) with the lowest noise."""
    count = max(1, round(noise.shape[-1] * ratio)) if ratio else 0
    return noise.argsort(-1).argsort(-1) < count
