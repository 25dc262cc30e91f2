from __future__ import annotations

import struct

import numpy as np

from skeletonmae.pose.display_orientation import Orientation


def test_every_orientation_is_the_one_that_its_matrix_says() -> None:
    """The matrix maps columns and rows, counted from the middle: x' = a x + c y, y' = b x + d y."""
    image = np.arange(6).reshape(2, 3, 1)
    middle = np.array([1.0, 0.5])
    for a, b, c, d in ((1, 0, 0, 1), (-1, 0, 0, -1), (0, 1, -1, 0), (0, -1, 1, 0), (0, 1, 1, 0), (-1, 0, 0, 1)):
        matrix = struct.pack("=9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
        turned = Orientation.of_matrix(matrix).apply(image)
        for y in range(2):
            for x in range(3):
                at = np.array([[a, c], [b, d]]) @ (np.array([x, y]) - middle)
                center = middle if a else middle[::-1]
                column, row = (at + center).astype(int)
                assert turned[row, column, 0] == image[y, x, 0]
    assert Orientation.of_matrix(b"") == Orientation()
