from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.pose.cropping import Cropper


def loaded(image: np.ndarray) -> Cropper:
    cropper = Cropper()
    cropper.load(image)
    return cropper


def noise(height: int = 40, width: int = 30, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def exact(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear interpolation as the textbook has it, black outside."""
    total = np.zeros((*x.shape, 3))
    for dy in (0, 1):
        for dx in (0, 1):
            column, row = np.floor(x) + dx, np.floor(y) + dy
            weight = (1 - abs(x - column)) * (1 - abs(y - row))
            inside = (column >= 0) & (column < image.shape[1]) & (row >= 0) & (row < image.shape[0])
            at = row.clip(0, image.shape[0] - 1).astype(int), column.clip(0, image.shape[1] - 1).astype(int)
            total += np.where(inside, weight, 0)[..., None] * image[at]
    return total / 255


def test_a_crop_without_turn_or_scale_is_the_image() -> None:
    image = noise()
    crop = loaded(image).crop(np.array([3.0, 5.0]), np.array([1.0, 0.0]), np.array([0.0, 1.0]), 20, 10)
    np.testing.assert_allclose(crop, image[5:25, 3:13] / 255, atol=1e-6)


def test_between_two_pixels_is_their_mean() -> None:
    image = noise()
    crop = loaded(image).crop(np.array([3.5, 5.0]), np.array([1.0, 0.0]), np.array([0.0, 1.0]), 20, 10)
    mean = (image[5:25, 3:13].astype(float) + image[5:25, 4:14]) / 2 / 255
    np.testing.assert_allclose(crop, mean, atol=1e-6)


def test_a_quarter_turn() -> None:
    image = noise(20, 20)
    crop = loaded(image).crop(np.array([19.0, 0.0]), np.array([0.0, 1.0]), np.array([-1.0, 0.0]), 20, 20)
    np.testing.assert_allclose(crop, np.rot90(image) / 255, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.9])
def test_any_turn_and_scale_differ_little_from_exact_interpolation(angle: float) -> None:
    ramp = np.stack(np.meshgrid(np.arange(60) * 3, np.arange(80) * 2), -1)
    image = np.concatenate([ramp, ramp[..., :1]], -1).astype(np.uint8)
    right = 0.7 * np.array([np.cos(angle), np.sin(angle)])
    down = 0.7 * np.array([-np.sin(angle), np.cos(angle)])
    origin = np.array([30.0, 40.0]) - 50 * (right + down)
    rows, columns = np.mgrid[:100, :100]
    places = origin + rows[..., None] * down + columns[..., None] * right
    expected = exact(image, places[..., 0], places[..., 1])
    crop = loaded(image).crop(origin, right, down, 100, 100)
    inside = (places > 0).all(-1) & (places[..., 0] < 59) & (places[..., 1] < 79)
    assert inside.sum() > 2000
    # positions are rounded to 1/16 pixel: half of that, on slopes of 3 and 2 per pixel
    assert np.abs(crop - expected)[inside].max() <= (3 + 2) / 32 / 255 + 1e-6
    outside = (places < -1.1).any(-1) | (places[..., 0] > 60.1) | (places[..., 1] > 80.1)
    assert outside.any()
    assert (crop[outside] == 0).all()


def test_far_outside_is_black() -> None:
    crop = loaded(noise()).crop(np.array([1e12, -1e12]), np.array([1e9, 0.0]), np.array([0.0, 1e9]), 8, 8)
    assert (crop == 0).all()


def test_the_next_image_replaces_the_last_one() -> None:
    cropper = loaded(noise(seed=1))
    for image in (noise(seed=2), noise(50, 20, seed=3)):
        cropper.load(image)
        crop = cropper.crop(np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]), *image.shape[:2])
        np.testing.assert_allclose(crop, image / 255, atol=1e-6)


def test_channels_keep_their_order() -> None:
    cropper = Cropper()
    cropper.load(np.full((20, 30, 3), (255, 102, 51), np.uint8))
    crop = cropper.crop(np.array([5.0, 5.0]), np.array([0.5, 0.5]), np.array([-0.25, 0.5]), 8, 8)
    np.testing.assert_allclose(crop, np.broadcast_to([1.0, 0.4, 0.2], (8, 8, 3)), atol=1e-6)
