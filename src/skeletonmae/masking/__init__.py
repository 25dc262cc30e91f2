"""Masking strategies: which tokens or joints are hidden.

To add a strategy for tokens, write a frozen `Config` with its own `kind` and a `__call__(patches, rng)` that
returns a `TokenMask` in a new file, and list it in `MASKINGS`. `JOINT_MASKINGS` lists the strategies for methods
without tokens.
"""

from typing import Protocol

from skeletonmae.batches import Patches, SampleRng
from skeletonmae.config import Config
from skeletonmae.masking.joints import JOINT_MASKINGS, FixedParts, JointMasking, RandomJoints, RandomParts
from skeletonmae.masking.mask import TokenIndex, TokenMask
from skeletonmae.masking.motion_aware import MotionAware
from skeletonmae.masking.part_tube import PartTubes
from skeletonmae.masking.random_tokens import RandomTokens
from skeletonmae.masking.spatial_temporal import SpatialTemporal
from skeletonmae.masking.tube import Tubes


class Masking(Protocol):
    """A masking strategy for tokens."""

    def __call__(self, patches: Patches, rng: SampleRng) -> TokenMask:
        """Draw a mask for every track.

        Args:
            patches: The tokens.
            rng: One random stream per track.
        """


MASKINGS: dict[str, type[Config]] = {
    "random": RandomTokens,
    "spatial_temporal": SpatialTemporal,
    "motion_aware": MotionAware,
    "tube": Tubes,
    "part_tube": PartTubes,
}
"""Kind -> masking strategy for tokens."""

__all__ = [
    "JOINT_MASKINGS",
    "MASKINGS",
    "FixedParts",
    "JointMasking",
    "Masking",
    "MotionAware",
    "PartTubes",
    "RandomJoints",
    "RandomParts",
    "RandomTokens",
    "SpatialTemporal",
    "TokenIndex",
    "TokenMask",
    "Tubes",
]
