"""Parts of an image, turned and scaled by bilinear interpolation in integer arithmetic."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, UInt8

MARGIN = 2
"""Black pixels on each side, so that neighbors outside the image need no special case."""
BLOCK = 64
"""Rows that are computed at once. Larger temporary arrays would be requested from the system each time."""
ONE = 1 << 16
"""A pixel in the fixed-point numbers of positions, of whose fraction the upper `FRACTION_BITS` are used."""
FRACTION_BITS = 4
HALF = ONE >> (FRACTION_BITS + 1)
"""Half a step of the fraction, so that positions are rounded and not cut off."""


class Cropper:
    """Crops parts of images as float arrays from 0 to 1, black outside the image.

    Each pixel is one number of 64 bits with 16 bits per channel, so that one multiplication weights all channels
    and the weights, which sum to 256, cannot overflow.
    """

    def __init__(self) -> None:
        self.pixels = np.zeros((0, 0, 4), dtype=np.uint16)
        self.size = (0, 0)

    def load(self, image: UInt8[np.ndarray, "height width 3"]) -> None:
        """Take another image to crop from."""
        height, width = image.shape[:2]
        if self.size != (height, width):
            self.pixels = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN, 4), dtype=np.uint16)
            self.size = height, width
        inner = self.pixels[MARGIN:-MARGIN, MARGIN:-MARGIN]
        for channel in range(3):
            inner[..., channel] = image[..., channel]

    def crop(
        self,
        origin: Float64[np.ndarray, " 2"],
        right: Float64[np.ndarray, " 2"],
        down: Float64[np.ndarray, " 2"],
        height: int,
        width: int,
    ) -> Float32[np.ndarray, "height width 3"]:
        """Return a crop of the image that was loaded last.

        Args:
            origin: x, y of the first pixel of the crop; the first pixel of the image is at (0, 0).
            right: Step in the image from one column of the crop to the next.
            down: Step in the image from one row of the crop to the next.
            height: Rows of the crop.
            width: Columns of the crop.
        """
        rows, columns = np.arange(height)[:, None], np.arange(width)
        starts = [_fixed(origin[axis] + rows * down[axis]) + HALF for axis in (0, 1)]
        steps = [_fixed(columns * right[axis]) for axis in (0, 1)]
        flat, stride = self.pixels.view(np.uint64).ravel(), self.pixels.shape[1]
        limits = self.size[1] * ONE, self.size[0] * ONE
        result = np.empty((height, width, 3), dtype=np.float32)
        scale = np.float32(1 / (255 << 2 * FRACTION_BITS))
        for first in range(0, height, BLOCK):
            part = slice(first, first + BLOCK)
            x, y = (
                np.clip(start[part] + step, -MARGIN * ONE, limit)
                for start, step, limit in zip(starts, steps, limits, strict=True)
            )
            sum_of_four = _interpolate(flat, stride, x, y)
            channels = sum_of_four.view(np.uint16).reshape(-1, width, 4)[..., :3]
            np.multiply(channels, scale, out=result[part])
        return result


def _fixed(values: np.ndarray) -> np.ndarray:
    fixed: np.ndarray = np.rint(np.clip(values, -(2.0**30), 2.0**30) * ONE).astype(np.int64)
    return fixed


def _interpolate(flat: np.ndarray, stride: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weighted sums of four neighbors, 256 times too large; `x` and `y` are overwritten."""
    shift, bits = 16 - FRACTION_BITS, np.uint64(FRACTION_BITS)
    mask = (1 << FRACTION_BITS) - 1
    along, below = ((x >> shift) & mask).view(np.uint64), ((y >> shift) & mask).view(np.uint64)
    x >>= 16
    y >>= 16
    y += MARGIN
    y *= stride
    y += x
    y += MARGIN
    index = y
    both = along * below
    along <<= bits
    below <<= bits
    total: np.ndarray = flat.take(index) * (np.uint64(1 << 2 * FRACTION_BITS) - along - below + both)
    along -= both
    below -= both
    for offset, weight in ((1, along), (stride, both), (-1, below)):
        index += offset
        neighbor = flat.take(index)
        neighbor *= weight
        total += neighbor
    return total
