from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20, LAYOUTS

COCO = FORMATS["coco_json"]
BODY = np.random.default_rng(0).random((17, 2)).round(4) * 100
NAMES = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
]  # fmt: skip


def keypoints(xy: np.ndarray = BODY, third: float = 2) -> list[float]:
    values: list[float] = np.c_[xy, np.full(len(xy), third)].ravel().tolist()
    return values


def read(path: Path, content: object, **options: Any) -> dict[str, SkeletonSequence]:
    path.write_text(json.dumps(content))
    assert [name for name, entry in FORMATS.items() if entry.matches(path)] == ["coco_json"]
    return {recording.name: recording for recording in COCO.read(path, ReadOptions(**options))}


def test_annotations_of_videos(tmp_path: Path) -> None:
    images = [
        {"id": 1, "file_name": "x/0001.jpg", "video_id": 7, "frame_id": 4},
        {"id": 2, "file_name": "x/0002.jpg", "video_id": 7, "frame_id": 6},
        {"id": 3, "file_name": "y.jpg", "video_id": 8, "frame_id": 0},
    ]
    hidden = keypoints()
    hidden[3:6] = [5, 5, 0]  # v = 0: not labelled, whatever its place
    hidden[8] = 1  # v = 1: labelled, though not visible
    annotations = [
        {"image_id": 2, "keypoints": keypoints(BODY + 500), "track_id": 12},
        {"image_id": 1, "keypoints": hidden, "track_id": 12},
        {"image_id": 1, "keypoints": keypoints(BODY + 300), "track_id": 3},
        {"image_id": 1, "bbox": [1, 2, 3, 4]},
    ]
    content = {
        "info": {}, "images": images, "annotations": annotations, "videos": [{"id": 7, "name": "kick"}],
        "categories": [{"id": 1, "name": "person", "keypoints": NAMES}],
    }  # fmt: skip
    found = read(tmp_path / "a.json", content)
    assert list(found) == ["kick", "8"]
    kick = found["kick"]
    assert (kick.skeleton, kick.unit, kick.label) == (COCO17, "px", None)
    assert kick.observed.any(-1).tolist() == [[True, False, False], [True, False, True]]
    assert np.flatnonzero(~kick.observed[1, 0]).tolist() == [1]
    np.testing.assert_allclose(kick.positions[1, 2], BODY + 500, rtol=1e-6)
    assert not found["8"].observed.any()


@pytest.mark.parametrize(
    ("names", "recording"),
    [
        (["walk/000001.jpg", "walk/000002.jpg"], "walk"),
        (["a/b/img_1.jpg", "a/b/img_2.png"], "a/b/img"),
        (["cam2-0009.jpg", "cam2-0010.jpg"], "cam2"),
        (["9.jpg", "10.jpg"], "file"),
    ],
)
def test_the_names_of_images_give_recording_and_frame(names: list[str], recording: str, tmp_path: Path) -> None:
    images = [{"id": f"i{i}", "file_name": name} for i, name in enumerate(names)]
    annotations = [{"image_id": f"i{i}", "keypoints": keypoints(BODY + i)} for i in (0, 1)]
    from_images = read(tmp_path / "file.json", {"images": images, "annotations": annotations})
    results = [{"image_id": name, "keypoints": keypoints(BODY + i, 0.1)} for i, name in enumerate(names)]
    from_results = read(tmp_path / "file.json", results)
    for found in (from_images, from_results):
        assert list(found) == [recording]
        np.testing.assert_allclose(found[recording].positions[0], [BODY, BODY + 1], rtol=1e-6)


def test_results_with_numbers_and_alphapose(tmp_path: Path) -> None:
    scores = keypoints(BODY, 0.3)
    scores[2] = 0.0
    results = [
        {"image_id": 4, "category_id": 1, "keypoints": scores, "score": 0.9},
        {"image_id": 5, "category_id": 1, "keypoints": keypoints(BODY + 1, 1e-3), "score": 0.9},
    ]
    recording = read(tmp_path / "walk.json", results)["walk"]
    assert np.argwhere(~recording.observed).tolist() == [[0, 0, 0]]
    pose = [  # two who change places, which their numbers say
        {
            "image_id": f"{i}.jpg",
            "category_id": 1,
            "keypoints": keypoints(BODY + 900 * (i ^ who)),
            "idx": [who + 1],
        }
        for i in (0, 1)
        for who in (1, 0)
    ]
    np.testing.assert_allclose(
        read(tmp_path / "walk.json", pose)["walk"].positions[:, :, 0, 0] - BODY[0, 0],
        [[0, 900], [900, 0]],
        atol=1e-3,
    )


