from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, find_files
from skeletonmae.sequences import SkeletonSequence

MEDIAPIPE = FORMATS["mediapipe"]
# Numbers of landmarks in MediaPipe's document.
NOSE, LEFT_HIP, RIGHT_HIP, LEFT_HEEL, LEFT_FOOT_INDEX = 0, 23, 24, 29, 31
BODY = np.random.default_rng(0).random((33, 3)).round(4) * 0.5 + 0.2


def landmarks(xyz: np.ndarray = BODY, **more: Any) -> list[dict[str, Any]]:
    return [{**dict(zip("xyz", map(float, one), strict=True)), **more} for one in xyz]


def read(path: Path, content: object) -> SkeletonSequence:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    assert [name for name, entry in FORMATS.items() if entry.matches(path)] == ["mediapipe"]
    (recording,) = MEDIAPIPE.read(path)
    return recording


FRAMES = [landmarks(visibility=0.9), None, landmarks(BODY + 0.01, visibility=0.9)]
WRAPPED = {
    "bare": FRAMES,
    "null is empty": [FRAMES[0], [], FRAMES[2]],
    "frames": {"fps": 25, "frames": FRAMES},
    "landmarks": {"landmarks": FRAMES},
    "camel case": [{"poseLandmarks": frame} for frame in FRAMES],
    "tasks": [{"timestamp_ms": 4, "landmarks": [frame] if frame else []} for frame in FRAMES],
    "message": [{"pose_landmarks": {"landmark": frame} if frame else None} for frame in FRAMES],
    "numbered": [{"frame": 8, "landmarks": FRAMES[0]}, {"frame": 10, "landmarks": FRAMES[2]}],
    "lists": [[[*point, 0.9] for point in BODY.tolist()], None, (BODY + 0.01).tolist()],
    "lines": "\n".join(json.dumps({"pose_landmarks": frame}) for frame in FRAMES) + "\n",
}


