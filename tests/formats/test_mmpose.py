from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, find_files
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20, LAYOUTS

MMPOSE = FORMATS["mmpose"]
# Somebody who faces the camera, in pixels: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
BODY = np.array(
    [
        (320, 100), (328, 92), (312, 92), (340, 96), (300, 96), (360, 160), (280, 160), (380, 230), (260, 230),
        (390, 300), (250, 300), (345, 310), (295, 310), (350, 420), (290, 420), (352, 530), (288, 530),
    ],
    dtype=float,
)  # fmt: skip
COCO = {"dataset_name": "coco", "keypoint_id2name": {str(i): name for i, name in enumerate(COCO17.joints)}}


def instance(xy: np.ndarray = BODY, score: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"keypoints": xy.tolist(), "keypoint_scores": [score] * len(xy), "bbox": [[0, 0, 9, 9]], **more}


def read(path: Path, content: object, **options: Any) -> list[SkeletonSequence]:
    path.write_text(json.dumps(content))
    assert [name for name, entry in FORMATS.items() if entry.matches(path)] == ["mmpose"]
    return list(MMPOSE.read(path, ReadOptions(**options)))


def with_names(*names: str) -> dict[str, Any]:
    return {"dataset_name": "own", "keypoint_id2name": {str(i): name for i, name in enumerate(names)}}


@pytest.mark.parametrize("first", [0, 1])
def test_frames_of_a_video_with_and_without_the_names_of_joints(first: int, tmp_path: Path) -> None:
    frames = [
        {"frame_id": first, "instances": [instance()]},
        {"frame_id": first + 1, "instances": [instance(BODY + np.array([900, 2])), instance(BODY + 1)]},
        {"frame_id": first + 2, "instances": []},
        {"frame_id": first + 3, "instances": [instance(BODY + 3)]},
    ]
    bare = frames if first == 0 else None
    for content in (bare or {"meta_info": COCO, "instance_info": frames}, {"instance_info": frames}):
        (recording,) = read(tmp_path / "results_walk.json", content)
        assert (recording.name, recording.unit, recording.fps, recording.notes) == ("results_walk", "px", None, ())
        assert recording.skeleton is COCO17
        assert recording.observed.all(-1).tolist() == [[True, True, False, True], [False, True, False, False]]
        np.testing.assert_array_equal(recording.positions[0, [0, 1, 3], 0], [(320, 100), (321, 101), (323, 103)])
        np.testing.assert_array_equal(recording.positions[1, 1, 0], (1220, 102))


def test_a_score_of_0_is_unobserved_and_track_ids_are_used(tmp_path: Path) -> None:
    lost = instance(track_id=7)
    lost["keypoint_scores"][4] = 0.0
    frames = [
        {"frame_id": 1, "instances": [lost, instance(BODY + 500, track_id=3)]},
        {"frame_id": 2, "instances": [instance(track_id=3), instance(BODY + 500, track_id=7)]},
    ]
    (recording,) = read(tmp_path / "a.json", {"meta_info": COCO, "instance_info": frames})
    assert np.argwhere(~recording.observed).tolist() == [[1, 0, 4]]
    assert recording.positions[:, :, 0, 0].tolist() == [[820, 320], [320, 820]]


def test_scores_may_be_the_third_value_as_in_mmpose_0(tmp_path: Path) -> None:
    keypoints = np.c_[BODY, np.full(17, 0.5)]
    keypoints[2, 2] = 0
    (recording,) = read(tmp_path / "a.json", [{"frame_id": 0, "instances": [{"keypoints": keypoints.tolist()}]}])
    assert recording.positions.shape == (1, 1, 17, 2)
    assert np.argwhere(~recording.observed[0, 0]).tolist() == [[2]]


def test_a_lifted_pose_is_turned_so_that_left_stays_left(tmp_path: Path) -> None:
    # x to the left of the image, y away from the camera, z up: somebody who faces the camera, left on its right.
    joints = LAYOUTS["h36m17"].joints
    body = np.zeros((17, 3))
    body[:, 1] = 3.0
    place = {joint: body[index] for index, joint in enumerate(joints)}
    place["head_top"][2], place["pelvis"][2], place["nose"][1:] = 1.7, 0.9, (2.8, 1.6)
    place["left_hip"][0], place["right_hip"][0] = -0.1, 0.1
    names = ("root", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot", "spine",
             "thorax", "neck_base", "head", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder",
             "right_elbow", "right_wrist")  # fmt: skip
    frames = [{"frame_id": 1, "instances": [instance(body)]}]
    (recording,) = read(tmp_path / "a.json", {"meta_info": with_names(*names), "instance_info": frames})
    assert (recording.skeleton.name, recording.unit) == ("h36m17", "unknown")
    at = dict(zip(joints, recording.positions[0, 0], strict=True))
    np.testing.assert_allclose(at["head_top"], (0, 1.7, 3), atol=1e-6)
    np.testing.assert_allclose(at["left_hip"], (-0.1, 0, 3), atol=1e-6)  # at the camera's right, which is -x
    up, right, ahead = at["head_top"] - at["pelvis"], at["right_hip"] - at["left_hip"], at["nose"] - at["head_top"]
    assert np.dot(np.cross(up, right), ahead) > 0  # right-handed, as the Kinect's


