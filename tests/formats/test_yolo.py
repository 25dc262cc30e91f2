from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, detect, find_files
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, HAND21, KINECT20

TXT, JSON = FORMATS["yolo_txt"], FORMATS["yolo_json"]
# Somebody who faces the camera, as shares of the image: nose, eyes, ears, shoulders, elbows, wrists, hips, knees,
# ankles.
BODY = np.array(
    [
        (320, 100), (328, 92), (312, 92), (340, 96), (300, 96), (360, 160), (280, 160), (380, 230), (260, 230),
        (390, 300), (250, 300), (345, 310), (295, 310), (350, 420), (290, 420), (352, 530), (288, 530),
    ],
    dtype=float,
) / 640  # fmt: skip


def line(xy: np.ndarray = BODY, confidence: float | None = 0.9, *more: float) -> str:
    joints = xy if confidence is None else np.c_[xy, np.full(len(xy), confidence)]
    return " ".join(f"{value:g}" for value in (0, 0.5, 0.5, 0.2, 0.7, *joints.ravel(), *more))


def read(root: Path, **options: Any) -> SkeletonSequence:
    (file,) = find_files(root)
    entry = detect(file)
    assert entry in (TXT, JSON)
    (recording,) = entry.read(file, ReadOptions(**options))
    return recording


def test_one_file_per_frame_with_track_ids(tmp_path: Path) -> None:
    (tmp_path / "walk_1.txt").write_text(line(BODY, 0.9, 1) + "\n" + line(BODY / 2, 0.9, 2) + "\n")
    (tmp_path / "walk_2.txt").write_text(line(BODY / 2, 0.9, 2) + "\n")
    (tmp_path / "walk_4.txt").write_text(line(BODY / 2, 0.9, 1) + "\n")
    recording = read(tmp_path)
    assert (recording.name, recording.unit, recording.fps) == ("walk", "image", None)
    assert recording.skeleton is COCO17
    assert recording.observed.any(-1).tolist() == [[True, False, False, True], [True, True, False, False]]
    np.testing.assert_allclose(recording.positions[0, 0, 0], (0.5, 0.15625))
    np.testing.assert_allclose(recording.positions[0, 3], BODY / 2, rtol=1e-5)


@pytest.mark.parametrize(
    "lines",
    [
        (line(BODY), line(BODY + 0.001)),
        (line(BODY, 0.9, 0.87), line(BODY + 0.001, 0.9, 0.91)),
        (line(BODY, 0.9, 0.87, 4), line(BODY + 0.001, 0.9, 0.91, 4)),
        (line(BODY, 0.9, 4), line(BODY + 0.001, 0.9)),  # the tracker lost the person in the second frame
        (line(BODY, None), line(BODY + 0.001, None)),
        (line(BODY, None, 4), line(BODY + 0.001, None, 4)),
    ],
)
def test_what_may_follow_the_joints(lines: tuple[str, str], tmp_path: Path) -> None:
    for number, text in enumerate(lines):
        (tmp_path / f"{number}.txt").write_text(text + "\n")
    recording = read(tmp_path)
    assert recording.observed.shape == (1, 2, 17)
    assert recording.observed.all()
    np.testing.assert_allclose(recording.positions[0], [BODY, BODY + 0.001], rtol=1e-4)


def test_a_joint_at_0_0_or_with_a_confidence_of_0_is_unobserved(tmp_path: Path) -> None:
    joints = np.c_[BODY, np.full(17, 2.0)]  # as labels for training: visible
    joints[3] = 0, 0, 0.44  # below 0.5: set to (0, 0) by Ultralytics
    joints[5, 2] = 0
    joints[6] = 0, 0.4, 1
    (tmp_path / "a_1.txt").write_text(line(joints, None) + "\n")
    assert np.flatnonzero(~read(tmp_path).observed[0, 0]).tolist() == [3, 5]


def test_an_empty_file_is_a_frame_without_a_person(tmp_path: Path) -> None:
    for number, text in enumerate(("", line(), "", line(), line())):
        (tmp_path / f"a_{number}.txt").write_text(text)
    (tmp_path / "notes_1.txt").write_text("")
    first, second = find_files(tmp_path)
    (recording,) = TXT.read(first)
    assert detect(first) is TXT
    assert recording.observed.any((0, 2)).tolist() == [False, True, False, True, True]
    assert (second.path.name, second.frame_files) == ("notes_1.txt", ())


