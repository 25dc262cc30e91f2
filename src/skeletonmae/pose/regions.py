"""The turned square of an image in which a person is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from skeletonmae.pose.cropping import Cropper

MARGIN = 1.25
"""Half side of a region, in distances from the hips to the rim of the body (MediaPipe's
`pose_landmarks_detector_graph.cc`)."""


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
