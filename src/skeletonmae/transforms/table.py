"""The transforms there are.

To add one: a frozen `Config` with its own `kind` and `__call__(batch) -> batch`, listed here. What is random in it
comes from `batch.random(purpose)`.
"""

from __future__ import annotations

from typing import Protocol

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.transforms.corruption import DropJoints, Noise
from skeletonmae.transforms.geometry import BodySize, Center, FaceForward, Mirror, Rotate, Scale
from skeletonmae.transforms.smoothing import Smooth


class Transform(Protocol):
    """A batch becomes another one."""

    kind: str

    def __call__(self, batch: Batch) -> Batch:
        """The changed batch; the given one stays as it is."""


TRANSFORMS: dict[str, type[Config]] = {
    "center": Center,
    "face_forward": FaceForward,
    "body_size": BodySize,
    "smooth": Smooth,
    "rotate": Rotate,
    "scale": Scale,
    "mirror": Mirror,
    "noise": Noise,
    "drop_joints": DropJoints,
}
"""Kind -> transform."""
