"""Which tokens to hide.

To add a strategy: a frozen `Config` with its own `kind` and `__call__(patches, random) -> TokenMask` in a file of
its own, listed in `MASKINGS`. Strategies for methods without tokens are in `JOINT_MASKINGS`.
"""

from typing import Protocol

from skeletonmae.batches import Patches, SampleRandom
from skeletonmae.config import Config
from skeletonmae.masking.mask import Picks, TokenMask
from skeletonmae.masking.motion_aware import MotionAware
from skeletonmae.masking.random_tokens import RandomTokens
from skeletonmae.masking.spatial_temporal import SpatialTemporal
from skeletonmae.masking.whole_joints import JOINT_MASKINGS, JointMasking, Parts, RandomJoints, RandomParts


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

__all__ = [
    "JOINT_MASKINGS",
    "MASKINGS",
    "JointMasking",
    "Masking",
    "MotionAware",
    "Parts",
    "Picks",
    "RandomJoints",
    "RandomParts",
    "RandomTokens",
    "SpatialTemporal",
    "TokenMask",
]
