from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from stick_figures import figure

from skeletonmae.errors import InputError
from skeletonmae.pose import recording_from_mediapipe, recording_from_rtmlib, recording_from_ultralytics
from skeletonmae.skeletons import LAYOUTS


def two(frame: int) -> np.ndarray:
    """Two persons who walk towards each other, `(2, 17, 2)`."""
    return np.stack([figure(100 + 5 * frame), figure(500 - 5 * frame, facing=-1)])


def test_rtmlib_with_persons_in_any_order() -> None:
    frames = []
    for frame in range(10):
        order = [0, 1] if frame % 2 else [1, 0]
        scores = np.full((2, 17), 0.8)
        scores[:, 0] = 0.1
        frames.append((two(frame)[order], scores))
    recording = recording_from_rtmlib(frames, fps=30, name="clip")
    assert (recording.skeleton.name, recording.unit, recording.fps, recording.name) == ("coco17", "px", 30, "clip")
    assert recording.positions.shape == (2, 10, 17, 2)
    assert not recording.observed[:, :, 0].any()
    assert recording.observed[:, :, 1:].all()
    steps = np.diff(recording.positions[:, :, 5, 0], axis=1)
    np.testing.assert_allclose(np.abs(steps), 5, atol=1e-4)  # nobody jumps


def test_rtmlib_with_identities_of_its_own() -> None:
    frames = [(two(frame), np.ones((2, 17)), [7, 3]) for frame in range(3)]
    recording = recording_from_rtmlib(frames)
    np.testing.assert_allclose(recording.positions[0, 0], two(0)[1], atol=1e-4)  # 3 comes before 7


def test_rtmlib_with_the_joints_of_a_whole_body_and_of_halpe() -> None:
    for joints, layout in ((133, "coco17"), (26, "halpe26")):
        points = np.random.default_rng(0).uniform(0, 100, (1, joints, 2))
        recording = recording_from_rtmlib([(points, np.ones((1, joints)))] * 2)
        assert recording.skeleton.name == layout
        np.testing.assert_allclose(
            recording.positions[0, 0], points[0, : recording.skeleton.num_joints], atol=1e-4
        )


def test_a_frame_without_persons() -> None:
    frames = [
        (two(0), np.ones((2, 17))),
        (np.zeros((0, 17, 2)), np.zeros((0, 17))),
        ([], []),
        (two(1), np.ones((2, 17))),
    ]
    recording = recording_from_rtmlib(frames)
    assert recording.observed.any((0, 2)).tolist() == [True, False, False, True]


def ultralytics(points: np.ndarray, identities: Any = None, confidence: float = 0.9) -> SimpleNamespace:
    data = np.concatenate([points, np.full((*points.shape[:2], 1), confidence)], 2)
    boxes = SimpleNamespace(id=None if identities is None else torch.tensor(identities))
    return SimpleNamespace(keypoints=SimpleNamespace(data=torch.tensor(data)), boxes=boxes)


def test_ultralytics_with_its_tracks() -> None:
    results = [ultralytics(two(0), [2.0, 1.0]), ultralytics(two(1)[::-1], [1.0, 2.0])]
    recording = recording_from_ultralytics(results, fps=25)
    np.testing.assert_allclose(recording.positions[1], [two(0)[0], two(1)[0]], atol=1e-4)
    assert recording.observed.all()


def test_ultralytics_without_tracks_or_persons() -> None:
    nobody = SimpleNamespace(keypoints=SimpleNamespace(data=torch.zeros(0, 17, 3)), boxes=SimpleNamespace(id=None))
    nothing = SimpleNamespace(keypoints=SimpleNamespace(data=torch.zeros(1, 0, 3)), boxes=None)
    recording = recording_from_ultralytics([ultralytics(two(0)), nobody, nothing, ultralytics(two(1))])
    assert recording.positions.shape[:2] == (2, 4)
    assert not recording.observed[:, 1:3].any()
    unsure = recording_from_ultralytics([ultralytics(two(0), confidence=0.4)])
    assert not unsure.observed.any()


def landmarks(offset: float, visibility: float | None = 0.9) -> list[SimpleNamespace]:
    points = np.linspace(0, 0.6, 33 * 3).reshape(33, 3) + offset
    return [SimpleNamespace(x=x, y=y, z=z, visibility=visibility, presence=0.8) for x, y, z in points]


