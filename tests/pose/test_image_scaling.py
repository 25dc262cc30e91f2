from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.pose.image_scaling import fitted_size, limit_size, resize, rgb_image


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


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv444p", "gray", "rgb24"])
def test_a_decoded_frame_becomes_rgb_of_another_size(pixels: str) -> None:
    av = pytest.importorskip("av")
    image = np.zeros((240, 322, 3), dtype=np.uint8)
    image[:, :160], image[:, 160:] = (200, 40, 90), (20, 160, 220)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
    for size in ((161, 120), (322, 240)):
        found = rgb_image(frame, *size).astype(int)
        assert found.shape == (size[1], size[0], 3)
        left, right = found[10:-10, 10 : size[0] // 2 - 10], found[10:-10, size[0] // 2 + 10 : -10]
        expected = image[0, [0, -1]].astype(int)
        if pixels == "gray":
            expected = np.repeat((expected @ [0.299, 0.587, 0.114])[:, None], 3, axis=1)
        np.testing.assert_allclose(left.mean((0, 1)), expected[0], atol=4)
        np.testing.assert_allclose(right.mean((0, 1)), expected[1], atol=4)
