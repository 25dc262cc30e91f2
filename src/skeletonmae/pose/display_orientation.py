"""How the stored frames of a video are turned to be displayed."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Orientation:
    """How stored frames are turned to be displayed: first transposed, then mirrored.

    Args:
        is_transposed: Whether rows become columns.
        flips_x: Whether left and right are exchanged then.
        flips_y: Whether top and bottom are exchanged then.
    """

    is_transposed: bool = False
    flips_x: bool = False
    flips_y: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes) -> Orientation:
        """Read a display matrix of FFmpeg: nine integers, of which the first and second column turn the image."""
        if len(matrix) < 36:
            return cls()
        a, b, _, c, d = struct.unpack("=5i", matrix[:20])
        if abs(b) > abs(a):  # x' = c y, y' = b x
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    @property
    def rotation(self) -> int:
        """Degrees clockwise; of mirrored frames, of what is mirrored then."""
        if self.is_transposed:
            return 90 if self.flips_x else 270
        return 180 if self.flips_y else 0

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Turn an image, `(row, column, channel)`."""
        if self == Orientation():
            return image
        turned = image.transpose(1, 0, 2) if self.is_transposed else image
        turned = turned[:: -1 if self.flips_y else 1, :: -1 if self.flips_x else 1]
        return np.ascontiguousarray(turned)
