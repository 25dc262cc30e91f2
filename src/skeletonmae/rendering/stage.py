"""A white stage for recordings without a video: where each joint is in the picture, and the floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from skeletonmae.errors import InputError
from skeletonmae.plotting.skeletons import project
from skeletonmae.rendering.canvas import Image, blank, blend, fill_rectangle
from skeletonmae.rendering.colors import LINE
from skeletonmae.sequences import SkeletonSequence

AZIMUTH = 25.0
"""Degrees by which a body that faces forward is turned, so that depth shows."""
OUTLIERS = 0.005
"""Share of the joints at each edge that may lie outside the picture, such as wrong ones far away."""
RARE = 0.001
"""Share of the joints that may lie above the picture."""
MARGIN, ABOVE, BELOW = 0.06, 0.16, 0.07
"""Free space on the left and right, above and below, as shares of the picture; labels stand above."""
MIN_AGREEMENT = 0.3
"""Length of the mean direction that bodies face from which a recording is turned."""
SAME_PLACE, APART = 0.1, 0.75
"""Bodies whose centers are nearer than this share of their height are in one place, and are drawn so far apart."""
SHADOW_OPACITY = 0.10


@dataclass(frozen=True, eq=False)
class Stage:
    """A recording in the plane of a picture.

    Args:
        points: Joints in pixels, `(person, frame, joint, 2)`.
        width: Width of the picture in pixels.
        height: Height of the picture.
        floor: Height of the floor in pixels from the top; None for 2D recordings, whose floor is not known.
        notes: What was changed, in words.
    """

    points: Float32[np.ndarray, "person frame joint 2"]
    width: int
    height: int
    floor: float | None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, recording: SkeletonSequence, width: int, height: int) -> Stage:
        """Choose one view for all frames: everybody fits in, facing forward, as large as possible.

        Args:
            recording: The recording, 2D or 3D.
            width: Width of the picture in pixels.
            height: Height of the picture.

        Raises:
            InputError: Nothing was observed.
        """
        observed = recording.observed
        if not observed.any():
            raise InputError("no joint was observed", where=f"recording {recording.name!r}")
        is_3d = recording.positions.shape[-1] == 3
        flat = project(facing_forward(recording), AZIMUTH if is_3d else 0.0).astype(np.float64)
        notes: tuple[str, ...] = ()
        if is_3d and _are_in_one_place(flat, observed):
            distance = APART * _extent(flat[observed])[1]
            flat[..., 0] += (np.arange(len(flat)) * distance)[:, None, None]
            notes = ("persons are shown side by side: the recording does not say where they stand",)
        low, high = _bounds(flat, observed)
        if is_3d:
            # The feet stand on the floor, and a raised hand is in the picture, but no place is left for both a
            # jump and a raised hand if they do not come together.
            heights = flat[observed][:, 1]
            low[1], high[1] = np.quantile(heights, OUTLIERS), min(high[1], np.quantile(heights, 1 - RARE))
        size = np.maximum(high - low, 1e-6 * max(float(np.abs(high - low).max()), 1e-9))
        room = np.array([width * (1 - 2 * MARGIN), height * (1 - ABOVE - BELOW)])
        scale = float((room / size).min())
        middle = (low + high) / 2
        bottom = height * (1 - BELOW)
        x = width / 2 + scale * (flat[..., 0] - middle[0])
        if is_3d:
            y, floor = bottom - scale * (flat[..., 1] - low[1]), bottom
        else:
            y, floor = height * (1 + ABOVE - BELOW) / 2 - scale * (flat[..., 1] - middle[1]), None
        return cls(np.stack([x, y], -1).astype(np.float32), width, height, floor, notes)

    def background(self, frame: int, observed: np.ndarray) -> Image:
        """Return the empty stage, with the floor and the shadows of the bodies on it.

        Args:
            frame: The frame.
            observed: Flags of the recording, `(person, frame, joint)`.
        """
        image = blank(self.width, self.height)
        if self.floor is None:
            return image
        thickness = max(1.0, self.height / 360)
        fill_rectangle(image, 0, self.floor, self.width, self.floor + thickness, LINE)
        for points, seen in zip(self.points[:, frame], observed[:, frame], strict=True):
            if seen.any():
                left, right = np.quantile(points[seen, 0], (0.1, 0.9))
                radius = max(float(right - left) * 0.75, 0.04 * self.height)
                _draw_shadow(image, float(left + right) / 2, self.floor, radius)
        return image


def facing_forward(recording: SkeletonSequence) -> Float32[np.ndarray, "person frame joint axis"]:
    """Rotate a 3D recording about the vertical so that its persons face the viewer on average.

    2D recordings, and those whose persons face different ways, are not rotated.

    Args:
        recording: The recording.
    """
    positions = recording.positions
    pairs = recording.skeleton.left_right
    if positions.shape[-1] == 2 or not pairs:
        return positions
    left, right = (list(side) for side in zip(*pairs, strict=True))
    both = recording.observed[..., left] & recording.observed[..., right]
    axis = (positions[..., right, :] - positions[..., left, :])[both].astype(np.float64)[:, [0, 2]]
    length = np.linalg.norm(axis, axis=1).sum()
    mean = axis.sum(0)
    if not length or np.linalg.norm(mean) < MIN_AGREEMENT * length:
        return positions
    cos, sin = mean / np.linalg.norm(mean)
    rotation = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])  # of row vectors
    turned: np.ndarray = (positions @ rotation).astype(np.float32)
    return turned


def _are_in_one_place(points: np.ndarray, observed: np.ndarray) -> bool:
    """Whether several persons share one center, as if each were recorded around the middle of the hips."""
    counts = observed.sum(2)
    there = counts > 0
    if len(points) < 2 or (there.sum(0) < 2).all():
        return False
    center = (points * observed[..., None]).sum(2) / np.maximum(counts, 1)[..., None]
    together = there.sum(0) >= 2
    center, there = center[:, together], there[:, together]
    mean = (center * there[..., None]).sum(0) / there.sum(0)[:, None]
    distance = np.linalg.norm(center - mean, axis=-1)[there]
    return bool(np.median(distance) < SAME_PLACE * _extent(points[observed])[1])


def _bounds(points: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left and lower, right and upper edge of all bodies: of their middles, and how far joints are from these."""
    hidden = np.where(observed[..., None], points, np.nan)
    there = observed.any(2)
    middle = np.nanmedian(hidden[there], axis=1)
    reach = (hidden[there] - middle[:, None])[observed[there]]
    low, high = np.quantile(reach, (OUTLIERS, 1 - OUTLIERS), axis=0)
    return middle.min(0) + low, middle.max(0) + high


def _extent(points: np.ndarray) -> np.ndarray:
    low, high = np.quantile(points, (OUTLIERS, 1 - OUTLIERS), axis=0)
    extent: np.ndarray = high - low
    return extent


def _draw_shadow(image: Image, x: float, y: float, radius: float) -> None:
    """Darken an ellipse on the floor, softly."""
    height = radius * 0.16
    left, right = max(0, int(x - radius)), min(image.shape[1], int(x + radius) + 2)
    top, bottom = max(0, int(y - height)), min(image.shape[0], int(y + height) + 2)
    if left >= right or top >= bottom:
        return
    column = (np.arange(left, right) - x) / radius
    row = (np.arange(top, bottom) - y) / height
    distance = column[None] ** 2 + row[:, None] ** 2
    blend(image[top:bottom, left:right], SHADOW_OPACITY * np.clip(2 * (1 - distance), 0, 1), (0, 0, 0))
