from __future__ import annotations

import pytest

from skeletonmae.skeletons import LAYOUTS, MEDIAPIPE33, VOCABULARY
from skeletonmae.skeletons.aliases import (
    SCHEMES,
    canonical_joint_names,
    rig_joints,
    strip_shared,
    vocabulary_joint,
    vocabulary_joints,
)


@pytest.mark.parametrize(
    ("name", "joint"),
    [
        ("SpineBase", "pelvis"), ("SpineMid", "spine"), ("SpineShoulder", "shoulder_center"),
        ("HipCenter", "pelvis"), ("HandTipLeft", "left_hand_tip"), ("ShoulderRight", "right_shoulder"),
        ("K4ABT_JOINT_HANDTIP_LEFT", "left_hand_tip"), ("SPINE_NAVEL", "spine1"), ("ClavicleLeft", "left_collar"),
        ("RShoulder", "right_shoulder"), ("MidHip", "pelvis"), ("LBigToe", "left_big_toe"), ("REar", "right_ear"),
        ("LEFT_SHOULDER", "left_shoulder"), ("mouth_right", "right_mouth"), ("left_foot_index", "left_toe"),
        ("RIGHT_INDEX", "right_index_mcp"), ("L_Hip", "left_hip"), ("R_Collar", "right_collar"),
        ("mixamorig:LeftArm", "left_shoulder"), ("mixamorig:LeftShoulder", "left_collar"),
        ("mixamorig7:RightHand", "right_wrist"), ("LeftUpLeg", "left_hip"), ("lfemur", "left_hip"),
        ("rhumerus", "right_shoulder"), ("LHJC", "left_hip"), ("Subject:RKJC", "right_knee"), ("r.knee", "right_knee"),
        ("left wrist", "left_wrist"), ("Left-Wrist", "left_wrist"),
    ],
)  # fmt: skip
def test_names_that_mean_one_joint(name: str, joint: str) -> None:
    assert vocabulary_joint(name) == joint


@pytest.mark.parametrize(
    "name", ["hip", "root", "thorax", "LeftArm", "rear", "tail", "LASI", "LKNE", "pose_0", "C7", ""]
)
def test_names_that_could_mean_several_joints_or_none_are_no_aliases(name: str) -> None:
    assert vocabulary_joint(name) is None


@pytest.mark.parametrize("joint", VOCABULARY)
def test_the_vocabulary_means_itself(joint: str) -> None:
    assert vocabulary_joint(joint) == joint


def test_every_alias_is_a_joint_and_left_stays_left() -> None:
    for scheme in SCHEMES:
        assert scheme.source
        for name, joint in scheme.joints.items():
            assert joint in VOCABULARY
            if "left" in name or "right" in name:
                assert joint.startswith("left" if "left" in name else "right")


def test_all_names_of_a_file_tell_what_one_means() -> None:
    body25 = ("Nose", "Neck", "RShoulder", "MidHip")
    assert vocabulary_joints(body25) == ("nose", "shoulder_center", "right_shoulder", "pelvis")
    pose2sim = ("RHip", "RBigToe", "Neck", "Head", "Nose")
    assert vocabulary_joints(pose2sim) == ("right_hip", "right_big_toe", "neck", "head_top", "nose")
    h36m = ("Hip", "RHip", "RFoot", "Spine", "Thorax", "Neck/Nose", "Head")
    expected = ("pelvis", "right_hip", "right_ankle", "spine", "shoulder_center", "nose", "head_top")
    assert vocabulary_joints(h36m) == expected
    assert vocabulary_joints(("nose", "left_pinky", "left_thumb")) == ("nose", "left_pinky_mcp", "left_thumb_ip")
    assert vocabulary_joints([f"pose_{number}" for number in range(33)]) == MEDIAPIPE33.joints
    assert vocabulary_joints(["pose_0", "pose_1"]) == (None, None)


def test_where_the_schemes_differ_a_name_of_the_vocabulary_is_itself() -> None:
    limbs = ("RHip", "RKnee", "RAnkle", "Neck")  # of OpenPose the neck would be between the shoulders
    assert vocabulary_joints(limbs) == ("right_hip", "right_knee", "right_ankle", "neck")
    assert vocabulary_joints(("LeftHand", "Head", "LeftFoot")) == ("left_hand", "head", "left_foot")


