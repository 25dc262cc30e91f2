from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, find_files
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20

OPENPOSE = FORMATS["openpose"]
BODY = np.random.default_rng(0).random((25, 2)).round(4) * 100
# Indices in OpenPose's own drawing of BODY_25.
NOSE, MID_HIP, R_HIP, L_HIP, L_BIG_TOE, L_HEEL, R_BIG_TOE, R_HEEL = 0, 8, 9, 12, 19, 21, 22, 24


def person(xy: np.ndarray = BODY, confidence: float = 0.8, **about: Any) -> dict[str, Any]:
    rows = np.c_[xy, np.full(len(xy), confidence)]
    return {"person_id": [-1], "pose_keypoints_2d": rows.ravel().tolist(), "hand_left_keypoints_2d": [], **about}


def frame(path: Path, *people: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1.3, "people": people}))
    return path


def read(root: Path, **options: Any) -> SkeletonSequence:
    (file,) = find_files(root, [OPENPOSE])
    (recording,) = OPENPOSE.read(file, ReadOptions(**options))
    return recording


def test_a_folder_of_frames_is_one_recording_in_a_zip_too(tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    for number in (0, 1, 3, 12):
        frame(folder / f"walk_{number:012d}_keypoints.json", person(BODY + number), person(BODY + 500 - number))
    with zipfile.ZipFile(tmp_path / "walk.zip", "w") as archive:
        for path in sorted(folder.iterdir(), reverse=True):
            archive.write(path, f"out/walk/{path.name}")
    for root in (folder, tmp_path / "walk.zip"):
        recording = read(root)
        assert (recording.name, recording.unit, recording.fps) == ("walk", "px", None)
        assert recording.skeleton.name == "openpose25"
        assert recording.positions.shape == (2, 13, 25, 2)
        assert np.flatnonzero(recording.observed.all((0, 2))).tolist() == [0, 1, 3, 12]
        assert not recording.observed[:, [2, *range(4, 12)]].any()
        np.testing.assert_allclose(recording.positions[:, 12], [BODY + 12, BODY + 488], rtol=1e-6)


def test_the_names_of_frames_tell_recordings_apart(tmp_path: Path) -> None:
    for name in ("a_0", "a_1", "video2_000", "7", "8"):
        frame(tmp_path / f"{name}_keypoints.json", person())
    files = find_files(tmp_path, [OPENPOSE])
    assert {file.path.name: len(file.frame_files) for file in files} == {tmp_path.name: 2, "a": 2, "video2": 1}


@pytest.mark.parametrize(("joints", "layout"), [(18, "openpose18"), (25, "openpose25")])
def test_the_number_of_values_gives_the_layout(joints: int, layout: str, tmp_path: Path) -> None:
    recording = read(frame(tmp_path / "a_0_keypoints.json", person(BODY[:joints])))
    assert recording.skeleton.name == layout
    np.testing.assert_allclose(recording.positions[0, 0], BODY[:joints], rtol=1e-6)


@pytest.mark.parametrize("name", ["cam01_{:06d}.json", "cam01.{:04d}.json", "cam01_{}_pose.json", "{}.json"])
def test_many_files_of_one_frame_are_one_recording_however_they_carry_the_number(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "cam01"
    for number in (0, 1, 3, 10):
        frame(folder / name.format(number), person(BODY + number))
    for other in ("camera.json", "results_1.json"):  # not OpenPose's, and so not frames
        (folder / other).write_text('{"skeletons": [[[0, 0, 0]]]}')
    files = [file for file in find_files(tmp_path) if file.frame_files]
    assert len(files) == 1
    (recording,) = OPENPOSE.read(files[0])
    assert recording.name in ("cam01", "cam01_pose")
    assert np.flatnonzero(recording.observed.any((0, 2))).tolist() == [0, 1, 3, 10]
    np.testing.assert_allclose(recording.positions[0, 10], BODY + 10, rtol=1e-6)


# Somebody who faces the camera, in pixels: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles,
# left before right, as COCO orders them.
COCO = np.array(
    [
        (320, 100), (328, 92), (312, 92), (340, 96), (300, 96), (360, 160), (280, 160), (380, 230), (260, 230),
        (390, 300), (250, 300), (345, 310), (295, 310), (350, 420), (290, 420), (352, 530), (288, 530),
    ]
)  # fmt: skip
HEAD_TOP, NECK, PELVIS = (320, 60), (320, 150), (320, 310)
LEFT_FOOT, RIGHT_FOOT = [(360, 545), (366, 543), (348, 540)], [(280, 545), (274, 543), (292, 540)]  # toes, heel


def test_26_joints_are_those_of_halpe_and_nan_is_unobserved(tmp_path: Path) -> None:
    feet = [foot[joint] for joint in range(3) for foot in (LEFT_FOOT, RIGHT_FOOT)]
    body = np.array([*COCO, HEAD_TOP, NECK, PELVIS, *feet])
    frame(tmp_path / "a_000000.json", person(body))
    frame(tmp_path / "a_000001.json", person(np.full((26, 2), np.nan), np.nan))
    frame(tmp_path / "a_000002.json", person(body + 2))
    recording = read(tmp_path)
    assert (recording.skeleton.name, recording.unit, recording.notes) == ("halpe26", "px", ())
    assert recording.observed.all(-1).tolist() == [[True, False, True]]
    at = dict(zip(recording.skeleton.joints, recording.positions[0, 2].tolist(), strict=True))
    assert at["nose"] == [322, 102]
    assert (at["head_top"], at["neck"], at["pelvis"]) == ([322, 62], [322, 152], [322, 312])
    assert (at["left_big_toe"], at["right_small_toe"], at["right_heel"]) == ([362, 547], [276, 545], [294, 542])


def test_body_25b_is_told_from_body_25_by_its_shape(tmp_path: Path) -> None:
    body = np.array([*COCO, NECK, HEAD_TOP, *LEFT_FOOT, *RIGHT_FOOT])
    recording = read(frame(tmp_path / "a_0_keypoints.json", person(body)))
    assert (recording.skeleton.name, recording.notes) == ("openpose25b", ())
    at = dict(zip(recording.skeleton.joints, recording.positions[0, 0].tolist(), strict=True))
    assert (at["right_wrist"], at["neck"], at["head_top"]) == ([250, 300], [320, 150], [320, 60])
    assert (at["left_heel"], at["right_big_toe"]) == ([348, 540], [280, 545])


@pytest.mark.parametrize(
    ("joints", "layout"), [(17, "coco17"), (133, "coco17"), (135, "openpose25b"), (136, "halpe26")]
)
def test_of_a_whole_body_the_joints_of_the_body_are_read(joints: int, layout: str, tmp_path: Path) -> None:
    body = np.resize(COCO, (joints, 2))
    recording = read(frame(tmp_path / "a_0_keypoints.json", person(body)))
    assert recording.skeleton.name == layout
    np.testing.assert_array_equal(recording.positions[0, 0, :17], COCO)


def test_all_frames_in_one_object_keyed_by_image(tmp_path: Path) -> None:
    path = tmp_path / "clip.json"
    frames = {
        f"{number}.jpg": {"version": "AlphaPose v0.3", "people": [person(BODY[:18] + number)]}
        for number in (9, 10, 12)
    }
    path.write_text(json.dumps(frames))
    (file,) = find_files(tmp_path)
    assert file.frame_files == ()
    (recording,) = OPENPOSE.read(file)
    assert (recording.name, recording.skeleton.name) == ("clip", "openpose18")
    assert recording.observed.any((0, 2)).tolist() == [True, True, False, True]
    path.write_text(json.dumps(frames | {"010.jpg": {"people": []}}))
    with pytest.raises(InputError, match=r"clip\.json: frame 10 is duplicated; got 010\.jpg"):
        list(OPENPOSE.read(file))


def test_confidence_0_is_unobserved_and_the_lowest_above_it_is_not(tmp_path: Path) -> None:
    rows = np.c_[BODY, np.full(25, 1e-6)]
    rows[NOSE] = 0
    recording = read(frame(tmp_path / "a_0_keypoints.json", person(pose_keypoints_2d=rows.ravel().tolist())))
    assert np.flatnonzero(~recording.observed[0, 0]).tolist() == [recording.skeleton.index["nose"]]


def test_persons_in_changing_order_and_number(tmp_path: Path) -> None:
    left, right = BODY, BODY + 1000
    frame(tmp_path / "a_0_keypoints.json", person(left), person(right))
    frame(tmp_path / "a_1_keypoints.json", person(right))
    frame(tmp_path / "a_2_keypoints.json")
    frame(tmp_path / "a_3_keypoints.json", person(right), person(left))
    recording = read(tmp_path)
    assert recording.observed.all(-1).tolist() == [[True, False, False, True], [True, True, False, True]]
    for number, name in enumerate(sorted(path.name for path in tmp_path.iterdir())):
        people = [person(xy, person_id=[who]) for who, xy in ((4, left), (2, right)) if number != 2]
        frame(tmp_path / name, *people)
    assert read(tmp_path).positions[:, 0, 0, 0].tolist() == pytest.approx([right[0, 0], left[0, 0]])


def test_3d_keypoints_are_preferred_and_left_stays_left(tmp_path: Path) -> None:
    # Somebody who faces the camera (x right, y down, z away): the left side is on the right of the image.
    body = np.zeros((25, 4))
    body[:, 3] = 0.9
    body[[NOSE, MID_HIP], 1] = -0.7, 0.0
    body[[L_HIP, R_HIP], 0] = 0.15, -0.15
    body[[L_HEEL, R_HEEL, L_BIG_TOE, R_BIG_TOE], 1] = 0.9
    body[[L_BIG_TOE, R_BIG_TOE], 2] = -0.2
    body[:, 2] += 3
    frame(tmp_path / "a_0_keypoints.json", person(pose_keypoints_3d=body.ravel().tolist()), person())
    recording = read(tmp_path)
    assert (recording.num_persons, recording.positions.shape[3], recording.unit) == (1, 3, "unknown")
    at = dict(zip(recording.skeleton.joints, recording.positions[0, 0], strict=True))
    up, right = at["nose"] - at["pelvis"], at["right_hip"] - at["left_hip"]
    ahead = at["left_big_toe"] - at["left_heel"]
    assert up[1] > 0.5
    assert ahead[2] < -0.1
    assert np.dot(np.cross(up, right), ahead) > 0  # of a right-handed system, as the Kinect's


def test_nobody_in_any_frame(tmp_path: Path) -> None:
    for number in range(3):
        frame(tmp_path / f"a_{number}_keypoints.json")
    recording = read(tmp_path)
    assert recording.num_frames == 3
    assert not recording.observed.any()
    frame(tmp_path / "a_1_keypoints.json", person(pose_keypoints_2d=[]))
    assert not read(tmp_path).observed.any()


def test_a_layout_may_be_named(tmp_path: Path) -> None:
    frame(tmp_path / "a_0_keypoints.json", person(BODY[:20]))
    assert read(tmp_path, layout=KINECT20).skeleton is KINECT20
    with pytest.raises(InputError, match=r"wrong number of joints; expected one of 17, 18, .*; got 20 joints"):
        read(tmp_path)
    frame(tmp_path / "a_1_keypoints.json", person(BODY[:18]))
    with pytest.raises(InputError, match=r"expected 20 joints.*got 18, 20 joints"):
        read(tmp_path, layout=KINECT20)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"person": "people", "a": {"people": []}}', "no list of people; .* got an object with 2 keys"),
        ('{"people": {}}', "not a list; .* got an object with 0 keys"),
        ('{"people": [1]}', "person 0: not an object; .* got 1"),
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "person 0: wrong number of values"),
        ('{"people": [{"pose_keypoints_2d": ["a", 1, 2]}]}', "not a list of numbers"),
        ('{"people": [{"pose_keypoints_2d": {"a": 1}}]}', "not a list of numbers"),
        ('{"people": [{"pose_keypoints_2d": [[1], 2, 3]}]}', "not a list of numbers"),
        ('{"people": [{"pose', "truncated"),
    ],
)
def test_an_invalid_frame_is_named(content: str, problem: str, tmp_path: Path) -> None:
    frame(tmp_path / "a_0_keypoints.json", person())
    (tmp_path / "a_1_keypoints.json").write_text(content)
    with pytest.raises(InputError, match=rf"a_1_keypoints\.json.*{problem}"):
        read(tmp_path)


