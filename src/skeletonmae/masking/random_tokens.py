"""Mask tokens independently of their joint and time step."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skeletonmae.batches import Patches, SampleRng
from skeletonmae.config import Config
from skeletonmae.masking.mask import TokenMask, mask_by_score


class RandomTokens(Config):
    """Hide a random share of the tokens (He et al., *Masked Autoencoders*, CVPR 2022)."""

    kind: Literal["random"] = "random"
    ratio: float = Field(0.8, gt=0, lt=1)
    """Share of the tokens that are hidden."""

    def __call__(self, patches: Patches, rng: SampleRng) -> TokenMask:
        """Draw a mask for every track."""
        available = patches.available
        return mask_by_score(rng.uniform(*available.shape[1:]), available, self.ratio)