def test_lines_that_were_appended_twice_count_once(tmp_path: Path) -> None:
    (tmp_path / "a_1.txt").write_text((line(BODY) + "\n" + line(BODY / 2) + "\n") * 2)
    recording = read(tmp_path)
    assert recording.num_persons == 2
    assert recording.notes == ("lines that a second run had appended again were left out",)


def test_other_numbers_of_joints(tmp_path: Path) -> None:
    path = tmp_path / "a_1.txt"
    path.write_text(line(np.resize(BODY, (21, 2)), 0.9, 1) + "\n")
    assert read(tmp_path).skeleton is HAND21
    path.write_text(line(np.resize(BODY, (20, 2))) + "\n")
    assert not TXT.matches(path)
    (recording,) = TXT.read(path, ReadOptions(layout=KINECT20))
    assert recording.skeleton is KINECT20


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        "1 2 3\n",
        "0 0.5 0.5 0.2 0.7\n",
        line().replace("0 ", "0.5 ", 1),
        "0 5" + line()[5:],
        line() + " x",
    ],
)
def test_text_of_others_is_not_claimed(text: str, tmp_path: Path, samples: dict[str, Path]) -> None:
    (tmp_path / "a.txt").write_text(text + "\n")
    assert not TXT.matches(tmp_path / "a.txt")
    assert [name for name, path in samples.items() if TXT.matches(path)] == ["yolo_txt"]


def test_lines_of_different_lengths_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a_1.txt").write_text(line() + "\n" + line(BODY[:15]) + "\n")
    with pytest.raises(InputError, match=r"a: wrong number of values; expected class, box.*got \[50, 56\]"):
        read(tmp_path)
    (tmp_path / "a_1.txt").write_text(line() + "\n0 nose\n")
    with pytest.raises(InputError, match=r"a_1\.txt, line 2: not a number; got 'nose'"):
        read(tmp_path)


def person(xy: np.ndarray = BODY * 640, **more: Any) -> dict[str, Any]:
    points = {"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist(), "visible": [0.9] * len(xy)}
    return {"name": "person", "class": 0, "confidence": 0.9, "box": {"x1": 1.0}, **more, "keypoints": points}


FRAMES = [[person(track_id=2), person(BODY * 320, track_id=1)], [], [person(track_id=2)]]
WAYS = {
    "list": json.dumps(FRAMES),
    "text in a list": json.dumps([json.dumps(frame) for frame in FRAMES]),
    "lines": "\n".join(json.dumps(frame) for frame in FRAMES),
}


@pytest.mark.parametrize("way", WAYS)
def test_json_of_all_frames(way: str, tmp_path: Path) -> None:
    path = tmp_path / "walk.json"
    path.write_text(WAYS[way])
    assert JSON.matches(path) or way == "text in a list"  # whose quotes are escaped: it must be named
    (recording,) = JSON.read(path)
    assert (recording.name, recording.unit, recording.skeleton) == ("walk", "px", COCO17)
    assert recording.observed.any(-1).tolist() == [[True, False, False], [True, False, True]]
    np.testing.assert_allclose(recording.positions[1, 0, 0], (320, 100), rtol=1e-6)


def test_json_with_one_file_per_frame_and_numbered_videos(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        (tmp_path / f"walk_{number}.json").write_text(json.dumps([person(BODY + 0.001 * number)]))
    recording = read(tmp_path)
    assert (recording.name, recording.unit, recording.num_frames) == ("walk", "image", 4)
    for number in (1, 2, 4):
        (tmp_path / f"walk_{number}.json").write_text("\n".join(json.dumps([person()]) for _ in range(number + 1)))
    (file,) = find_files(tmp_path)
    assert [(one.name, one.num_frames) for one in JSON.read(file)] == [("walk_1", 2), ("walk_2", 3), ("walk_4", 5)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([[person()], 5], "frame 1: not a list"),
        ([[person()], [5]], "frame 1, person 0: not an object"),
        ([[person(track_id="x")]], "frame 0, person 0: not a track id"),
        ([[person() | {"keypoints": {"x": [1], "y": [1, 2]}}]], "different lengths; .* got 1, 2"),
        ([[person(BODY[:9])]], "wrong number of joints.*got 9 joints"),
        ([[person()], "[1"], "frame 1: not JSON"),
    ],
)
def test_what_is_wrong_in_json_names_the_person(content: object, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"a\.json.*{problem}"):
        list(JSON.read(path))
