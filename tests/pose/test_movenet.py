from __future__ import annotations

import numpy as np
import pytest
from stick_figures import figure

from skeletonmae.pose.movenet import MoveNet, MoveNetEstimator, decode_persons


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


def test_colors_are_given_as_they_are() -> None:
    made = network(np.zeros((6, 56), dtype=np.float32))
    made.read(np.full((256, 256, 3), (200, 100, 50), dtype=np.uint8))
    assert made.session.image[0, 100, 100].tolist() == [200, 100, 50]


def test_whoever_is_followed_stays_when_somebody_else_is_a_little_larger() -> None:
    image, estimator = np.zeros((640, 640, 3), np.uint8), MoveNetEstimator(1)
    for frame, height in enumerate((150, 220)):
        persons = np.zeros((6, 56), dtype=np.float32)
        persons[:2] = row(figure(100), (640, 640), 0.5), row(figure(400, height=height), (640, 640), 0.4)
        estimator.network = network(persons)
        (pose,) = estimator.update(image, frame / 30)
        assert (pose.identity, pose.points[0, 0] < 200) == (0, True)
