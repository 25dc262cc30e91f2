"""The table of all transforms.

To add one, write a frozen `Config` with its own `kind` and `__call__(batch) -> batch`, and list it here. Random
numbers come from `batch.rng(purpose)` or `batch.track_rng(purpose)`.
"""

from __future__ import annotations

from typing import Protocol

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.transforms.axis_range import AxisRange
from skeletonmae.transforms.corruption import DropJoints, Noise
from skeletonmae.transforms.geometry import BodySize, Center, FaceForward, Mirror, Rotate, Scale, Shear
from skeletonmae.transforms.limbs import ScaleLimbs
from skeletonmae.transforms.root_motion import RootMotion
from skeletonmae.transforms.size import NormalizeSize
from skeletonmae.transforms.smoothing import Smooth


class Transform(Protocol):
    """A function from batch to batch."""

    kind: str

    def __call__(self, batch: Batch) -> Batch:
        """Return the transformed batch; the given one is unchanged."""


TRANSFORMS: dict[str, type[Config]] = {
    "center": Center,
    "face_forward": FaceForward,
    "body_size": BodySize,
    "normalize_size": NormalizeSize,
    "root_motion": RootMotion,
    "axis_range": AxisRange,
    "smooth": Smooth,
    "rotate": Rotate,
    "shear": Shear,
    "scale": Scale,
    "scale_limbs": ScaleLimbs,
    "mirror": Mirror,
    "noise": Noise,
    "drop_joints": DropJoints,
}
"""Maps each `kind` to its transform."""
