"""The table of all transforms.

To add one, write a frozen `Config` with its own `kind` and `__call__(batch) -> batch`, and list it here. Random
numbers come from `batch.rng(purpose)` or `batch.track_rng(purpose)`.
"""

from __future__ import annotations

from typing import Protocol

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.transforms.axis_range import AxisRange
from skeletonmae.transforms.camera import VirtualCamera
from skeletonmae.transforms.corruption import DropJoints, Noise
from skeletonmae.transforms.geometry import BodySize, Center, FaceForward, Mirror, Rotate, Scale, Shear
from skeletonmae.transforms.limbs import ScaleLimbs
from skeletonmae.transforms.lower_rate import LowerRate
from skeletonmae.transforms.root_motion import RootMotion
from skeletonmae.transforms.sensor import LoseFrames, LoseParts, LosePerson, SensorNoise, SwapSides
from skeletonmae.transforms.size import NormalizeSize
from skeletonmae.transforms.smoothing import Smooth
from skeletonmae.transforms.sub_layout import SubLayout
from skeletonmae.transforms.tempo import Tempo


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
    "virtual_camera": VirtualCamera,
    "sub_layout": SubLayout,
    "tempo": Tempo,
    "sensor_noise": SensorNoise,
    "lower_rate": LowerRate,
    "lose_frames": LoseFrames,
    "lose_parts": LoseParts,
    "swap_sides": SwapSides,
    "lose_person": LosePerson,
}
"""Maps each `kind` to its transform."""
