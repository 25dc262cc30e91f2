"""The turned square of an image in which a person is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from skeletonmae.pose.cropping import Cropper
from skeletonmae.skeletons import Skeleton

MARGIN = 1.25
"""Half side of a region, in distances from the hips to the rim of the body (MediaPipe's
`pose_landmarks_detector_graph.cc`)."""
MIN_CONFIDENCE = 0.2
"""Joints with less do not count where a person is looked for, nor where poses are compared."""
REACH = 1.1
"""Radius of a person around the hips, in distances to the farthest joint."""
MIN_TRUNKS = 1.5
"""Smallest radius, in distances from the hips to the shoulders."""
TRUNK_PER_WIDTH, TRUNK_PER_NECK = 1.4, 2.0
"""Distance from the shoulders to the hips where no hip is seen, by the width of the shoulders and by the distance
from the nose to their center; the larger one counts."""


@dataclass(frozen=True, eq=False)
class Region:
    """A square in the image, turned so that the person in it is upright.

    Args:
        center: x, y in pixels.
        half_side: Half the side in pixels.
        up: Unit vector in the image that is the direction from the hips to the head.
    """

    center: Float64[np.ndarray, " 2"]
    half_side: float
    up: Float64[np.ndarray, " 2"]

    @classmethod
    def from_points(cls, hips: Float[np.ndarray, " 2"], rim: Float[np.ndarray, " 2"]) -> Region | None:
        """Return the region of a person.

        Args:
            hips: Center of the hips.
            rim: The point above it on the circle around the body.

        Returns:
            None if the two are at the same place.
        """
        center = np.asarray(hips, dtype=np.float64)
        radius = np.asarray(rim, dtype=np.float64) - center
        length = float(np.hypot(*radius))
        if not (np.isfinite(center).all() and 1e-3 < length < np.inf):
            return None
        return cls(center, MARGIN * length, radius / length)

    @property
    def side(self) -> float:
        """The side in pixels."""
        return 2 * self.half_side

    @property
    def axes(self) -> Float64[np.ndarray, "2 2"]:
        """Unit vectors in the image to the right and downward in the region, one per row."""
        x, y = self.up
        return np.array([[-y, x], [-x, -y]])

    def crop(self, cropper: Cropper, size: int) -> Float32[np.ndarray, "size size 3"]:
        """Return the region of an image as a square of `size` pixels, with values from 0 to 1."""
        axes = self.axes
        right, down = axes * (self.side / size)
        return cropper.crop(self.center - self.half_side * axes.sum(0), right, down, size, size)

    def to_image(self, points: Float[np.ndarray, "point 2"]) -> Float32[np.ndarray, "point 2"]:
        """Return points of the region, from 0 to 1, in pixels of the image."""
        image: np.ndarray = self.center + (points - 0.5) @ self.axes * self.side
        return image.astype(np.float32)


def region_of_joints(
    points: Float32[np.ndarray, "joint 2"], confidence: Float32[np.ndarray, " joint"], skeleton: Skeleton
) -> Region | None:
    """Return the region around the joints of a person.

    Where no hip is seen, as of somebody behind a desk, the hips are taken to be below nose and shoulders.

    Args:
        points: Joints in pixels.
        confidence: What the network says of each joint.
        skeleton: Their layout, with a nose, shoulders and hips.

    Returns:
        None without a shoulder, and without a hip unless both shoulders and the nose are seen.
    """
    seen, index = confidence >= MIN_CONFIDENCE, skeleton.index
    pairs = ([index[f"{side}_{part}"] for side in ("left", "right")] for part in ("hip", "shoulder"))
    hips, shoulders = ([joint for joint in pair if seen[joint]] for pair in pairs)
    if not shoulders:
        return None
    if hips:
        center = points[hips].mean(0)
    elif len(shoulders) == 2 and seen[index["nose"]]:
        center = _assumed_hips(points[shoulders], points[index["nose"]])
    else:
        return None
    trunk = points[shoulders].mean(0) - center
    length = float(np.hypot(*trunk))
    if length == 0:
        return None
    farthest = float(np.hypot(*(points[seen] - center).T).max())
    radius = max(REACH * farthest, MIN_TRUNKS * length)
    return Region.from_points(center, center + trunk * (radius / length))


def _assumed_hips(shoulders: np.ndarray, nose: np.ndarray) -> np.ndarray:
    middle = shoulders.mean(0)
    neck = middle - nose
    length = max(float(np.hypot(*neck)), 1e-6)
    trunk = max(TRUNK_PER_WIDTH * float(np.hypot(*(shoulders[0] - shoulders[1]))), TRUNK_PER_NECK * length)
    hips: np.ndarray = middle + neck * (trunk / length)
    return hips
