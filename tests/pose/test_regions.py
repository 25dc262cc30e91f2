from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.pose.cropping import Cropper
from skeletonmae.pose.regions import Region


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
