"""What a pose estimator says about one person in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from skeletonmae.errors import InputError
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

    @property
    def min_confidence(self) -> float:
        """Confidence from which on a joint counts as observed."""

    def update(self, image: UInt8[np.ndarray, "height width 3"], time: float) -> list[PersonPose]:
        """Return the persons in the next frame.

        Args:
            image: RGB.
            time: Seconds since the start of the video; greater than that of the frame before.
        """

    def reset(self) -> None:
        """Forget all persons: the next frame starts another video."""


def observed_joints(
    points: Float32[np.ndarray, "*pose joint 2"],
    confidence: Float32[np.ndarray, "*pose joint"],
    min_confidence: float,
    image_size: tuple[int, int],
) -> Bool[np.ndarray, "*pose joint"]:
    """Return which joints count as observed: those with enough confidence that are inside the image.

    Args:
        points: Joints in pixels of the image.
        confidence: What the estimator says of each joint.
        min_confidence: Confidence from which on a joint counts.
        image_size: Width and height of the image in pixels.
    """
    is_inside = (points >= 0).all(-1) & (points <= np.array(image_size)).all(-1)
    observed: np.ndarray = (confidence >= min_confidence) & is_inside
    return observed


def world_of(pose: PersonPose, has_depth: bool) -> Float32[np.ndarray, "joint 3"] | None:
    """Return the joints of a person in meters; None for an estimator without depth.

    Args:
        pose: The person.
        has_depth: What the estimator states.

    Raises:
        InputError: The estimator states depth and gives none.
    """
    if has_depth and pose.world is None:
        raise InputError("the pose estimator has depth, but gave a person without `world`", where="poses")
    return pose.world if has_depth else None