def test_a_joint_of_a_rig_is_where_its_bone_begins() -> None:
    names = ("Hips", "LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand", "LeftUpLeg", "LeftFoot", "Head")
    expected = (
        "pelvis", "left_collar", "left_shoulder", "left_elbow", "left_wrist", "left_hip", "left_ankle", "head_base",
    )  # fmt: skip
    assert vocabulary_joints(names) == rig_joints(names) == expected
    # CMU's forearm has a joint for its twist, called wrist, before the hand.
    assert rig_joints(("lradius", "lwrist", "lhand")) == ("left_elbow", None, "left_wrist")
    assert rig_joints(("LeftElbow", "LeftWrist")) == ("left_elbow", "left_wrist")


@pytest.mark.parametrize(
    ("names", "joints"),
    [
        (("body_nose", "body_left_eye", "body_tail"), ("nose", "left_eye", "tail")),
        (("Anna:LASI", "Anna:RASI"), ("lasi", "rasi")),
        (("JointP_SpineBase", "JointP_FootLeft"), ("pelvis", "left_foot")),
        (("SpineBase.position", "HipLeft.position"), ("pelvis", "left_hip")),
        (("SpineBase_Pos", "HipLeft_Pos"), ("pelvis", "left_hip")),
        (("Model_Hips", "Model_LeftForeArm"), ("pelvis", "left_elbow")),
        (("CC_Base_Hip", "CC_Base_L_Forearm", "CC_Base_NeckTwist01"), ("pelvis", "left_elbow", "neck")),
        (("mPelvis", "mHipLeft", "mElbowRight"), ("pelvis", "left_hip", "right_elbow")),
    ],
)
def test_what_all_names_share_is_stripped(names: tuple[str, ...], joints: tuple[str, ...]) -> None:
    assert canonical_joint_names(names) == joints


@pytest.mark.parametrize(
    "names",
    [
        ("left_ear", "left_eye"),
        ("left_eye_inner", "right_eye_inner"),
        ("left_ear_base", "right_ear_base"),
        ("hip", "hip_left", "hip_right"),
        ("front_left_paw", "front_right_paw"),
        ("mouse_tail", "mouse_snout"),
    ],
)
def test_words_that_tell_joints_apart_stay(names: tuple[str, ...]) -> None:
    assert strip_shared(names) == names


def test_segments_of_xsens_mean_joints_only_together() -> None:
    names = (
        "Pelvis",
        "L5",
        "T8",
        "Right Shoulder",
        "Right Upper Arm",
        "Right Forearm",
        "Left Upper Leg",
        "Left Toe",
    )
    assert vocabulary_joints(names) == (
        "pelvis", "spine1", "spine3", "right_collar", "right_shoulder", "right_elbow", "left_hip", "left_foot",
    )  # fmt: skip
    assert vocabulary_joint("LShoulder") == "left_shoulder"
    assert vocabulary_joint("T8") is None


def test_of_two_bones_with_one_name_the_one_without_underscores_has_it() -> None:
    assert rig_joints(("__UpLeg_L", "UpLeg_L", "LoLeg_L")) == (None, "left_hip", "left_knee")
    assert rig_joints(("Hips", "Hip")) == ("pelvis", None)


def test_two_names_of_one_joint_are_not_merged() -> None:
    assert canonical_joint_names(("MidHip", "hips", "tail")) == ("mid_hip", "hips", "tail")
    assert canonical_joint_names(("pelvis", "MidHip")) == ("pelvis", "mid_hip")
    assert canonical_joint_names(("ear L", "ear-l")) == ("ear L", "ear-l")


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_names_of_a_built_in_layout_stay_as_they_are(layout: object) -> None:
    joints = layout.joints  # type: ignore[attr-defined]
    assert canonical_joint_names(joints) == joints


@pytest.mark.parametrize("name", ["a" * 200_000, "mixamorig:" * 20_000 + "x", "x:" * 100_000, "_" * 200_000 + "b"])
def test_names_of_any_length_are_looked_up(name: str) -> None:
    assert vocabulary_joints([name, "RKnee"]) == (None, "right_knee")