@pytest.mark.parametrize(("joints", "layout"), [(26, "halpe26"), (133, "coco17"), (136, "halpe26")])
def test_more_joints_are_halpe_or_a_whole_body(joints: int, layout: str, tmp_path: Path) -> None:
    body = np.random.default_rng(1).random((joints, 2)) + 1
    recording = read(tmp_path / "a.json", [{"image_id": 0, "keypoints": keypoints(body)}])["a"]
    assert recording.skeleton is LAYOUTS[layout]
    np.testing.assert_allclose(recording.positions[0, 0], body[: recording.skeleton.num_joints], rtol=1e-6)
    results = [{"image_id": i, "keypoints": keypoints(np.ones((n, 2)))} for i, n in enumerate((17, joints))]
    if layout != "coco17":
        with pytest.raises(InputError, match=rf"person 1: wrong number of joints; expected 17; got {joints}"):
            read(tmp_path / "a.json", results)


def test_images_named_by_date_and_time_are_frames_in_that_order(tmp_path: Path) -> None:
    names = [f"2020-01-02T10_00_0{second}.png" for second in ("0.900000", "0.950000", "1.000000", "1.050000")]
    results = [
        {"image_id": names[i], "keypoints": keypoints(BODY + i), "idx": [0.0], "box": [1, 2, 3, 4]}
        for i in (2, 0, 1, 3)
    ]
    (recording,) = read(tmp_path / "alphapose-results.json", results).values()
    assert recording.name == "alphapose-results"
    np.testing.assert_allclose(recording.positions[0, :, 0], BODY[0] + np.arange(4)[:, None], rtol=1e-6)


def test_other_joints_need_a_layout(tmp_path: Path) -> None:
    body = np.ones((20, 2))
    results = [{"image_id": 0, "keypoints": keypoints(body)}]
    with pytest.raises(InputError, match=r"a\.json, person 0: wrong number of joints.*17, 26.*got 20"):
        read(tmp_path / "a.json", results)
    assert read(tmp_path / "a.json", results, layout=KINECT20)["a"].skeleton is KINECT20
    posetrack = ["nose", "head_bottom", "head_top", *NAMES[3:]]
    content = {
        "images": [{"id": 0, "file_name": "0.jpg"}], "annotations": [],
        "categories": [{"keypoints": posetrack}],
    }  # fmt: skip
    with pytest.raises(InputError, match=r"not the joints of COCO.*head_bottom"):
        read(tmp_path / "a.json", content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"images": []}, "not COCO keypoints"),
        ({"images": [], "annotations": []}, "the file holds neither images nor persons"),
        ({"images": [], "annotations": [3]}, "person 0: not an object"),
        (
            {"images": [{"id": 1, "file_name": ["x"]}], "annotations": []},
            "images, record 0, file_name: .*a list of 1",
        ),
        (
            {"images": [{"id": 1, "video_id": {"a": 1}}], "annotations": []},
            "images, record 0, video_id: .*an object",
        ),
        ({"images": [{"id": 1}, {"id": None}], "annotations": []}, "images, record 1, id: not a number or a text"),
        ({"images": {"a": 1}, "annotations": []}, "images: not a list; .* got an object"),
        (
            {"images": [], "videos": [{"id": 1, "name": []}], "annotations": []},
            "videos, record 0, name: .*list of 0",
        ),
        ({"images": [], "categories": [{"keypoints": 1}], "annotations": []}, "categories, record 0: not a list"),
        (
            {"images": [], "annotations": [{"image_id": 4, "keypoints": []}]},
            "person 0: the person's image is not listed",
        ),
        (
            [{"image_id": 0, "keypoints": []}, {"image_id": None}],
            "person 1, image_id: not a number or a text; got null",
        ),
        ([{"image_id": 0, "keypoints": [1, 2]}], "person 0: wrong number of values"),
        ([{"image_id": 0, "keypoints": ["x"] * 51}], "person 0: not a list of numbers"),
        ([{"image_id": i, "keypoints": []} for i in (139, 581_929)], "not the frames of one recording"),
        ([{"image_id": 0, "keypoints": []}, 4], "person 1: not an object"),
    ],
)
def test_an_invalid_record_is_named(content: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"a\.json.*{problem}"):
        read(tmp_path / "a.json", content)


def test_json_of_others_is_not_claimed(samples: dict[str, Path]) -> None:
    assert [name for name, path in samples.items() if COCO.matches(path)] == ["coco_json"]


def test_a_file_of_a_single_image_is_named_after_the_file(tmp_path: Path) -> None:
    keypoints = [1.0, 2.0, 2.0] * 17
    for number in range(3):
        content = {
            "images": [{"id": number, "file_name": f"walk_{number}.jpg"}],
            "annotations": [{"image_id": number, "keypoints": keypoints}],
        }
        path = tmp_path / f"result_{number}.json"
        path.write_text(json.dumps(content))
        (recording,) = FORMATS["coco_json"].read(path)
        assert (recording.name, recording.num_frames) == (f"result_{number}", 1)
