from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20

ALPHAPOSE = FORMATS["alphapose"]
# Somebody who faces the camera, in pixels: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
BODY = np.array(
    [
        (320, 100), (328, 92), (312, 92), (340, 96), (300, 96), (360, 160), (280, 160), (380, 230), (260, 230),
        (390, 300), (250, 300), (345, 310), (295, 310), (350, 420), (290, 420), (352, 530), (288, 530),
    ],
    dtype=float,
)  # fmt: skip


def flat(xy: np.ndarray = BODY, score: float = 0.9) -> list[float]:
    values: list[float] = np.c_[xy, np.full(len(xy), score)].ravel().tolist()
    return values


def person(xy: np.ndarray = BODY, **more: Any) -> dict[str, Any]:
    return {"keypoints": flat(xy), "scores": 2.5, **more}


def read(path: Path, content: object, **options: Any) -> list[SkeletonSequence]:
    path.write_text(json.dumps(content))
    assert [name for name, entry in FORMATS.items() if entry.matches(path)] == ["alphapose"]
    return list(ALPHAPOSE.read(path, ReadOptions(**options)))


FAR = np.array([700, 0])
BY_IMAGE = {"9.jpg": [person(idx=1), person(BODY + FAR, idx=2)], "10.jpg": [], "11.jpg": [person(BODY + 2, idx=1)]}
BY_PERSON = {
    "1": {"9": person(), "11": person(BODY + 2)},
    "2": {"9": person(BODY + FAR), "10": person(np.zeros((0, 2)))},
}
WAYS = {
    "by image": BY_IMAGE,
    "by image and person": {
        image: {str(one["idx"]): {"keypoints": one["keypoints"]} for one in people} for image, people in BY_IMAGE.items()
    },
    "by person": BY_PERSON,
    "by person, lists": {
        who: [
            {"frame_idx": int(frame), "filename": f"f_{frame}.png",
             "keypoints": np.reshape(one["keypoints"], (-1, 3)).tolist()}
            for frame, one in frames.items()
        ]
        for who, frames in BY_PERSON.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_tracked_persons_keyed_by_image_or_by_person(way: str, tmp_path: Path) -> None:
    (recording,) = read(tmp_path / "walk.json", WAYS[way])
    assert (recording.name, recording.unit, recording.skeleton.name) == ("walk", "px", "coco17")
    first, second = [True, False, True], [True, False, False]
    assert recording.observed.all(-1).tolist() == [first, second]
    np.testing.assert_array_equal(recording.positions[:, 0, 0], [(320, 100), (1020, 100)])
    np.testing.assert_array_equal(recording.positions[0, 2], BODY + 2)


def test_a_score_of_0_is_unobserved(tmp_path: Path) -> None:
    lost = person()
    lost["keypoints"][3:6] = [5, 5, 0]
    (recording,) = read(tmp_path / "a.json", {"0.jpg": [lost]})
    assert np.argwhere(~recording.observed).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize(("joints", "layout"), [(26, "halpe26"), (136, "halpe26"), (133, "coco17")])
def test_the_number_of_joints_gives_the_layout(joints: int, layout: str, tmp_path: Path) -> None:
    (recording,) = read(tmp_path / "a.json", {"0.jpg": [person(np.resize(BODY, (joints, 2)))]})
    assert recording.skeleton.name == layout
    (recording,) = read(tmp_path / "a.json", {"0.jpg": [person(np.resize(BODY, (20, 2)))]}, layout=KINECT20)
    assert recording.skeleton is KINECT20


def test_images_of_several_videos_and_of_times(tmp_path: Path) -> None:
    content = {f"{video}/{number:06d}.jpg": [person(BODY + number, idx=1)] for video in "ab" for number in (1, 2)}
    assert [(one.name, one.num_frames) for one in read(tmp_path / "x.json", content)] == [("a", 2), ("b", 2)]
    times = [f"2020-01-02T10_00_0{second}.png" for second in ("1.0", "0.9", "1.5")]
    (recording,) = read(tmp_path / "x.json", {time: [person(BODY + i, idx=1)] for i, time in enumerate(times)})
    assert recording.positions[0, :, 0, 0].tolist() == [321, 320, 322]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"0.jpg": [person(), 3]}, "0.jpg, record 1: not an object"),
        ({"0.jpg": [person(), {"keypoints": "x"}]}, "0.jpg, record 1: not keypoints"),
        ({"0.jpg": [person()], "1.jpg": 7}, "1.jpg: not a list"),
        ({"1": {"0": {"keypoints": [1, 2]}}}, "1, 0: wrong number of values"),
        ({"1": {"0": person(BODY[:9])}}, "wrong number of joints.*got 9 joints"),
        ({f"{n}.jpg": [person()] for n in (0, 10**9)}, "not the frames of one recording"),
    ],
)
def test_what_is_wrong_names_the_record(content: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"a\.json.*{problem}"):
        read(tmp_path / "a.json", content)