def test_layouts_by_the_names_of_joints(tmp_path: Path) -> None:
    halpe = (*COCO17.joints, "head", "neck", "hip", *(f"foot{i}" for i in range(6)))
    body_and_face = (*COCO17.joints, *(f"face-{i}" for i in range(6)))
    hand = (
        "wrist",
        *(f"{finger}{i}" for finger in ("thumb", "forefinger", "middle", "ring", "pinky") for i in range(1, 5)),
    )
    for names, layout in ((halpe, "halpe26"), (body_and_face, "coco17"), (hand, "hand21")):
        content = {"meta_info": with_names(*names), "instance_info": [instance(np.resize(BODY, (len(names), 2)))]}
        (recording,) = read(tmp_path / "a.json", content)
        assert recording.skeleton is LAYOUTS[layout]
    meta = with_names("L_Eye", "R_Eye", "Nose", "Neck") | {"skeleton_links": [[0, 1], [0, 2], [1, 2], [2, 3]]}
    (animal,) = read(tmp_path / "a.json", {"meta_info": meta, "instance_info": [instance(BODY[:4])]})
    assert animal.skeleton.joints == ("left_eye", "right_eye", "nose", "neck")
    assert animal.skeleton.parents == {"right_eye": "left_eye", "nose": "left_eye", "neck": "nose"}


def test_without_names_the_number_of_joints_gives_the_layout(tmp_path: Path) -> None:
    frames = [{"frame_id": 0, "instances": [instance(np.resize(BODY, (26, 2)))]}]
    assert read(tmp_path / "a.json", frames)[0].skeleton.name == "halpe26"
    frames = [{"frame_id": 0, "instances": [instance(np.resize(BODY, (20, 2)))]}]
    assert read(tmp_path / "a.json", frames, layout=KINECT20)[0].skeleton is KINECT20
    with pytest.raises(InputError, match=r"a\.json: wrong number of joints.*got 20 joints"):
        read(tmp_path / "a.json", frames)
    assert not read(tmp_path / "a.json", [{"frame_id": 3, "instances": []}])[0].observed.any()


@pytest.mark.parametrize("meta", [COCO, None])
def test_numbered_images_are_one_recording(meta: dict[str, Any] | None, tmp_path: Path) -> None:
    for number in (8, 9, 11):
        people = [instance(BODY + number)] if number != 9 else []
        content: Any = {"meta_info": meta, "instance_info": people} if meta else people
        if people:
            (tmp_path / f"img_{number}.json").write_text(json.dumps(content))
    (file,) = find_files(tmp_path)
    (recording,) = MMPOSE.read(file)
    assert recording.name == "img"
    assert recording.observed.all(-1).tolist() == [[True, False, False, True]]
    np.testing.assert_array_equal(recording.positions[0, 3], BODY + 11)


def test_the_predictions_of_the_inferencer_are_lists_of_instances(tmp_path: Path) -> None:
    for first in ([], [instance()]):
        (recording,) = read(tmp_path / "a.json", [first, [instance(BODY + 1), instance(BODY + 900)], []])
        assert recording.observed.any((0, 2)).tolist() == [bool(first), True, False]
        assert recording.num_persons == 2


def test_numbered_videos_are_recordings_of_their_own(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        frames = [{"frame_id": i, "instances": [instance(BODY + i)] if number != 2 else 7} for i in (1, 2)]
        (tmp_path / f"clip_{number}.json").write_text(json.dumps({"meta_info": COCO, "instance_info": frames}))
    (file,) = find_files(tmp_path)
    errors: list[InputError] = []
    recordings = list(MMPOSE.read(file, ReadOptions(on_error=errors.append)))
    assert [(recording.name, recording.num_frames) for recording in recordings] == [("clip_1", 2), ("clip_3", 2)]
    assert [str(error) for error in errors] == [
        f"{tmp_path / 'clip_2.json'}, frame 0: not a list; expected frames of instances, each with 'keypoints' as a "
        "list of [x, y]; got 7"
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"meta_info": COCO}, "no frames"),
        ({"meta_info": [], "instance_info": {}}, "not a list"),
        ({"meta_info": {"keypoint_id2name": {"1": "nose"}}, "instance_info": []}, "not numbered from 0"),
        ([{"frame_id": 0, "instances": []}, 3], "frame 1: not an object"),
        ([{"frame_id": 0, "instances": []}, {"frame_id": "x"}], "frame 1: not a frame number; .*got 'x'"),
        ([{"frame_id": 4, "instances": []}] * 2, "frame 4 is duplicated"),
        ([{"frame_id": 0, "instances": [instance(), {"keypoints": [1, 2]}]}], "frame 0, instance 1: not a list of points"),
        ([{"frame_id": 0, "instances": [instance(keypoint_scores=[1])]}], "instance 0: wrong number of values"),
        ([{"frame_id": 0, "instances": [instance(), instance(np.ones((17, 3)))]}], "both 2D and 3D"),
        ({"meta_info": COCO, "instance_info": [instance(BODY[:9])]}, "wrong number of joints; expected 17; got 9"),
        ([{"frame_id": n, "instances": []} for n in (0, 10**15)], "not the frames of one recording"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_file_and_the_frame(content: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"a\.json.*{problem}"):
        read(tmp_path / "a.json", content)