def test_a_single_frame_may_be_the_root(tmp_path: Path) -> None:
    paths = [frame(tmp_path / f"a_{number}.json", person(BODY + number)) for number in (0, 1)]
    (file,) = find_files(paths[1])
    (recording,) = OPENPOSE.read(file)
    assert (file.path, recording.name, recording.num_frames) == (paths[1], "a_1", 1)


@pytest.mark.parametrize("content", ["", "[]", '{"peo'])
def test_a_file_that_is_no_frame_is_left_for_the_report(content: str, tmp_path: Path) -> None:
    for number in (0, 2):
        frame(tmp_path / f"a_{number}.json", person())
    (tmp_path / "a_1.json").write_text(content)
    recording, other = find_files(tmp_path)
    assert [file.path.name for file in (recording, other)] == ["a", "a_1.json"]
    assert OPENPOSE.matches(recording)
    assert not any(entry.matches(other) for entry in FORMATS.values())


def test_frame_numbers_far_apart_or_duplicated_are_an_error(tmp_path: Path) -> None:
    frame(tmp_path / "a_0_keypoints.json", person())
    far = frame(tmp_path / "a_999999999999_keypoints.json", person())
    with pytest.raises(InputError, match=r"not the frames of one recording.*999999999999"):
        read(tmp_path)
    far.rename(tmp_path / "a_00_keypoints.json")
    with pytest.raises(
        InputError, match=r"frame 0 is duplicated; got a_00_keypoints\.json and a_0_keypoints\.json"
    ):
        read(tmp_path)


