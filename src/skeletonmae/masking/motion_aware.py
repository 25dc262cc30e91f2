"""Tokens that move are hidden more often."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skeletonmae.batches import Patches, SampleRandom
from skeletonmae.config import Config
from skeletonmae.masking.mask import TokenMask, hide_highest


class MotionAware(Config):
    """Hide tokens with probability softmax(motion / (largest motion of the clip x temperature)).

    Source: Mao et al., *Masked Motion Predictors are Strong 3D Action Representation Learners*, ICCV 2023,
    section 3.3; drawn by Gumbel top-k.
    """

    kind: Literal["motion_aware"] = "motion_aware"
    ratio: float = Field(0.9, gt=0, lt=1)
    """Share of the tokens that are hidden."""
    temperature: float = Field(0.8, gt=0)
    """The larger, the more even the draw."""

    def __call__(self, patches: Patches, random: SampleRandom) -> TokenMask:
        """Draw a mask for every track."""
        available, motion = patches.available, patches.motion
        largest = motion.flatten(1).amax(1).clamp(min=1e-8)[:, None, None] if len(motion) else 1.0
        logits = (motion / (largest * self.temperature)).flatten(1).log_softmax(1).view_as(motion)
        return hide_highest(logits + random.gumbel(*motion.shape[1:]), available, self.ratio)
