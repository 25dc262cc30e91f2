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
# Places in OpenPose's own drawing of BODY_25.
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


def test_recordings_are_told_apart_by_the_names_of_their_frames(tmp_path: Path) -> None:
    for name in ("a_0", "a_1", "video2_000", "7", "8"):
        frame(tmp_path / f"{name}_keypoints.json", person())
    files = find_files(tmp_path, [OPENPOSE])
    assert {file.path.name: len(file.frame_files) for file in files} == {tmp_path.name: 2, "a": 2, "video2": 1}


@pytest.mark.parametrize(("joints", "layout"), [(18, "openpose18"), (25, "openpose25")])
def test_the_number_of_values_says_the_layout(joints: int, layout: str, tmp_path: Path) -> None:
    recording = read(frame(tmp_path / "a_0_keypoints.json", person(BODY[:joints])))
    assert recording.skeleton.name == layout
    np.testing.assert_allclose(recording.positions[0, 0], BODY[:joints], rtol=1e-6)


def test_confidence_0_is_unobserved_and_the_lowest_above_it_is_not(tmp_path: Path) -> None:
    rows = np.c_[BODY, np.full(25, 1e-6)]
    rows[NOSE] = 0
    recording = read(frame(tmp_path / "a_0_keypoints.json", person(pose_keypoints_2d=rows.ravel().tolist())))
    assert np.flatnonzero(~recording.observed[0, 0]).tolist() == [recording.skeleton.index["nose"]]


def test_persons_in_changing_order_and_number(tmp_path: Path) -> None:
    here, there = BODY, BODY + 1000
    frame(tmp_path / "a_0_keypoints.json", person(here), person(there))
    frame(tmp_path / "a_1_keypoints.json", person(there))
    frame(tmp_path / "a_2_keypoints.json")
    frame(tmp_path / "a_3_keypoints.json", person(there), person(here))
    recording = read(tmp_path)
    assert recording.observed.all(-1).tolist() == [[True, False, False, True], [True, True, False, True]]
    for number, name in enumerate(sorted(path.name for path in tmp_path.iterdir())):
        people = [person(place, person_id=[who]) for who, place in ((4, here), (2, there)) if number != 2]
        frame(tmp_path / name, *people)
    assert read(tmp_path).positions[:, 0, 0, 0].tolist() == pytest.approx([there[0, 0], here[0, 0]])


def test_3d_is_read_where_it_is_and_left_stays_left(tmp_path: Path) -> None:
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
    with pytest.raises(InputError, match=r"wrong number of joints; expected .*18 or 25.*; got 20 joints"):
        read(tmp_path)
    frame(tmp_path / "a_1_keypoints.json", person(BODY[:18]))
    with pytest.raises(InputError, match=r"expected 20 joints.*got 18, 20 joints"):
        read(tmp_path, layout=KINECT20)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "no list of people"),
        ('{"people": {}}', "no list of people"),
        ('{"people": [1]}', "no list of people"),
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "wrong number of values"),
        ('{"people": [{"pose_keypoints_2d": ["a", 1, 2]}]}', "not a list of numbers"),
        ('{"people": [{"pose_keypoints_2d": {"a": 1}}]}', "not a list of numbers"),
        ('{"people": [{"pose_keypoints_2d": [[1], 2, 3]}]}', "not a list of numbers"),
        ('{"people": [{"pose', "cut short"),
        ("", "empty"),
    ],
)
def test_what_is_wrong_is_said_of_the_frame(content: str, said: str, tmp_path: Path) -> None:
    frame(tmp_path / "a_0_keypoints.json", person())
    (tmp_path / "a_1_keypoints.json").write_text(content)
    with pytest.raises(InputError, match=rf"a_1_keypoints\.json.*{said}"):
        read(tmp_path)


def test_frame_numbers_are_not_believed(tmp_path: Path) -> None:
    frame(tmp_path / "a_0_keypoints.json", person())
    far = frame(tmp_path / "a_999999999999_keypoints.json", person())
    with pytest.raises(InputError, match=r"not the frames of one recording.*999999999999"):
        read(tmp_path)
    far.rename(tmp_path / "a_00_keypoints.json")
    with pytest.raises(InputError, match="the frame is there twice"):
        read(tmp_path)
