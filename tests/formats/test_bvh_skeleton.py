from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats.bvh_skeleton import bvh_skeleton
from skeletonmae.formats.decoders.bvh_text import Bvh, parse_bvh
from skeletonmae.skeletons import KINECT20, SMPL24, VOCABULARY, Skeleton, conversion


def skeleton_of(*pairs: tuple[str, str]) -> Skeleton:
    """Of joints, each with the name of its parent."""
    joints = tuple(joint for joint, _ in pairs)
    parents = tuple(joints.index(parent) if parent else -1 for _, parent in pairs)
    return bvh_skeleton(Bvh(joints, parents, np.zeros((len(pairs), 3)), ((),) * len(pairs), 0.1, np.zeros((1, 0))))


def chain(*joints: str) -> Skeleton:
    return skeleton_of(*zip(joints, ("", *joints), strict=False))


ARM = ["collar", "shoulder", "elbow", "wrist"]
LEG = ["hip", "knee", "ankle", "foot"]
SPELLED = {
    "mixamo": ("mixamorig:{}", ["LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand"],
               ["LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase"]),
    "bandai namco": ("{}", ["Shoulder_L", "UpperArm_L", "LowerArm_L", "Hand_L"],
                     ["UpperLeg_L", "LowerLeg_L", "Foot_L", "Toes_L"]),
    "biped": ("Bip01 {}", ["L Clavicle", "L UpperArm", "L Forearm", "L Hand"], ["L Thigh", "L Calf", "L Foot", "L Toe0"]),
    "poser": ("{}", ["lCollar", "lShldr", "lForeArm", "lHand"], ["lThigh", "lShin", "lFoot", "lToe"]),
    "older": ("{}", ["LeftCollar", "LeftShoulder", "LeftElbow", "LeftWrist"], ["LeftHip", "LeftKnee", "LeftAnkle", "LeftToe"]),
    "unreal": ("{}", ["clavicle_l", "upperarm_l", "lowerarm_l", "hand_l"], ["thigh_l", "calf_l", "foot_l", "ball_l"]),
    "blender": ("{}", ["shoulder.L", "upper_arm.L", "forearm.L", "hand.L"], ["thigh.L", "shin.L", "foot.L", "toe.L"]),
    "daz": ("{}", ["lCollar", "lShldrBend", "lForearmBend", "lHand"], ["lThighBend", "lShin", "lFoot", "lToe"]),
    "makehuman": ("{}", ["Clavicle_L", "UpArm_L", "LoArm_L", "Hand_L"], ["UpLeg_L", "LoLeg_L", "Foot_L", "Toe_L"]),
    "motive": ("Skeleton 001_{}", ["LeftShoulder", "LeftUArm", "LeftFArm", "LeftHand"],
               ["LeftThigh", "LeftShin", "LeftFoot", "LeftToe"]),
    "vrm": ("J_Bip_{}", ["L_Shoulder", "L_UpperArm", "L_LowerArm", "L_Hand"],
            ["L_UpperLeg", "L_LowerLeg", "L_Foot", "L_ToeBase"]),
    "noitom": ("Robot_{}", ["LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand"],
               ["LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase"]),
    "motionbuilder": ("Character1_{}", ["LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand"],
                      ["LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase"]),
}  # fmt: skip


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("program", SPELLED)
def test_limbs_as_programs_call_them(program: str, side: str) -> None:
    how, arm, leg = SPELLED[program]
    other = {"Left": "Right", "L ": "R ", "L_": "R_", "_L": "_R", ".L": ".R", "_l": "_r", "l": "r"}

    def spelled(names: list[str]) -> list[str]:
        if side == "right":
            names = [next(name.replace(a, b, 1) for a, b in other.items() if a in name) for name in names]
        return [how.format(name) for name in names]

    assert chain(how.format("Hips"), *spelled(arm)).joints[1:] == tuple(f"{side}_{joint}" for joint in ARM)
    assert chain(how.format("Hips"), *spelled(leg)).joints[1:] == tuple(f"{side}_{joint}" for joint in LEG)


def test_a_shoulder_is_a_collar_only_above_an_upper_arm() -> None:
    assert chain("Hips", "LeftShoulder", "LeftArm").joints == ("pelvis", "left_collar", "left_shoulder")
    assert chain("Hips", "LeftShoulder", "LeftElbow").joints == ("pelvis", "left_shoulder", "left_elbow")


@pytest.mark.parametrize(
    ("joints", "wanted"),
    [
        (
            ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Head"),
            ("spine1", "spine2", "spine3", "neck", "head_base"),
        ),
        (("Hips", "Spine", "Spine1", "Chest", "Neck"), ("spine1", "spine2", "spine3", "neck")),
        (("Hips", "Spine", "Chest", "Neck", "Head"), ("spine", "spine3", "neck", "head_base")),
        (("Hips", "Chest", "Neck", "Head"), ("spine", "neck", "head_base")),
        (("Hips", "Spine", "Head", "HeadTop_End"), ("spine", "head_base", "head_top")),
    ],
)
def test_the_back_by_how_many_joints_it_has(joints: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    assert chain(*joints).joints == ("pelvis", *wanted)


def test_other_joints_keep_their_names() -> None:
    joints = chain(
        "ns:Reference", "LowerBack", "LeftHandIndex1", "L Finger0", "mixamorig:Tail 2", "手", "Bip01"
    ).joints
    assert joints == ("reference", "lower_back", "left_hand_index1", "l_finger0", "tail_2", "手", "bip01")


def test_of_two_with_one_name_the_second_keeps_its_own() -> None:
    joints = chain("Hips", "Pelvis", "LeftHand", "LeftWrist", "Tail", "tail", "Tail").joints
    assert joints == ("pelvis", "pelvis_2", "left_wrist", "left_wrist_2", "tail", "tail_2", "tail_3")
    assert chain("Hips", "Hip").joints == ("pelvis", "hip")


def test_the_tree_is_that_of_the_file() -> None:
    skeleton = skeleton_of(("Root", ""), ("Hips", "Root"), ("LeftUpLeg", "Hips"), ("RightUpLeg", "Hips"))
    assert skeleton.parents == {"pelvis": "root", "left_hip": "pelvis", "right_hip": "pelvis"}
    assert skeleton.root == "root"
    assert skeleton.center == ("pelvis",)
    assert skeleton.mirror["left_hip"] == "right_hip"
    assert chain("Root", "Tail").center == ("root",)


def test_too_many_joints() -> None:
    with pytest.raises(InputError, match="too many joints"):
        chain(*(f"j{number}" for number in range(1001)))


@pytest.mark.real
def test_one_layout_for_all_real_files(real_data: Path) -> None:
    paths = sorted((real_data / "bandai_namco_sample").glob("*.bvh"))
    skeletons = [bvh_skeleton(parse_bvh(path.read_bytes(), str(path))) for path in paths]
    assert len(skeletons) == 49
    assert all(skeleton == skeletons[0] for skeleton in skeletons)
    assert skeletons[0].num_joints == 22
    assert set(skeletons[0].joints) - VOCABULARY.keys() == {"joint_root"}
    assert {f"{side}_{joint}" for side in ("left", "right") for joint in ARM + LEG} <= set(skeletons[0].joints)
    for target in (KINECT20, SMPL24):
        assert len(conversion(skeletons[0], target).missing) <= 4
