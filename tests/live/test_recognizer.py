"""Every person in front of a camera has an answer, in the coordinates that the classifier was fitted to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fake_poses import FakeEstimator, FlatEstimator

from skeletonmae.errors import InputError
from skeletonmae.inference.stream import MAX_PERSONS
from skeletonmae.live.recognizer import LiveRecognizer
from skeletonmae.live.smoothing import PoseFilter
from skeletonmae.pose.video_poses import PoseCollector
from skeletonmae.skeletons import COCO17

SCRIPT = ((0.0, "rest"), (1.5, "high"), (5.0, "rest"), (8.0, "low"))


@pytest.mark.parametrize("axes", [2, 3])
def test_actions_are_answered_while_they_happen(
    arm_classifier: Any, flat_arm_classifier: Any, make_frames: Any, axes: int
) -> None:
    classifier = arm_classifier if axes == 3 else flat_arm_classifier
    recognizer = LiveRecognizer(classifier, FakeEstimator(script=SCRIPT), unknown=False)
    assert recognizer.axes == axes
    results = [recognizer.update(frame) for frame in make_frames(12)]
    decisions = [one for result in results for one in result.decisions]
    assert [one.label for one in decisions] == ["high", "low"]
    assert 1.5 < decisions[0].time < 5.5
    assert 8.0 < decisions[1].time < 12
    shown = {result.frame.time: result.persons[0].answer for result in results}
    assert shown[0.0] is None
    assert shown[round((decisions[0].time + 0.2) * 20) / 20] is decisions[0]
    assert shown[8.0] is None  # the person rested
    ended = [one for result in results for one in result.ended]
    assert ended == decisions[:1]
    assert list(recognizer.finish()) == decisions[1:]


def test_two_persons_have_numbers_in_the_order_in_which_they_came(arm_classifier: Any, make_frames: Any) -> None:
    recognizer = LiveRecognizer(arm_classifier, FakeEstimator(2), unknown=False)
    results = [recognizer.update(frame) for frame in make_frames(4)]
    assert [person.number for person in results[-1].persons] == [0, 1]
    assert {one.person for result in results for one in result.decisions} == {0, 1}
    assert not results[0].persons[0].observed[26]  # confidence 0.1


def test_the_time_of_every_stage_is_known(arm_classifier: Any, make_frames: Any) -> None:
    recognizer = LiveRecognizer(arm_classifier, FakeEstimator(), unknown=False)
    for frame in make_frames(3):
        recognizer.update(frame)
    measured = recognizer.budget.milliseconds
    assert set(measured) == {"decode", "pose", "encoder", "answer", "delay"}
    assert measured["decode"] == pytest.approx(1.0)
    assert all(value > 0 for value in measured.values())
    line = recognizer.budget.describe(70, 10)
    assert line.startswith("decode 1, pose ")
    assert line.endswith("frames/s, 10 of 70 dropped")


def test_a_3d_classifier_needs_depth(arm_classifier: Any) -> None:
    with pytest.raises(InputError, match="the pose estimator has no depth; expected --estimator blazepose"):
        LiveRecognizer(arm_classifier, FakeEstimator(has_depth=False))


def test_what_is_observed_is_what_the_estimator_says(flat_arm_classifier: Any, make_frames: Any) -> None:
    (frame,) = make_frames(0.05)
    (person,) = LiveRecognizer(flat_arm_classifier, FlatEstimator()).update(frame).persons
    expected = [joint != "right_knee" for joint in COCO17.joints]  # all scores are below 0.5
    assert person.observed.tolist() == expected


def test_3d_poses_are_smoothed_and_pixels_are_not(arm_classifier: Any, make_frames: Any) -> None:
    class Trembling(FakeEstimator):
        def update(self, image: np.ndarray, time: float) -> Any:
            shift = np.float32(0.02 if round(time * 20) % 2 else -0.02)
            return [
                replace(pose, world=pose.world + shift, points=pose.points + shift)
                for pose in super().update(image, time)
            ]

    recognizer = LiveRecognizer(arm_classifier, Trembling(script=((0.0, "rest"),)))
    persons = [recognizer.update(frame).persons[0] for frame in make_frames(2)]
    steps = {
        name: np.abs(np.diff([getattr(person, name)[0, 0] for person in persons[10:]])).mean()
        for name in ("world", "points")
    }
    assert steps["points"] == pytest.approx(0.04, rel=0.01)
    assert 0 < steps["world"] < 0.03
    assert recognizer.axes == 3
    given = recognizer._coordinates(persons[-1])
    np.testing.assert_array_equal(given[0], persons[-1].world[0])


def test_depth_that_is_stated_and_not_given_is_an_error(arm_classifier: Any, make_frames: Any) -> None:
    class Flat(FakeEstimator):
        def update(self, image: np.ndarray, time: float) -> Any:
            return [replace(pose, world=None) for pose in super().update(image, time)]

    recognizer = LiveRecognizer(arm_classifier, Flat())
    with pytest.raises(InputError, match="has depth, but gave a person without `world`"):
        recognizer.update(next(make_frames(0.05)))
    with pytest.raises(InputError, match="has depth, but gave a person without `world`"):
        PoseCollector(Flat()).add(0.0, Flat().update(np.zeros((9, 9, 3)), 0.0), (1.0, 1.0))


def test_more_persons_than_a_stream_takes_do_not_end_it(arm_classifier: Any, make_frames: Any) -> None:
    class Changing(FakeEstimator):
        """Gives every person a new identity in every frame."""

        def update(self, image: np.ndarray, time: float) -> Any:
            found = super().update(image, time)
            return [replace(pose, identity=round(1000 * time) * 10 + row) for row, pose in enumerate(found)]

    recognizer = LiveRecognizer(arm_classifier, Changing(3), unknown=False)
    results = [recognizer.update(frame) for frame in make_frames(3)]
    assert len(results[-1].persons) == 3
    assert len(recognizer._filters) <= MAX_PERSONS + 3


def test_joints_below_a_wide_picture_are_outside(arm_classifier: Any, make_frames: Any) -> None:
    class Low(FakeEstimator):
        def update(self, image: np.ndarray, time: float) -> Any:
            return [
                replace(pose, points=pose.points + np.float32([0, 40])) for pose in super().update(image, time)
            ]

    (frame,) = make_frames(0.05)
    (person,) = LiveRecognizer(arm_classifier, Low()).update(frame).persons
    below = person.points[:, 1] > 128
    assert (person.points[below, 1] < 192).any()  # inside, if width were height
    assert not person.observed[below].any()
    assert person.observed[~below].all()


def test_nobody_and_joints_outside_the_picture(arm_classifier: Any, make_frames: Any) -> None:
    class Gone(FakeEstimator):
        def update(self, image: np.ndarray, time: float) -> Any:
            shift = np.float32(1000 if time >= 0.5 else 100)
            return [
                replace(pose, points=pose.points + np.float32([shift, 0])) for pose in super().update(image, time)
            ]

    recognizer = LiveRecognizer(arm_classifier, Gone(), unknown=False)
    results = [recognizer.update(frame) for frame in make_frames(1)]
    assert 0 < results[0].persons[0].observed.sum() < 32
    assert results[-1].persons == ()


def test_smoothing_follows_and_takes_jitter_away() -> None:
    dice, noise_before, noise_after = np.random.default_rng(0), [], []
    smooth, seen = PoseFilter(), np.array([True, True])
    last = None
    for number in range(300):
        truth = np.array([[0.0, 0, 0], [number / 30, 0, 0]], np.float32)
        noisy = (truth + dice.normal(scale=0.02, size=truth.shape)).astype(np.float32)
        last = smooth.update(noisy, seen, number / 30)
        noise_before.append(noisy[0])
        noise_after.append(last[0])
    assert np.std(noise_after) < 0.75 * np.std(noise_before)
    assert last is not None
    assert last[1, 0] == pytest.approx(299 / 30, abs=0.08)
    jump = np.array([[5.0, 0, 0], [5.0, 0, 0]], np.float32)
    again = smooth.update(jump, np.array([True, False]), 20.0)  # after a gap it starts anew
    np.testing.assert_allclose(again, jump)
