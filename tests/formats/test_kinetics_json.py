from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20, OPENPOSE18

KINETICS = FORMATS["kinetics_json"]
BODY = np.random.default_rng(0).random((18, 2)).round(3) * 0.2 + 0.3


def person(xy: np.ndarray = BODY, **more: Any) -> dict[str, Any]:
    return {"pose": xy.ravel().tolist(), "score": [0.5] * len(xy), **more}


def video(*frames: list[Any], first: int = 1, **more: Any) -> dict[str, Any]:
    return {"data": [{"frame_index": first + i, "skeleton": frame} for i, frame in enumerate(frames)], **more}


def read(path: Path, content: object, **options: Any) -> SkeletonSequence:
    path.write_text(json.dumps(content))
    assert [name for name, entry in FORMATS.items() if entry.matches(path)] == ["kinetics_json"]
    (recording,) = KINETICS.read(path, ReadOptions(**options))
    return recording


def test_a_video_with_its_action(tmp_path: Path) -> None:
    lost = person(BODY + 0.001)
    lost["score"][2] = 0.0
    content = video([person()], [], [lost, person(BODY + 0.4)], label="waving", label_index=3)
    recording = read(tmp_path / "abc.json", content)
    assert (recording.name, recording.label, recording.unit) == ("abc", "waving", "image")
    assert (recording.fps, recording.notes, recording.skeleton) == (None, (), OPENPOSE18)
    assert recording.observed.any(-1).tolist() == [[True, False, True], [False, False, True]]
    assert np.flatnonzero(~recording.observed[0, 2]).tolist() == [2]
    np.testing.assert_allclose(recording.positions[0, 0], BODY, rtol=1e-6)
    np.testing.assert_allclose(recording.positions[1, 2], BODY + 0.4, rtol=1e-6)


def test_other_joints_in_pairs_and_pixels(tmp_path: Path) -> None:
    pixels = (BODY[:17] * 640).round(1)
    recording = read(tmp_path / "a.json", video([{"pose": pixels.tolist(), "score": [1] * 17}], label="run"))
    assert (recording.skeleton, recording.unit) == (COCO17, "px")
    np.testing.assert_allclose(recording.positions[0, 0], pixels, rtol=1e-6)
    triples = np.c_[BODY[:17], np.ones(17)]
    triples[4, 2] = 0
    recording = read(tmp_path / "a.json", video([{"pose": triples.tolist()}], first=0))
    assert recording.unit == "image"
    assert np.flatnonzero(~recording.observed[0, 0]).tolist() == [4]
    recording = read(tmp_path / "a.json", video([person(np.resize(BODY, (20, 2)))]), layout=KINECT20)
    assert recording.skeleton is KINECT20


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ({}, None),
        ({"label": "unknown", "label_index": -1}, None),
        ({"label": "", "label_index": 4}, "4"),
        ({"label_index": 4}, "4"),
        ({"label": 7}, "7"),
        ({"label": ["x"]}, None),
    ],
)
def test_the_label(labels: dict[str, Any], label: str | None, tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", video([person()], **labels)).label == label


def test_nobody_in_any_frame(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.json", video([], [{"pose": [], "score": []}], label="waving"))
    assert recording.num_frames == 2
    assert not recording.observed.any()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"data": [], "x": {"frame_index": 1, "skeleton": 1}}, "no frames"),
        ({"data": {"frame_index": 1, "skeleton": []}}, "data: not a list"),
        ({"data": [{"frame_index": "x", "skeleton": []}]}, "record 0: not a frame number"),
        ({"data": [{"frame_index": 1, "skeleton": []}] * 2}, "frame 1 is duplicated"),
        (video([person()], [3]), "record 1, person 0: not an object"),
        (video([person(score=[1, 1])]), "person 0: wrong number of values; expected 18 scores"),
        (video([{"pose": [1, 2, 3]}]), "person 0: wrong number of values"),
        (video([person(BODY[:9])]), "wrong number of joints.*got 9 joints"),
        (video([person()], [person(BODY[:17])]), "wrong number of joints.*got 17, 18 joints"),
    ],
)
def test_what_is_wrong_names_the_record(content: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"a\.json.*{problem}"):
        read(tmp_path / "a.json", content)
