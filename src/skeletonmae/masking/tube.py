"""Mask all joints but a few, the same ones for several time steps."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from skeletonmae.batches import Patches, SampleRng
from skeletonmae.config import Config
from skeletonmae.masking.mask import TokenMask, lowest_k

MIN_LENGTH = 2
"""Number of time steps of a tube, at least, by default: a hidden joint of one step could be interpolated."""


class Tubes(Config):
    """Divide the clip into tubes of several time steps, and leave a few joints visible in each.

    The visible joints of a tube are those with the lowest u + `motion_weight` x m: u is random, from 0 to 1, and m
    is the joint's motion in the tube divided by that of the joint that moves most.

    Source: Xu et al., *Skeleton2vec*, 2024, arXiv 2401.00921, and its public code.
    """

    kind: Literal["tube"] = "tube"
    length: int | None = Field(None, ge=1)
    """Number of time steps of a tube; by default a sixth of the clip, rounded, as in the paper, and at least 2.
    The last tube of a clip has what is left."""
    visible_ratio: float = Field(0.1, gt=0, lt=1)
    """Share of the available joints of a tube that stay visible; rounded, and at least one."""
    motion_weight: float = Field(0.1, ge=0)
    """How much the joints that move most are preferred for hiding; 0 draws all alike."""

    def __call__(self, patches: Patches, rng: SampleRng) -> TokenMask:
        """Draw a mask for every track."""
        available = patches.available
        time_steps, joints = available.shape[1:]
        length = self.length or max(MIN_LENGTH, round(time_steps / 6))
        is_available = _by_tube(available, length).any(2)
        motion = _by_tube(patches.motion_intensity, length).sum(2)
        largest = motion.amax(2, keepdim=True).clamp(min=1e-8)
        score = rng.uniform(-(-time_steps // length), joints) + self.motion_weight * motion / largest
        num_visible = (is_available.sum(2, keepdim=True) * self.visible_ratio).round().clamp(min=1)
        is_visible = lowest_k(score.masked_fill(~is_available, torch.inf), num_visible)
        hidden = ~is_visible.repeat_interleave(length, dim=1)[:, :time_steps]
        return TokenMask.from_hidden(hidden, available)


def _by_tube(
    tokens: Float[Tensor, "track time_step joint"] | Bool[Tensor, "track time_step joint"], length: int
) -> Float[Tensor, "track tube step joint"] | Bool[Tensor, "track tube step joint"]:
    """Group time steps into tubes; the last one is filled up with 0."""
    filled: Tensor = torch.nn.functional.pad(tokens, (0, 0, 0, -tokens.shape[1] % length))
    return torch.unflatten(filled, 1, (-1, length))
