from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.pose.blazepose import BlazePoseReader, decode_landmarks
from skeletonmae.pose.cropping import Cropper
from skeletonmae.pose.regions import Region
from skeletonmae.skeletons import MEDIAPIPE33

FLAT = np.full((64, 64, 39), -30, dtype=np.float32)  # a heat map that moves nothing


def outputs() -> tuple[np.ndarray, np.ndarray]:
    landmarks = np.zeros((39, 5), dtype=np.float32)
    landmarks[:, :2] = np.linspace(64, 192, 39)[:, None]
    landmarks[33, :2], landmarks[34, :2] = (128, 128), (128, 64)
    world = np.zeros((39, 3), dtype=np.float32)
    world[0] = [0.1, -0.6, 0.2]  # to the right, above, away
    return landmarks, world


def upright() -> Region:
    return Region(np.array([300.0, 200.0]), 128.0, np.array([0.0, -1.0]))


def test_an_upright_region_of_the_size_of_the_crop() -> None:
    landmarks, world = outputs()
    found = decode_landmarks(landmarks.ravel(), 0.9, FLAT, world.ravel(), upright())
    assert found is not None
    assert found.points.shape == (33, 2)
    np.testing.assert_allclose(found.points[0], [300 - 64, 200 - 64], atol=1e-3)
    assert found.world is not None
    np.testing.assert_allclose(found.world[0], [-0.1, 0.6, 0.2], atol=1e-6)  # x to the left, y up, z away
    np.testing.assert_allclose(found.region.center, [300, 200], atol=1e-3)
    assert found.region.side == pytest.approx(2 * 1.25 * 64, rel=1e-5)


def test_a_turned_region_turns_points_and_world() -> None:
    landmarks, world = outputs()
    lying = Region(np.array([300.0, 200.0]), 128.0, np.array([1.0, 0.0]))  # the head to the right
    found = decode_landmarks(landmarks.ravel(), 0.9, FLAT, world.ravel(), lying)
    assert found is not None
    assert found.world is not None
    np.testing.assert_allclose(found.region.up, [1, 0], atol=1e-6)
    np.testing.assert_allclose(found.points[0], [300 + 64, 200 - 64], atol=1e-3)
    np.testing.assert_allclose(found.world[0], [-0.6, -0.1, 0.2], atol=1e-6)


def test_confidence_is_the_smaller_one_of_visibility_and_presence() -> None:
    landmarks, world = outputs()
    landmarks[0, 3:], landmarks[1, 3:], landmarks[2, 3:] = (2, -1), (-1000, 5), (3, 4)
    found = decode_landmarks(landmarks.ravel(), 0.9, FLAT, world.ravel(), upright())
    assert found is not None
    np.testing.assert_allclose(found.confidence[:3], [1 / (1 + np.e), 0, 1 / (1 + np.exp(-3))], atol=1e-6)


def test_the_heat_map_moves_landmarks() -> None:
    landmarks, world = outputs()
    heatmap = FLAT.copy()
    heatmap[17, 18, 0] = 5
    found = decode_landmarks(landmarks.ravel(), 0.9, heatmap, world.ravel(), upright())
    assert found is not None
    np.testing.assert_allclose(found.points[0], [300 - 128 + 18 * 4, 200 - 128 + 17 * 4], atol=1e-2)


def test_nobody_where_the_landmarks_say_nothing_of_the_place() -> None:
    landmarks, world = outputs()
    landmarks[34] = landmarks[33]
    assert decode_landmarks(landmarks.ravel(), 0.9, FLAT, world.ravel(), upright()) is None


def test_the_network_sees_nobody_in_an_empty_image() -> None:
    pytest.importorskip("onnxruntime")
    cropper = Cropper()
    cropper.load(np.full((240, 320, 3), 90, dtype=np.uint8))
    reader = BlazePoseReader()
    assert reader.skeleton is MEDIAPIPE33
    assert reader.read(cropper, Region(np.array([160.0, 120.0]), 100.0, np.array([0.0, -1.0]))) is None
