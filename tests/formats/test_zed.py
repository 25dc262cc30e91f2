from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS

ZED = FORMATS["zed"]
START = 1_680_100_601_285
# Indices in the SDK's BODY_34_PARTS.
PELVIS, LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ANKLE, LEFT_FOOT, HEAD = 0, 5, 12, 20, 21, 26


def standing(joints: int = 34) -> np.ndarray:
    """Somebody who faces the camera, in meters: x right, y up, z towards the viewer; left is on the right."""
    body = np.random.default_rng(0).normal(0, 0.05, (joints, 3)) + np.array([0, 0, -2.5])
    body[PELVIS], body[RIGHT_SHOULDER] = (0, 0, -2.5), (-0.2, 0.5, -2.5)
    if joints == 34:
        body[HEAD], body[LEFT_SHOULDER] = (0, 0.7, -2.5), (0.2, 0.5, -2.5)
        body[LEFT_ANKLE], body[LEFT_FOOT] = (0.1, -0.8, -2.5), (0.1, -0.85, -2.35)
    return body


def body(positions: np.ndarray, number: int = 0, confidence: Any = 60.0) -> dict[str, Any]:
    points = [[None if np.isnan(value) else value for value in point] for point in positions.tolist()]
    return {
        "id": number,
        "keypoint": points,
        "keypoint_2d": [],
        "keypoint_confidence": [confidence] * len(positions),
    }


def video(*frames: list[Any] | None, step: int = 33) -> dict[str, Any]:
    return {
        str(START + step * i): {"is_new": True, "is_tracked": True, "timestamp": 0}
        | ({"body_list": frame} if frame is not None else {})
        for i, frame in enumerate(frames)
    }


def read(path: Path, content: object, **options: Any) -> SkeletonSequence:
    path.write_text(json.dumps(content))
    assert [name for name, entry in FORMATS.items() if entry.matches(path)] == ["zed"]
    (recording,) = ZED.read(path, ReadOptions(**options))
    return recording


def test_bodies_turned_so_that_left_stays_left(tmp_path: Path) -> None:
    here, there = standing(), standing() + np.array([1, 0, 0])
    content = {"0": {"is_new": False, "is_tracked": False, "timestamp": 0}}
    recording = read(
        tmp_path / "bodies.json", content | video([body(here, 4), body(there, 2)], None, [body(there, 2)])
    )
    assert (recording.name, recording.unit, recording.fps) == ("bodies", "m", 30.3)
    assert recording.skeleton.name == "zed34"
    assert recording.observed.all(-1).tolist() == [[True, False, True], [True, False, False]]
    at = dict(zip(recording.skeleton.joints, recording.positions[1, 0], strict=True))
    np.testing.assert_allclose(at["head"], (0, 0.7, 2.5), atol=1e-6)
    np.testing.assert_allclose(at["left_shoulder"], (-0.2, 0.5, 2.5), atol=1e-6)  # at the camera's right: -x
    up, right = at["head"] - at["pelvis"], at["right_shoulder"] - at["left_shoulder"]
    assert np.dot(np.cross(up, right), at["left_foot"] - at["left_ankle"]) > 0  # right-handed, as the Kinect's


def test_an_export_with_other_axes_and_units(tmp_path: Path) -> None:
    there = standing() * 1000
    there[:, [1, 2]] = there[:, [2, 1]] * [-1, 1]  # z up, y away
    recording = read(tmp_path / "a.json", video([body(there)]), unit="mm", up="z")
    at = dict(zip(recording.skeleton.joints, recording.positions[0, 0], strict=True))
    assert recording.unit == "m"
    assert at["head"][1] - at["pelvis"][1] == pytest.approx(0.7)


@pytest.mark.parametrize(("joints", "layout"), [(18, "openpose18"), (34, "zed34"), (38, "zed38")])
def test_the_number_of_joints_gives_the_body_format(joints: int, layout: str, tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", video([body(standing(joints))])).skeleton is LAYOUTS[layout]


def test_null_and_a_confidence_of_0_are_unobserved(tmp_path: Path) -> None:
    lost = standing()
    lost[3] = np.nan
    frame = body(lost)
    frame["keypoint_confidence"][5], frame["keypoint_confidence"][6] = 0.0, None
    frame["keypoint"][7] = None
    recording = read(tmp_path / "a.json", video([frame]))
    assert np.flatnonzero(~recording.observed[0, 0]).tolist() == [3, 5, 6, 7]
    assert recording.fps is None


def test_a_list_of_frames_has_its_times_in_them(tmp_path: Path) -> None:
    frames = [{"timestamp": 1_000_000 * (START + 20 * i), "body_list": [body(standing())]} for i in range(3)]
    recording = read(tmp_path / "a.json", frames)
    assert (recording.fps, recording.num_frames) == (50.0, 3)
    for wrong, problem in (({"timestamp": None}, "record 1: not a time; .* got null"), (frames[0], "duplicated")):
        with pytest.raises(InputError, match=problem):
            read(tmp_path / "a.json", [frames[0], wrong])


def test_a_frame_that_the_camera_dropped_leaves_a_gap(tmp_path: Path) -> None:
    frames = video(*[[body(standing())]] * 6, step=20)
    del frames[str(START + 60)]
    recording = read(tmp_path / "a.json", frames)
    assert (recording.fps, recording.num_frames) == (50.0, 6)
    assert recording.observed.all((0, 2)).tolist() == [True, True, True, False, True, True]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"0": {"is_tracked": False}}, "no frames"),
        (video([body(standing()), 3]), "601285, body 1: not an object"),
        (video([body(standing(20))]), r"wrong number of joints; expected one of \(18, 34, 38\); got 20"),
        (video([body(standing()), body(standing(38))]), "wrong number of joints; expected 34; got 34, 38"),
        (video([body(standing())]) | {"x": {}}, "x: not a time"),
        (video([body(standing()) | {"keypoint_confidence": [1]}]), "body 0: wrong number of values"),
        (video([body(standing()) | {"keypoint": [[1, 2]]}]), "body 0: wrong number of values"),
    ],
)
def test_what_is_wrong_names_the_frame(content: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"a\.json.*{problem}"):
        read(tmp_path / "a.json", content)


def test_frames_closer_than_the_usual_step_are_all_kept(tmp_path: Path) -> None:
    frame = {"is_new": True, "is_tracked": True, "body_list": [body(standing())]}
    recording = read(tmp_path / "a.json", {str(START + time): frame for time in (0, 33, 66, 67, 132)})
    assert recording.observed.all((0, 2)).tolist() == [True] * 5
