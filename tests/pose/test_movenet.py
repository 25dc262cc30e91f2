from __future__ import annotations

import numpy as np
import pytest
from stick_figures import figure

from skeletonmae.pose.movenet import MoveNet, MoveNetEstimator, decode_persons, region_of_joints
from skeletonmae.skeletons import COCO17


def row(points: np.ndarray, size: tuple[int, int], score: float, confidence: float = 0.8) -> np.ndarray:
    """One person as the network writes it."""
    person = np.zeros(56, dtype=np.float32)
    joints = np.concatenate([points[:, ::-1] / size[::-1], np.full((17, 1), confidence)], 1)
    person[:51], person[55] = joints.ravel(), score
    return person


def test_persons_come_in_pixels_and_by_score() -> None:
    size = (640, 480)
    persons = np.zeros((6, 56), dtype=np.float32)
    persons[0] = row(figure(100), size, 0.3)
    persons[1] = row(figure(400), size, 0.7)
    persons[2] = row(figure(500), size, 0.19)  # noise
    found = decode_persons(persons, np.array(size))
    assert [one.score for one in found] == pytest.approx([0.7, 0.3])
    np.testing.assert_allclose(found[0].points, figure(400), atol=1e-3)
    np.testing.assert_allclose(found[0].confidence, 0.8)


def test_the_region_worked_out_by_hand() -> None:
    points = figure(100, 300, height=200)  # the eyes are 0.47 heights above the hips, the farthest joints
    region = region_of_joints(points.astype(np.float32), np.ones(17, np.float32))
    assert region is not None
    np.testing.assert_allclose(region.center, [100, 300])
    np.testing.assert_allclose(region.up, [0, -1], atol=1e-6)
    farthest = 200 * np.hypot(0.02, 0.47)
    assert region.half_side == pytest.approx(1.25 * 1.1 * farthest, rel=1e-5)


def test_the_region_of_a_trunk_alone() -> None:
    seen = np.zeros(17, dtype=np.float32)
    for joint in ("left_shoulder", "right_hip"):
        seen[COCO17.index[joint]] = 1
    region = region_of_joints(figure(100, height=200).astype(np.float32), seen)
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
    region = region_of_joints(points, behind)
    assert region is not None
    np.testing.assert_allclose(region.center, [200, 150 + 140])  # 1.4 of a width of 100; twice the neck is less
    np.testing.assert_allclose(region.up, [0, -1], atol=1e-6)
    points[COCO17.index["nose"]] = 200, 60
    region = region_of_joints(points, behind)
    assert region is not None
    np.testing.assert_allclose(region.center, [200, 150 + 180])


@pytest.mark.parametrize("parts", [("shoulder",), ("hip", "nose"), ("hip", "left_shoulder")])
def test_no_region_where_too_little_is_seen(parts: tuple[str, ...]) -> None:
    assert region_of_joints(figure(100).astype(np.float32), without(*parts)) is None


class Given:
    """A session that returns given persons and keeps what it was given."""

    def __init__(self, persons: np.ndarray) -> None:
        self.persons = persons

    def run(self, _names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.image = inputs["input"]
        return [self.persons[None]]


def network(persons: np.ndarray) -> MoveNet:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("av")
    made = MoveNet()
    made.session = Given(persons)
    return made


def test_the_image_is_padded_and_points_are_those_of_the_image() -> None:
    persons = np.zeros((6, 56), dtype=np.float32)
    # 360 x 640 -> 144 x 256, padded to 160 x 256: 400 x 640 pixels of the image
    persons[0] = row(figure(200), (400, 640), 0.9)
    made = network(persons)
    (found,) = made.read(np.full((640, 360, 3), 200, dtype=np.uint8))
    np.testing.assert_allclose(found.points, figure(200), atol=1e-3)
    assert made.session.image.shape == (1, 256, 160, 3)
    assert made.session.image.dtype == np.int32
    assert (made.session.image[0, :, 144:] == 0).all()
    assert abs(made.session.image[0, :, :144] - 200).max() <= 1


def test_one_person_found_twice_is_one_region() -> None:
    persons = np.zeros((6, 56), dtype=np.float32)
    persons[:2] = row(figure(200), (400, 640), 0.9), row(figure(204), (400, 640), 0.8)
    assert len(network(persons).find(np.zeros((640, 360, 3), np.uint8))) == 1


def test_the_estimator_numbers_persons_and_keeps_so_many() -> None:
    persons = np.zeros((6, 56), dtype=np.float32)
    persons[:2] = row(figure(100), (640, 640), 0.5), row(figure(400, height=260), (640, 640), 0.4)
    image = np.zeros((640, 640, 3), np.uint8)
    for choice, identities in (("all", [0, 1]), (1, [1]), ("largest", [1])):
        estimator = MoveNetEstimator(choice)
        estimator.network = network(persons)
        for frame in range(3):
            assert [pose.identity for pose in estimator.update(image, frame / 30)] == identities
        estimator.reset()
        assert len(estimator.update(image, 0.0)) == len(identities)