@pytest.mark.parametrize("form", WRAPPED)
def test_the_ways_to_save_landmarks_of_the_image(form: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.json"
    content = WRAPPED[form]
    if form == "lists":  # nothing in it says what it is, so it must be named
        path.write_text(json.dumps(content))
        (recording,) = MEDIAPIPE.read(path)
    else:
        recording = read(path, content)
    assert (recording.name, recording.unit, recording.skeleton.name) == ("clip", "image", "mediapipe33")
    assert recording.fps == (25.0 if form == "frames" else None)
    assert recording.observed.all(-1).tolist() == [[True, False, True]]
    np.testing.assert_allclose(recording.positions[0, [0, 2]], [BODY[:, :2], BODY[:, :2] + 0.01], rtol=1e-6)


def standing() -> np.ndarray:
    """World landmarks of somebody who faces the camera: x right, y down, z away; left is on the right."""
    body = np.random.default_rng(0).normal(0, 0.1, (33, 3))
    body[[NOSE, LEFT_HIP, RIGHT_HIP]] = [0, -0.6, -0.1], [0.12, 0, 0], [-0.12, 0, 0]
    body[[LEFT_HEEL, LEFT_FOOT_INDEX]] = [0.1, 0.8, 0.05], [0.1, 0.82, -0.15]
    return body


@pytest.mark.parametrize(
    "wrap",
    [
        lambda frame: [frame],
        lambda frame: [{"pose_world_landmarks": frame, "pose_landmarks": landmarks()}],
        lambda frame: [{"poseLandmarks": [landmarks()], "poseWorldLandmarks": [frame]}],
        lambda frame: {"world_landmarks": [frame]},
    ],
)
def test_world_landmarks_are_turned_so_that_left_stays_left(wrap: Any, tmp_path: Path) -> None:
    recording = read(tmp_path / "clip.json", wrap(landmarks(standing(), visibility=0.9)))
    assert (recording.unit, recording.positions.shape) == ("m", (1, 1, 33, 3))
    at = dict(zip(recording.skeleton.joints, recording.positions[0, 0], strict=True))
    np.testing.assert_allclose(at["nose"], [0, 0.6, -0.1], atol=1e-6)
    up, right = at["nose"], at["right_hip"] - at["left_hip"]
    assert np.dot(np.cross(up, right), at["left_toe"] - at["left_heel"]) > 0  # right-handed, as the Kinect's


HAND = np.random.default_rng(1).random((21, 3)).round(4) * 0.1
# As the tasks for the web and for Python write a hand: its visibility and presence are 0 throughout.
WEB = {"landmarks": [landmarks(HAND + 0.4, visibility=0)], "handednesses": [[{"categoryName": "Left"}]]}
PYTHON = {
    "handedness": [[{"category_name": "Left"}]],
    "hand_landmarks": [landmarks(HAND + 0.4, visibility=0.0, presence=0.0)],
}
SOLUTION = {
    "multi_hand_landmarks": [{"landmark": landmarks(HAND + 0.4)}],
    "multi_handedness": [{"classification": [{"label": "Left"}]}],
}


@pytest.mark.parametrize("frame", [WEB, PYTHON, SOLUTION, {"landmarks": landmarks(HAND + 0.4)}])
def test_hands(frame: dict[str, Any], tmp_path: Path) -> None:
    for content in ({"fps": 30, "frames": [frame, frame]}, [frame, {"landmarks": []}]):
        recording = read(tmp_path / "hand.json", content)
        assert (recording.skeleton.name, recording.unit, recording.notes) == ("hand21", "image", ())
        assert recording.num_frames == 2
        assert recording.observed[0, 0].all()
        np.testing.assert_allclose(recording.positions[0, 0], HAND[:, :2] + 0.4, rtol=1e-6)


def test_one_result_of_a_task_is_one_frame_and_world_landmarks_are_read_first(tmp_path: Path) -> None:
    world = HAND - HAND.mean(0)
    right = {"landmarks": [landmarks(HAND + 0.4)] * 2, "worldLandmarks": [landmarks(world), landmarks(-world)]}
    right["handedness"] = [[{"categoryName": "Right"}], [{"categoryName": "Left"}]]
    recording = read(tmp_path / "hands.json", right)
    assert (recording.unit, recording.positions.shape) == ("m", (2, 1, 21, 3))
    np.testing.assert_allclose(recording.positions[1, 0], world * [-1, -1, 1], atol=1e-6)  # Left is the first
    numbered = [tmp_path / f"f/hands_{number}.json" for number in (3, 4, 6)]
    numbered[0].parent.mkdir()
    for path in numbered:
        path.write_text(json.dumps({"handedness": right["handedness"], **right}))
    (file,) = find_files(tmp_path / "f")
    (recording,) = MEDIAPIPE.read(file)
    assert (recording.name, recording.positions.shape) == ("hands", (2, 4, 21, 3))
    numbered[1].write_text(json.dumps({"handedness": [], "frames": [right, right]}))
    with pytest.raises(InputError, match=r"hands_4\.json: not a single frame"):
        list(MEDIAPIPE.read(file))


def test_world_landmarks_of_a_hand_without_a_key_are_known_by_their_center(tmp_path: Path) -> None:
    for scale, shift, unit in ((1, 0.0, "m"), (1, 0.4, "image"), (1, 300.0, "px"), (200, 0.0, "unknown")):
        frame = {"landmarks": landmarks(scale * (HAND - HAND.mean(0)) + shift)}
        assert read(tmp_path / "a.json", [frame]).unit == unit


def test_landmarks_keyed_by_index_or_name(tmp_path: Path) -> None:
    points = landmarks(visibility=0.9)
    names = ["nose", "LEFT_EYE_INNER", "left_eye"]
    keyed = [
        {str(index): point for index, point in enumerate(points)},
        {str(index): point for index, point in reversed(list(enumerate(points))) if index != 2},
        {"frame": 2, "pose_landmarks": {**dict(zip(names, points, strict=False)), **{
            f"{side}_{joint}": points[11 + 2 * place + (side == "RIGHT")]
            for side in ("LEFT", "RIGHT")
            for place, joint in enumerate(("SHOULDER", "ELBOW", "WRIST", "PINKY", "INDEX", "THUMB", "HIP", "KNEE"))
        }}},
    ]  # fmt: skip
    recording = read(tmp_path / "a.json", keyed)
    assert (recording.skeleton.name, recording.unit) == ("mediapipe33", "image")
    assert np.argwhere(~recording.observed[0, :2]).tolist() == [[1, 2]]
    assert np.flatnonzero(~recording.observed[0, 2]).tolist() == [*range(3, 11), *range(27, 33)]
    np.testing.assert_allclose(recording.positions[0, 2, 26], BODY[26, :2], rtol=1e-6)


def test_the_times_of_frames_give_the_frame_rate(tmp_path: Path) -> None:
    frames = [{"timestamp_ms": 40 * n, "landmarks": landmarks(visibility=1)} for n in (0, 1, 2, 4)]
    assert read(tmp_path / "a.json", frames).fps == 25
    assert read(tmp_path / "a.json", frames[::-1]).fps is None


def test_what_is_hardly_visible_or_hardly_there_is_unobserved(tmp_path: Path) -> None:
    frame = landmarks(visibility=0.5, presence=0.5)
    frame[3]["visibility"] = 0.49
    frame[4]["presence"] = 0.49
    frame[5] = {"x": 0.3, "y": 0.3, "z": 0.0, "visibility": None}
    frame[6] = {"x": None, "y": 0.3, "z": 0.0}
    recording = read(tmp_path / "clip.json", [frame])
    assert np.flatnonzero(~recording.observed[0, 0]).tolist() == [3, 4, 6]


def test_several_persons_are_linked(tmp_path: Path) -> None:
    left, right = BODY / 4, BODY / 4 + 0.5
    frames = [
        {"pose_landmarks": [landmarks(one), landmarks(other)]} for one, other in ((left, right), (right, left))
    ]
    recording = read(tmp_path / "clip.json", frames)
    np.testing.assert_allclose(recording.positions[:, 1], [left[:, :2], right[:, :2]], rtol=1e-5)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"landmarks": []}, "no frames"),
        ([{"frame": 0, "face_landmarks": [[1]]}], "no landmarks in its frames"),
        (
            [landmarks(BODY[:25], visibility=1)],
            "frame 0: wrong number of landmarks; expected .*33 .*or 21.*got 25",
        ),
        (
            [landmarks(visibility=1), [[1]]],
            "frame 1: wrong number of landmarks; expected 33, as in the first .* got 1",
        ),
        ([landmarks(visibility=1), [[*landmarks()[:3], "x"]]], "frame 1: not a landmark; .* got 'x'"),
        ([landmarks(visibility=1), 4], "frame 1: not a list; .* got 4"),
        ([landmarks(visibility=1), landmarks(visibility="much")], "frame 1: not a list of numbers"),
        ([{"frame": 1, "landmarks": None}] * 2, "frame 1 is duplicated"),
        ([{"frame": n, "landmarks": None} for n in (0, 10**15)], "not the frames of one recording"),
        ('[{"visibility": 1}', "truncated"),
        ('{"landmarks": null}\n{"landmarks"', "truncated"),
    ],
)
def test_an_invalid_frame_is_named(content: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"clip\.json.*{problem}"):
        read(tmp_path / "clip.json", content)