def test_hands_and_faces_are_not_read_and_the_report_says_so(tmp_path: Path) -> None:
    hands = {"hand_right_keypoints_2d": [1.0, 2.0, 0.5] * 21, "face_keypoints_2d": [0.0] * 210}
    frame(tmp_path / "both" / "a_0.json", person(**hands))
    assert read(tmp_path / "both").notes[-1:] == ("not read: hand_right_keypoints_2d",)
    frame(tmp_path / "hands" / "a_0.json", {"pose_keypoints_2d": [], **hands})
    recording = read(tmp_path / "hands")
    assert not recording.observed.any()
    assert recording.notes == ("not read: hand_right_keypoints_2d",)


def test_lists_of_one_frame_or_several(tmp_path: Path) -> None:
    frames = [
        {"people": [person(BODY + number)], "canvas_height": 512, "canvas_width": 512} for number in range(3)
    ]
    for number in (0, 2):
        path = tmp_path / "each" / f"pose_{number:05d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps([frames[number]]))
    each = read(tmp_path / "each")
    assert each.observed[0].all(-1).tolist() == [True, False, True]
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "pose_7.json").write_text(json.dumps(frames))
    np.testing.assert_allclose(read(tmp_path / "all").positions[0], [BODY, BODY + 1, BODY + 2], rtol=1e-5)
    (tmp_path / "all" / "pose_8.json").write_text(json.dumps(frames))
    with pytest.raises(InputError, match="not a single frame; expected one in each file; got a list of 3"):
        read(tmp_path / "all")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "pose_8.json").write_text(json.dumps([frames[0], {"version": 1}]))
    with pytest.raises(InputError, match="no list of people"):
        read(tmp_path / "odd")
