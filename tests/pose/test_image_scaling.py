from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.pose.image_scaling import fitted_size, limit_size, resize


def test_sizes_stay_in_proportion() -> None:
    assert fitted_size(1920, 1080, 640) == (640, 360)
    assert fitted_size(1080, 1920, 256) == (144, 256)
    assert fitted_size(3, 4000, 224) == (1, 224)


def test_pixels_are_averaged() -> None:
    pytest.importorskip("av")
    image = np.random.default_rng(0).integers(0, 256, (400, 600, 3)).astype(np.uint8)
    small = resize(image, 50, 75)
    assert small.shape == (50, 75, 3)
    means = image.reshape(50, 8, 75, 8, 3).mean((1, 3))
    assert np.abs(small - means).mean() < 3  # colors of single pixels may be averaged a little wider
    assert np.abs(small.mean((0, 1)) - means.mean((0, 1))).max() < 1


def test_odd_sizes_and_views_of_arrays() -> None:
    pytest.importorskip("av")
    image = np.full((101, 67, 3), 130, dtype=np.uint8)[::-1, ::-1]
    np.testing.assert_allclose(resize(image, 33, 21).astype(int), 130, atol=1)


def test_only_large_images_become_smaller() -> None:
    pytest.importorskip("av")
    small = np.zeros((640, 480, 3), np.uint8)
    assert limit_size(small)[0] is small
    reduced, factor = limit_size(np.zeros((1920, 1080, 3), np.uint8))
    assert (reduced.shape, factor) == ((640, 360, 3), 3.0)
