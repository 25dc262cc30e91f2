from __future__ import annotations

from pathlib import Path

import pytest

from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.formats.wide_sets import objects_beside_a_body, one_of_each, quaternion
from skeletonmae.sequences import SkeletonSequence

LIMBS = ("left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle")


def read(tmp_path: Path, columns: dict[str, float]) -> SkeletonSequence:
    path = tmp_path / "mine.csv"
    path.write_text(f"{','.join(columns)}\n{','.join(map(str, columns.values()))}\n")
    (recording,) = FORMATS["wide_table"].read(path, ReadOptions())
    return recording


def columns(template: str, joints: tuple[str, ...], fields: str, value: float) -> dict[str, float]:
    return {
        template.format(joint=joint, field=field): value + place
        for place, joint in enumerate(joints)
        for field in fields
    }


def test_a_quaternion_is_no_position(tmp_path: Path) -> None:
    joints = ("SpineBase", "Neck", "Head", "FootLeft")
    recording = read(
        tmp_path,
        columns("JointP_{joint}_{field}", joints, "XYZ", 1)
        | columns("JointO_{joint}_{field}", joints, "XYZW", 0.5),
    )
    assert recording.skeleton.num_joints == 4
    assert recording.positions[0, 0, :, 0].tolist() == [1, 2, 3, 4]
    assert any("JointO_SpineBase_X" in note and "JointO_FootLeft_W" in note for note in recording.notes)
    assert quaternion("HeadW") == "Head"
    assert quaternion("elbow") is None


@pytest.mark.parametrize(
    ("one", "other", "chosen"),
    [
        ("{joint}_{field}", "{joint}_world_{field}", "other"),
        ("world_{joint}_{field}", "image_{joint}_{field}", "one"),
        ("{joint}_{field}", "pred_{joint}_{field}", "one"),
        ("{joint}_2d_{field}", "{joint}_3d_{field}", "other"),
    ],
)
def test_of_two_sets_of_the_same_joints_one_is_read(one: str, other: str, chosen: str, tmp_path: Path) -> None:
    recording = read(tmp_path, columns(one, LIMBS, "xyz", 1) | columns(other, LIMBS, "xyz", 101))
    assert recording.skeleton.joints == LIMBS
    assert recording.positions[0, 0, 0, 0] == (1 if chosen == "one" else 101)
    assert any(note.startswith("the same joints are there several times") for note in recording.notes)


@pytest.mark.parametrize(
    "joints",
    [
        ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
        ("front_left_paw", "front_right_paw", "hind_left_paw", "hind_right_paw", "left_paw", "right_paw"),
        ("left_eye", "right_eye", "left_eye_inner", "right_eye_inner", "left_eye_outer", "right_eye_outer"),
        ("p1_nose", "p1_left_ear", "p1_right_ear", "p2_nose", "p2_left_ear", "p2_right_ear"),
    ],
)
def test_joints_that_share_words_are_no_sets(joints: tuple[str, ...]) -> None:
    assert one_of_each(joints) == ({joint: joint for joint in joints}, ())


def test_an_object_beside_a_body_is_no_joint(tmp_path: Path) -> None:
    recording = read(tmp_path, columns("{joint}_{field}", (*LIMBS, "ball"), "xyz", 1))
    assert recording.skeleton.joints == LIMBS
    assert "objects, which are no joints of the body, are left out: ball" in recording.notes
    assert objects_beside_a_body((*LIMBS, "tail_base")) == []
    assert objects_beside_a_body(("ball", "racket", "nose")) == []
