"""Parts of an image, turned and scaled by bilinear interpolation in integer arithmetic."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, UInt8

MARGIN = 2
"""Black pixels on each side, so that neighbors outside the image need no special case."""
BLOCK_PIXELS = 8192
"""Pixels that are computed at once. The system would have to provide larger temporary arrays anew each time, which
takes as long as the computation."""
FRACTION_BITS = 4
"""Bits of the fraction of a position in the image."""
FIXED_BITS = 12
"""Bits of the fraction while positions are added up; they are rounded to `FRACTION_BITS` afterwards."""
MAX_POSITION = 2.0**17
"""Pixels beyond which a position is not told from others outside the image; two of them fit into 32 bits."""


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
        half = 1 << (FIXED_BITS - FRACTION_BITS - 1)
        start_x, start_y = (_fixed(origin[axis] + rows * down[axis]) + half for axis in (0, 1))
        step_x, step_y = (_fixed(columns * right[axis]) for axis in (0, 1))
        lowest, height_limit, width_limit = (size << FIXED_BITS for size in (-MARGIN, *self.size))
        flat, stride = self.pixels.view(np.uint64).ravel(), self.pixels.shape[1]
        result = np.empty((height, width, 3), dtype=np.float32)
        scale = np.float32(1 / (255 << 2 * FRACTION_BITS))
        num_rows = max(1, BLOCK_PIXELS // width)
        for first in range(0, height, num_rows):
            part = slice(first, first + num_rows)
            x, y = start_x[part] + step_x, start_y[part] + step_y
            np.clip(x, lowest, width_limit, out=x)
            np.clip(y, lowest, height_limit, out=y)
            channels = _interpolate(flat, stride, x, y).view(np.uint16).reshape(-1, width, 4)
            np.multiply(channels[..., :3], scale, out=result[part])
        return result


def _fixed(values: np.ndarray) -> np.ndarray:
    fixed: np.ndarray = np.rint(np.clip(values, -MAX_POSITION, MAX_POSITION) * (1 << FIXED_BITS)).astype(np.int32)
    return fixed


def _interpolate(flat: np.ndarray, stride: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weighted sums of four neighbors, 256 times too large; `x` and `y` are overwritten."""
    mask, bits = (1 << FRACTION_BITS) - 1, np.uint64(FRACTION_BITS)
    x >>= FIXED_BITS - FRACTION_BITS
    y >>= FIXED_BITS - FRACTION_BITS
    along, below = (x & mask).astype(np.uint64), (y & mask).astype(np.uint64)
    x >>= FRACTION_BITS
    y >>= FRACTION_BITS
    y *= stride
    y += x
    y += MARGIN * (stride + 1)
    index = y.astype(np.intp)
    both = along * below
    along <<= bits
    below <<= bits
    along -= both
    below -= both
    here = np.uint64(1 << 2 * FRACTION_BITS) - along
    here -= below
    here -= both
    total: np.ndarray = flat.take(index)
    total *= here
    for offset, weight in ((1, along), (stride, both), (-1, below)):
        index += offset
        neighbor = flat.take(index)
        neighbor *= weight
        total += neighbor
    return total
