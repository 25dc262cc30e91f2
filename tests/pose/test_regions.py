from __future__ import annotations

import numpy as np
import pytest
from stick_figures import figure

from skeletonmae.pose.cropping import Cropper
from skeletonmae.pose.regions import Region, region_of_joints
from skeletonmae.skeletons import COCO17, LAYOUTS


def test_upright_region_worked_out_by_hand() -> None:
    region = Region.from_points(np.array([100.0, 200.0]), np.array([100.0, 100.0]))
    assert region is not None
    assert region.side == pytest.approx(250)  # 1.25 of 100 to each side
    corners = region.to_image(np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_allclose(corners, [[-25, 75], [225, 325], [100, 200]], atol=1e-4)


def test_somebody_who_lies_is_turned_upright() -> None:
    region = Region.from_points(np.array([100.0, 200.0]), np.array([160.0, 200.0]))  # the head to the right
    assert region is not None
    top, left = region.to_image(np.array([[0.5, 0.0], [0.0, 0.5]]))
    np.testing.assert_allclose(top, [175, 200], atol=1e-4)
    np.testing.assert_allclose(left, [100, 125], atol=1e-4)


@pytest.mark.parametrize("rim", [(60.0, 40.0), (20.0, 90.0), (50.0, 20.0)])
def test_points_of_the_crop_return_to_their_place_in_the_image(rim: tuple[float, float]) -> None:
    region = Region.from_points(np.array([50.0, 60.0]), np.array(rim))
    assert region is not None
    image = np.zeros((120, 110, 3), dtype=np.uint8)
    image[50:52, 60:62] = 255
    cropper = Cropper()
    cropper.load(image)
    crop = region.crop(cropper, 256)[..., 0]
    row, column = np.array([(crop * index).sum() / crop.sum() for index in np.indices(crop.shape)])
    found = region.to_image(np.array([[column, row]]) / 256)
    np.testing.assert_allclose(found, [[60.5, 50.5]], atol=0.1)


def test_no_region_without_a_direction() -> None:
    assert Region.from_points(np.ones(2), np.ones(2)) is None
    assert Region.from_points(np.ones(2), np.array([np.nan, 1])) is None


def test_the_region_worked_out_by_hand() -> None:
    points = figure(100, 300, height=200)  # the eyes are 0.47 heights above the hips, the farthest joints
    region = region_of_joints(points.astype(np.float32), np.ones(17, np.float32), COCO17)
    assert region is not None
    np.testing.assert_allclose(region.center, [100, 300])
    np.testing.assert_allclose(region.up, [0, -1], atol=1e-6)
    farthest = 200 * np.hypot(0.02, 0.47)
    assert region.half_side == pytest.approx(1.25 * 1.1 * farthest, rel=1e-5)


def test_the_region_of_a_trunk_alone() -> None:
    seen = np.zeros(17, dtype=np.float32)
    for joint in ("left_shoulder", "right_hip"):
        seen[COCO17.index[joint]] = 1
    region = region_of_joints(figure(100, height=200).astype(np.float32), seen, COCO17)
    assert region is not None
    assert region.half_side == pytest.approx(1.25 * 1.5 * 0.3 * 200, rel=1e-5)


def without(*parts: str) -> np.ndarray:
    """Confidences of the joints if some are not seen."""
    return np.array([0.0 if joint.endswith(parts) else 1.0 for joint in COCO17.joints], np.float32)


def test_somebody_behind_a_desk_has_hips_below_nose_and_shoulders() -> None:
    points = np.zeros((17, 2), dtype=np.float32)
    points[COCO17.index["nose"]] = 200, 100
    points[COCO17.index["left_shoulder"]], points[COCO17.index["right_shoulder"]] = (250, 150), (150, 150)
    behind = np.array(
        [joint in ("nose", "left_shoulder", "right_shoulder") for joint in COCO17.joints], np.float32
    )
    region = region_of_joints(points, behind, COCO17)
    assert region is not None
    np.testing.assert_allclose(region.center, [200, 150 + 140])  # 1.4 of a width of 100; twice the neck is less
    np.testing.assert_allclose(region.up, [0, -1], atol=1e-6)
    points[COCO17.index["nose"]] = 200, 60
    region = region_of_joints(points, behind, COCO17)
    assert region is not None
    np.testing.assert_allclose(region.center, [200, 150 + 180])


@pytest.mark.parametrize("parts", [("shoulder",), ("hip", "nose"), ("hip", "left_shoulder")])
def test_no_region_where_too_little_is_seen(parts: tuple[str, ...]) -> None:
    assert region_of_joints(figure(100).astype(np.float32), without(*parts), COCO17) is None


def test_the_layout_says_which_joints_these_are() -> None:
    halpe = LAYOUTS["halpe26"]
    points, confidence = np.full((26, 2), 500.0, np.float32), np.zeros(26, np.float32)
    for joint, place in zip(COCO17.joints, figure(100), strict=True):
        points[halpe.index[joint]], confidence[halpe.index[joint]] = place, 1
    found, expected = (
        region_of_joints(points, confidence, halpe),
        region_of_joints(figure(100).astype(np.float32), np.ones(17, np.float32), COCO17),
    )
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found.center, expected.center)
    assert found.half_side == pytest.approx(expected.half_side)
