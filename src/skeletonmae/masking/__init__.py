"""Which tokens to hide.

To add a strategy: a frozen `Config` with its own `kind` and `__call__(patches, random) -> TokenMask` in a file of
its own, listed in `MASKINGS`.
"""

from typing import Protocol

from skeletonmae.batches import Patches, SampleRandom
from skeletonmae.config import Config
from skeletonmae.masking.mask import Picks, TokenMask
from skeletonmae.masking.motion_aware import MotionAware
from skeletonmae.masking.random_tokens import RandomTokens
from skeletonmae.masking.spatial_temporal import SpatialTemporal


class Masking(Protocol):
    """A strategy of hiding tokens."""

    def __call__(self, patches: Patches, random: SampleRandom) -> TokenMask:
        """Draw a mask for every track; `random` has one stream a track."""


MASKINGS: dict[str, type[Config]] = {
    "random": RandomTokens,
    "spatial_temporal": SpatialTemporal,
    "motion_aware": MotionAware,
}
"""Kind -> strategy."""

__all__ = ["MASKINGS", "Masking", "MotionAware", "Picks", "RandomTokens", "SpatialTemporal", "TokenMask"]
