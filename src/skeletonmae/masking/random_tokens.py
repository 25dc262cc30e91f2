"""Tokens drawn singly, whatever joint and time they belong to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skeletonmae.batches import Patches, SampleRandom
from skeletonmae.config import Config
from skeletonmae.masking.mask import TokenMask, hide_highest


class RandomTokens(Config):
    """Hide a share of the tokens, drawn evenly (He et al., *Masked Autoencoders*, CVPR 2022)."""

    kind: Literal["random"] = "random"
    ratio: float = Field(0.8, gt=0, lt=1)
    """Share of the tokens that are hidden."""

    def __call__(self, patches: Patches, random: SampleRandom) -> TokenMask:
        """Draw a mask for every track."""
        available = patches.available
        return hide_highest(random.uniform(*available.shape[1:]), available, self.ratio)
