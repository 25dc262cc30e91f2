from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17

AZURE = FORMATS["azure_kinect"]
# Indices in the SDK's enumeration k4abt_joint_id_t.
PELVIS, SHOULDER_LEFT, SHOULDER_RIGHT, HIP_LEFT, FOOT_LEFT, ANKLE_LEFT, HEAD, NOSE = 0, 5, 12, 18, 21, 20, 26, 27


def standing() -> np.ndarray:
    """Somebody who faces the depth camera, in mm: x right, y down, z away; the left side is on the right."""
    body = np.random.default_rng(0).normal(0, 50, (32, 3)) + np.array([0, 0, 2500])
    body[PELVIS], body[HEAD], body[NOSE] = (0, 100, 2500), (0, -500, 2500), (0, -500, 2400)
    body[SHOULDER_LEFT], body[SHOULDER_RIGHT] = (180, -300, 2500), (-180, -300, 2500)
    body[ANKLE_LEFT], body[FOOT_LEFT] = (100, 900, 2500), (100, 950, 2350)
    return body


def body(positions: np.ndarray, body_id: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "body_id": body_id,
        "joint_orientations": [[1, 0, 0, 0]] * 32,
        "joint_positions": positions.tolist(),
        **more,
    }


def video(*bodies: list[Any], step: int = 33_333, numbers: Any = None) -> dict[str, Any]:
    frames = [
        {"bodies": some, "frame_id": number, "num_bodies": len(some), "timestamp_usec": 50_000 + step * number}
        for number, some in zip(numbers or range(len(bodies)), bodies, strict=True)
    ]
    return {
        "bone_list": [["SPINE_CHEST", "SPINE_NAVEL"]],
        "frames": frames,
        "joint_names": ["PELVIS", "SPINE_NAVEL"],
    }


def read(path: Path, content: object, **options: Any) -> SkeletonSequence:
    path.write_text(json.dumps(content))
    assert [name for name, entry in FORMATS.items() if entry.matches(path)] == ["azure_kinect"]
    (recording,) = AZURE.read(path, ReadOptions(**options))
    return recording


def test_bodies_in_meters_turned_so_that_left_stays_left(tmp_path: Path) -> None:
    here, there = standing(), standing() + np.array([900, 0, 0])
    recording = read(tmp_path / "walk.json", video([body(here, 7), body(there, 2)], [], [body(there, 2)]))
    assert (recording.name, recording.unit, recording.fps) == ("walk", "m", 30.0)
    assert recording.skeleton.name == "azure32"
    assert recording.observed.all(-1).tolist() == [[True, False, True], [True, False, False]]
    at = dict(zip(recording.skeleton.joints, recording.positions[1, 0], strict=True))
    np.testing.assert_allclose(at["head"], (0, 0.5, 2.5), atol=1e-6)
    np.testing.assert_allclose(at["left_shoulder"], (-0.18, 0.3, 2.5), atol=1e-6)  # at the camera's right: -x
    up, right = at["head"] - at["pelvis"], at["right_shoulder"] - at["left_shoulder"]
    assert np.dot(np.cross(up, right), at["left_foot"] - at["left_ankle"]) > 0  # right-handed, as the Kinect's


def test_the_unit_may_be_stated_otherwise(tmp_path: Path) -> None:
    for unit, scale in (("mm", 1.0), ("cm", 10.0), ("m", 1000.0)):
        recording = read(tmp_path / "a.json", video([body(standing())]), unit=unit)
        assert recording.unit == "m"
        assert recording.positions[0, 0, HEAD, 2] == pytest.approx(2.5 * scale)


def test_dropped_frames_leave_gaps_and_do_not_change_the_rate(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.json", video(*[[body(standing())]] * 4, step=66_666, numbers=[3, 4, 6, 7]))
    assert recording.fps == 15.0
    assert recording.observed.all((0, 2)).tolist() == [True, True, False, True, True]
    single = read(tmp_path / "a.json", video([body(standing())]))
    assert (single.fps, single.num_frames) == (None, 1)


def test_what_is_unobserved(tmp_path: Path) -> None:
    lost = standing()
    lost[3] = 0
    assert np.argwhere(~read(tmp_path / "a.json", video([body(lost)])).observed).tolist() == [[0, 0, 3]]
    levels = [2] * 32
    levels[9] = 0
    recording = read(tmp_path / "a.json", video([body(standing(), confidence_levels=levels)]))
    assert np.argwhere(~recording.observed).tolist() == [[0, 0, 9]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (video(), "no frames"),
        (video([body(standing())], [3]), "frames, record 1, body 0: not an object"),
        (video([body(standing()[:25])]), "body 0: wrong number of joints; expected 32; got 25"),
        (video([body(standing(), confidence_levels=[1])]), "body 0: wrong number of values"),
        (video([], [], numbers=[4, 4]), "frame 4 is duplicated"),
        (video([], numbers=[1.5]), "not a frame number"),
        (video([], [], numbers=[0, 10**12]), "not the frames of one recording"),
    ],
)
def test_what_is_wrong_names_the_record(content: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"a\.json.*{problem}"):
        read(tmp_path / "a.json", content)


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"a\.json: the layout is not that of Azure Kinect; expected azure32; got coco17"
    ):
        read(tmp_path / "a.json", video([body(standing())]), layout=COCO17)
