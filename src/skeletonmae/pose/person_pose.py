"""What a pose estimator says about one person in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float32, UInt8

from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class PersonPose:
    """One person in one frame.

    Args:
        identity: Number of the person, the same in all frames of a video.
        points: Joints in pixels of the image that was given, x to the right and y down; `(joint, 2)`.
        confidence: From 0 to 1; what the estimator says of each joint; `(joint,)`.
        world: Joints in meters from the center of the hips, in the axes of `SkeletonSequence`; `(joint, 3)`. None
            for an estimator without depth.
        score: From 0 to 1; what the estimator says of the person.
    """

    identity: int
    points: Float32[np.ndarray, "joint 2"]
    confidence: Float32[np.ndarray, " joint"]
    world: Float32[np.ndarray, "joint 3"] | None
    score: float


class PoseEstimator(Protocol):
    """Finds the persons of a video and follows them, one frame after the other."""

    @property
    def skeleton(self) -> Skeleton:
        """The joint layout of the poses."""

    @property
    def has_depth(self) -> bool:
        """Whether the poses have `world` coordinates."""

    def update(self, image: UInt8[np.ndarray, "height width 3"], time: float) -> list[PersonPose]:
        """Return the persons in the next frame.

        Args:
            image: RGB.
            time: Seconds since the start of the video; greater than that of the frame before.
        """

    def reset(self) -> None:
        """Forget all persons: the next frame starts another video."""
