"""Mask tokens with more motion more often."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skeletonmae.batches import Patches, SampleRng
from skeletonmae.config import Config
from skeletonmae.masking.mask import TokenMask, mask_by_score


class MotionAware(Config):
    """Hide tokens with probability softmax(motion intensity / (largest of the clip x temperature)).

    Source: Mao et al., *Masked Motion Predictors are Strong 3D Action Representation Learners*, ICCV 2023,
    section 3.3; sampled with the Gumbel top-k trick.
    """

    kind: Literal["motion_aware"] = "motion_aware"
    ratio: float = Field(0.9, gt=0, lt=1)
    """Share of the tokens that are hidden."""
    temperature: float = Field(0.8, gt=0)
    """Softmax temperature: the higher, the more uniform the sampling."""

    def __call__(self, patches: Patches, rng: SampleRng) -> TokenMask:
        """Draw a mask for every track."""
        available, motion = patches.available, patches.motion_intensity
        largest = motion.flatten(1).amax(1).clamp(min=1e-8)[:, None, None] if len(motion) else 1.0
        logits = (motion / (largest * self.temperature)).flatten(1).log_softmax(1).view_as(motion)
        return mask_by_score(logits + rng.gumbel(*motion.shape[1:]), available, self.ratio)
