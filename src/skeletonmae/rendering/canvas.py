"""Draw on an image with smooth edges: lines, discs, rectangles and masks. numpy alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

Color = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""
Image = UInt8[np.ndarray, "height width 3"]


def rgb(color: str) -> Color:
    """Return a color that is written as `#rrggbb`."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue


def blank(width: int, height: int, color: Color = (255, 255, 255)) -> Image:
    """Create an image of one color."""
    if len(set(color)) == 1:  # several times as fast
        return np.full((height, width, 3), color[0], np.uint8)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = color
    return image


def draw_line(
    image: Image,
    start: Float[np.ndarray, " xy"],
    end: Float[np.ndarray, " xy"],
    width: float,
    color: Color,
    opacity: float = 1.0,
) -> None:
    """Draw a line with round ends; a pixel is covered as far as the line reaches into it.

    Args:
        image: What to draw on.
        start: x and y in pixels; (0, 0) is the middle of the first pixel. May be outside.
        end: The other end; a disc is drawn if it is the same.
        width: In pixels.
        color: The color.
        opacity: From 0 to 1.
    """
    if not (np.isfinite(start).all() and np.isfinite(end).all()):
        return
    reach = width / 2 + 1
    low, high = np.minimum(start, end) - reach, np.maximum(start, end) + reach
    left, top = (max(0, int(np.floor(min(value, 1e6)))) for value in low)
    right = min(image.shape[1], int(np.ceil(max(min(high[0], 1e6), -1))) + 1)
    bottom = min(image.shape[0], int(np.ceil(max(min(high[1], 1e6), -1))) + 1)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32) - np.float32(start[0])
    y = (np.arange(top, bottom, dtype=np.float32) - np.float32(start[1]))[:, None]
    dx, dy = float(end[0] - start[0]), float(end[1] - start[1])
    length = dx * dx + dy * dy
    along = np.clip((x * dx + y * dy) / length, 0, 1) if length > 0 else np.float32(0)
    distance = np.hypot(x - along * dx, y - along * dy)
    coverage = np.clip(width / 2 + 0.5 - distance, 0, 1) * opacity
    blend(image[top:bottom, left:right], coverage.astype(np.float32), color)


def draw_disc(
    image: Image, center: Float[np.ndarray, " xy"], radius: float, color: Color, opacity: float = 1.0
) -> None:
    """Draw a disc; see `draw_line`."""
    draw_line(image, center, center, 2 * radius, color, opacity)


def fill_rectangle(
    image: Image, left: float, top: float, right: float, bottom: float, color: Color, opacity: float = 1.0
) -> None:
    """Fill a rectangle, with edges as exact as its corners; what is outside the image is left out."""
    x = _covered(left, right, image.shape[1])
    y = _covered(top, bottom, image.shape[0])
    columns, rows = np.flatnonzero(x), np.flatnonzero(y)
    if len(columns) and len(rows):
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        blend(image[part], opacity * y[part[0], None] * x[None, part[1]], color)


def draw_mask(
    image: Image, mask: UInt8[np.ndarray, "rows columns"], left: int, top: int, color: Color, opacity: float = 1.0
) -> None:
    """Draw a mask, such as that of a text, in one color; what is outside the image is left out."""
    height, width = image.shape[:2]
    part = mask[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
    if part.size:
        y, x = max(0, top), max(0, left)
        region = image[y : y + part.shape[0], x : x + part.shape[1]]
        blend(region, part.astype(np.float32) * np.float32(opacity / 255), color)


def blend(region: Image, coverage: Float[np.ndarray, "rows columns"], color: Color) -> None:
    """Mix a color into a part of an image, in place, by a coverage from 0 to 1."""
    mixed = region + (np.array(color, np.float32) - region) * coverage[..., None].astype(np.float32)
    region[:] = np.rint(mixed)


def _covered(low: float, high: float, size: int) -> Float[np.ndarray, " size"]:
    """Share of each pixel that lies between two edges, where pixel i reaches from i to i + 1."""
    edges = np.clip(np.arange(size + 1, dtype=np.float32), low, max(low, high))
    covered: np.ndarray = np.diff(edges)
    return covered
