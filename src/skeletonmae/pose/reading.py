"""What a network says about a person before the person has a number, and how two of these compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from skeletonmae.pose.regions import MIN_CONFIDENCE, Region
from skeletonmae.skeletons import Skeleton

BODY = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""The joints by which poses are compared: those that all layouts have."""
SAME_POSE = 0.12
"""Mean distance of the joints, in sides of the region, below which two poses are of the same person."""


@dataclass(frozen=True, eq=False)
class Reading:
    """One person in one frame, without a number.

    Args:
        points: Joints in pixels of the image.
        confidence: From 0 to 1.
        world: Joints in meters, in the axes of `SkeletonSequence`; None without depth.
        score: From 0 to 1, of the person.
        region: Where to look for the person in the next frame.
        body: Indices of the joints `BODY`.
    """

    points: Float32[np.ndarray, "joint 2"]
    confidence: Float32[np.ndarray, " joint"]
    world: Float32[np.ndarray, "joint 3"] | None
    score: float
    region: Region
    body: tuple[int, ...]

    @property
    def body_points(self) -> Float64[np.ndarray, "body 2"]:
        """The joints `BODY`."""
        return self.points[list(self.body)].astype(np.float64)

    @property
    def body_seen(self) -> np.ndarray:
        """Which of the joints `BODY` count."""
        seen: np.ndarray = self.confidence[list(self.body)] >= MIN_CONFIDENCE
        return seen


def body_indices(skeleton: Skeleton) -> tuple[int, ...]:
    """Return the indices of the joints `BODY` of a layout."""
    return tuple(skeleton.index[joint] for joint in BODY)


def remove_duplicates(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings without those that are the same person as one before them in the list."""
    kept: list[Reading] = []
    for reading in readings:
        if not any(_is_same(reading, other) for other in kept):
            kept.append(reading)
    return kept


def _is_same(one: Reading, other: Reading) -> bool:
    both = one.body_seen & other.body_seen
    if not both.any():
        return False
    distance = np.hypot(*(one.body_points[both] - other.body_points[both]).T).mean()
    return bool(distance < SAME_POSE * max(one.region.side, other.region.side))
