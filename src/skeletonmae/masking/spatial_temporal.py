"""Mask entire time steps, and joints in the remaining time steps."""

from __future__ import annotations

from typing import Literal, Self

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor

from skeletonmae.batches import Patches, SampleRng
from skeletonmae.batches.constants import constant
from skeletonmae.config import Config
from skeletonmae.masking.mask import TokenMask, lowest_k


class SpatialTemporal(Config):
    """Hide a share of the time steps entirely, and a share of the joints in the others.

    Source: Wu et al., *SkeletonMAE: Spatial-Temporal Masked Autoencoders*, ICME Workshops 2023.
    """

    kind: Literal["spatial_temporal"] = "spatial_temporal"
    frame_ratio: float = Field(0.5, ge=0, lt=1)
    """Share of the time steps that are hidden entirely."""
    joint_ratio: float = Field(0.5, ge=0, lt=1)
    """Share of the joints (or of the body parts) that are hidden in the other time steps."""
    joint_mask: Literal["tube", "step"] = "tube"
    """`tube`: the joints are drawn once per clip. `step`: they are drawn again for each time step."""
    granularity: Literal["joint", "part"] = "joint"
    """Whether single joints or body parts are drawn. Parts differ in size, so tracks hide unequal shares."""

    @model_validator(mode="after")
    def _hides_something(self) -> Self:
        if not self.frame_ratio and not self.joint_ratio:
            raise ValueError("frame_ratio and joint_ratio are both 0, so nothing would be hidden")
        return self

    def __call__(self, patches: Patches, rng: SampleRng) -> TokenMask:
        """Draw a mask for every track."""
        available = patches.available
        _, time_steps, joints = available.shape
        hidden_steps = _lowest_share(rng.uniform(time_steps), self.frame_ratio)
        num_draws = 1 if self.joint_mask == "tube" else time_steps
        if self.granularity == "joint":
            hidden_joints = _lowest_share(rng.uniform(num_draws, joints), self.joint_ratio)
        else:
            part_index = constant(tuple(patches.skeleton.part_index.tolist()), torch.int64, available.device)
            noise = rng.uniform(num_draws, len(patches.skeleton.parts))
            hidden_joints = _lowest_share(noise, self.joint_ratio)[..., part_index]
        hidden = (hidden_steps[:, :, None] | hidden_joints).expand_as(available)
        return TokenMask.from_hidden(hidden, available)


def _lowest_share(noise: Float[Tensor, "*any item"], ratio: float) -> Bool[Tensor, "*any item"]:
    """Return the share `ratio` of the items with the lowest noise: rounded, but at least one if above 0."""
    return lowest_k(noise, max(1, round(noise.shape[-1] * ratio)) if ratio else 0)