def test_mediapipe_in_the_image() -> None:
    results = [SimpleNamespace(pose_landmarks=[landmarks(0.1)], pose_world_landmarks=[])] * 3
    recording = recording_from_mediapipe(results, image_size=(200, 100))
    assert (recording.unit, recording.skeleton.name) == ("px", "mediapipe33")
    np.testing.assert_allclose(recording.positions[0, 0, 0], [0.1 * 200, (0.1 + 0.6 / 98) * 100], rtol=1e-5)
    assert recording_from_mediapipe(results).unit == "image"


def test_mediapipe_in_meters_has_our_axes() -> None:
    result = SimpleNamespace(pose_world_landmarks=[landmarks(0.0)])
    recording = recording_from_mediapipe([result, result], axes=3, fps=30)
    assert recording.unit == "m"
    last = np.array([0.6 - 2 * 0.6 / 98, 0.6 - 0.6 / 98, 0.6])
    np.testing.assert_allclose(recording.positions[0, 0, 32], last * [-1, -1, 1], rtol=1e-5)


def test_mediapipe_persons_with_equal_world_poses_are_linked_by_their_places() -> None:
    results = []
    for frame in range(8):
        left, right = landmarks(0.0), landmarks(0.0)
        left[0].visibility = 0.1  # which tells who it is, but not where
        persons = [(left, landmarks(0.0)), (right, landmarks(2.0))]
        persons = persons if frame % 3 == 0 else persons[::-1]
        world, image = ([person[place] for person in persons] for place in (0, 1))
        results.append(SimpleNamespace(pose_world_landmarks=world, pose_landmarks=image))
    recording = recording_from_mediapipe(results, axes=3)
    assert recording.observed[:, :, 0].tolist() == [[False] * 8, [True] * 8]
    assert recording.observed[:, :, 1:].all()
    assert recording.notes == ()


def test_mediapipe_without_places_says_that_persons_were_linked_by_their_poses() -> None:
    result = SimpleNamespace(pose_world_landmarks=[landmarks(0.0), landmarks(2.0)])
    assert "no pose_landmarks" in recording_from_mediapipe([result], axes=3).notes[0]
    result.pose_landmarks = [landmarks(0.0)]
    with pytest.raises(InputError, match="expected 2 persons in pose_landmarks"):
        recording_from_mediapipe([result], axes=3)


def test_mediapipe_visibility_and_presence_count_if_there_are_any() -> None:
    for visibility, seen in ((0.3, False), (0.5, True), (None, True)):
        result = SimpleNamespace(pose_landmarks=[landmarks(0.0, visibility)])
        assert recording_from_mediapipe([result, result]).observed.all() == seen


def test_a_layout_of_the_users_own() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (1, 15, 2))
    recording = recording_from_rtmlib([(points, np.ones((1, 15)))] * 2, layout=LAYOUTS["sbu15"])
    assert recording.skeleton.name == "sbu15"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recording_from_rtmlib([]), "video: no frames"),
        (lambda: recording_from_rtmlib([(1, 2, 3, 4)]), "video, frame 0: not a result of rtmlib"),
        (lambda: recording_from_rtmlib([(two(0), np.ones((2, 16)))]), r"wrong shapes; .* got \(2, 17, 2\) and \(2, 16\)"),
        (lambda: recording_from_rtmlib([(two(0), np.ones((2, 17)), [1])]), "identities; expected 2; got 1"),
        (lambda: recording_from_rtmlib([(np.ones((1, 5, 2)), np.ones((1, 5)))]), "wrong number of joints"),
        (lambda: recording_from_ultralytics([SimpleNamespace(keypoints=None)]), "not a result of a pose model"),
        (lambda: recording_from_ultralytics([SimpleNamespace(keypoints=SimpleNamespace(data=np.ones((17, 3))))]), "wrong shape"),
        (lambda: recording_from_mediapipe([object()]), "expected an object with pose_landmarks"),
        (lambda: recording_from_mediapipe([SimpleNamespace(pose_landmarks=[[1, 2]])]), "expected 33; got 2"),
        (lambda: recording_from_mediapipe([]), "no frames"),
    ],
)  # fmt: skip
def test_wrong_results_have_a_message(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
