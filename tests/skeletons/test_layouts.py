from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.skeletons import (
    COCO17,
    H36M17,
    HAND21,
    KINECT20,
    LAYOUTS,
    MEDIAPIPE33,
    NTU25,
    OPENPOSE18,
    OPENPOSE25,
    PENN13,
    SBU15,
    SMPL24,
    VOCABULARY,
    Skeleton,
)

layouts = pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=LAYOUTS)
bodies = pytest.mark.parametrize(
    "skeleton", [body for body in LAYOUTS.values() if body != HAND21], ids=lambda body: body.name
)


@layouts
def test_it_is_one_tree(skeleton: Skeleton) -> None:
    count = skeleton.num_joints
    assert len(skeleton.bones) == count - 1
    assert skeleton.adjacency.sum() == 2 * (count - 1)
    assert not skeleton.adjacency.diagonal().any()
    reached = np.linalg.matrix_power(skeleton.adjacency + np.eye(count), count) > 0
    assert reached.all()


@layouts
def test_names_are_those_of_the_vocabulary(skeleton: Skeleton) -> None:
    assert set(skeleton.joints) <= set(VOCABULARY)
    assert LAYOUTS[skeleton.name] is skeleton
    assert skeleton.source


@layouts
def test_the_mirror_is_an_involution(skeleton: Skeleton) -> None:
    swap = skeleton.mirror_index
    np.testing.assert_array_equal(swap[swap], np.arange(skeleton.num_joints))


@bodies
def test_the_mirror_of_a_body_is_its_other_side_and_keeps_the_tree(skeleton: Skeleton) -> None:
    swap = skeleton.mirror_index
    for place, joint in enumerate(skeleton.joints):
        other = skeleton.joints[swap[place]]
        assert other == joint.replace("left_", "R_").replace("right_", "left_").replace("R_", "right_")
    np.testing.assert_array_equal(skeleton.adjacency[swap][:, swap], skeleton.adjacency)


@layouts
def test_parts_cover_every_joint_once(skeleton: Skeleton) -> None:
    assert sorted(joint for joints in skeleton.parts.values() for joint in joints) == sorted(skeleton.joints)
    for place, joint in enumerate(skeleton.joints):
        assert joint in list(skeleton.parts.values())[skeleton.part_index[place]]


@bodies
def test_a_body_has_six_parts(skeleton: Skeleton) -> None:
    assert set(skeleton.parts) == {"head", "torso", "left_arm", "right_arm", "left_leg", "right_leg"}


@bodies
def test_shoulders_and_hips_say_where_a_body_faces(skeleton: Skeleton) -> None:
    names = [(skeleton.joints[left], skeleton.joints[right]) for left, right in skeleton.left_right]
    assert names == [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")]


def test_coco17_parts_are_those_of_the_graph_skeletonmae() -> None:
    # Yan et al., ICCV 2023: head 5, torso 4, each limb 2 of the COCO-17 keypoints.
    expected = [{0, 1, 2, 3, 4}, {5, 6, 11, 12}, {7, 9}, {8, 10}, {13, 15}, {14, 16}]
    assert [set(np.flatnonzero(COCO17.part_index == part)) for part in range(6)] == expected


def bones_of(skeleton: Skeleton) -> set[frozenset[int]]:
    return {frozenset((skeleton.index[joint], skeleton.index[parent])) for joint, parent in skeleton.bones}


def pairs(*numbers: int) -> set[frozenset[int]]:
    return {frozenset(bone) for bone in zip(numbers[::2], numbers[1::2], strict=True)}


# As the sources number them from 0, but NTU's: its documents number from 1.
BONES = {
    "ntu25": (
        1, 2, 2, 21, 3, 21, 4, 3, 5, 21, 6, 5, 7, 6, 8, 7, 9, 21, 10, 9, 11, 10, 12, 11, 13, 1, 14, 13, 15, 14,
        16, 15, 17, 1, 18, 17, 19, 18, 20, 19, 22, 8, 23, 7, 24, 12, 25, 11,
    ),
    "coco17": (
        15, 13, 13, 11, 16, 14, 14, 12, 11, 5, 12, 6, 9, 7, 7, 5, 10, 8, 8, 6, 5, 0, 6, 0, 1, 0, 3, 1, 2, 0, 4, 2,
    ),
    "openpose18": (
        1, 2, 1, 5, 2, 3, 3, 4, 5, 6, 6, 7, 1, 8, 8, 9, 9, 10, 1, 11, 11, 12, 12, 13, 1, 0, 0, 14, 14, 16, 0, 15,
        15, 17,
    ),
    "openpose25": (
        1, 8, 1, 2, 1, 5, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 10, 11, 8, 12, 12, 13, 13, 14, 1, 0, 0, 15, 15, 17,
        0, 16, 16, 18, 14, 19, 19, 20, 14, 21, 11, 22, 22, 23, 11, 24,
    ),
    "hand21": (
        0, 1, 1, 2, 2, 3, 3, 4, 0, 5, 5, 6, 6, 7, 7, 8, 0, 9, 9, 10, 10, 11, 11, 12, 0, 13, 13, 14, 14, 15, 15, 16,
        0, 17, 17, 18, 18, 19, 19, 20,
    ),
}  # fmt: skip
PARENTS = {
    "h36m17": [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15],
    "smpl24": [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21],
}


@pytest.mark.parametrize("name", BONES)
def test_bones_are_those_of_the_source(name: str) -> None:
    first = 1 if name == "ntu25" else 0
    assert bones_of(LAYOUTS[name]) == pairs(*(number - first for number in BONES[name]))


@pytest.mark.parametrize("name", PARENTS)
def test_parents_are_those_of_the_source(name: str) -> None:
    skeleton, parents = LAYOUTS[name], PARENTS[name]
    assert skeleton.root == skeleton.joints[0]
    assert skeleton.parent_index.tolist() == [0, *parents[1:]]


def test_mediapipe33_keeps_to_the_graph_it_is_drawn_with() -> None:
    drawn = pairs(
        0, 1, 1, 2, 2, 3, 3, 7, 0, 4, 4, 5, 5, 6, 6, 8, 9, 10, 11, 12, 11, 13, 13, 15, 15, 17, 15, 19, 15, 21,
        17, 19, 12, 14, 14, 16, 16, 18, 16, 20, 16, 22, 18, 20, 11, 23, 12, 24, 23, 24, 23, 25, 24, 26, 25, 27,
        26, 28, 27, 29, 28, 30, 29, 31, 30, 32, 27, 31, 28, 32,
    )  # fmt: skip
    # It has three pieces, face, mouth and body: the nose joins them.
    assert bones_of(MEDIAPIPE33) - drawn == pairs(0, 9, 0, 10, 0, 11, 0, 12)


# What the sources call their joints, in order, and what is meant where it is not what they say.
SOURCES = {
    "openpose25": (
        "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee LAnkle REye "
        "LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
        {"Neck": "ShoulderCenter", "MidHip": "Pelvis"},
    ),
    "openpose25b": (
        "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle RAnkle "
        "UpperNeck HeadTop LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
        {"UpperNeck": "Neck"},
    ),
    "halpe26": (
        "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle RAnkle "
        "Head Neck Hip LBigToe RBigToe LSmallToe RSmallToe LHeel RHeel",
        {"Head": "HeadTop", "Hip": "Pelvis"},
    ),
    "azure32": (
        "Pelvis SpineNavel SpineChest Neck LClavicle LShoulder LElbow LWrist LHand LHandTip LThumb RClavicle RShoulder "
        "RElbow RWrist RHand RHandTip RThumb LHip LKnee LAnkle LFoot RHip RKnee RAnkle RFoot Head Nose LEye LEar REye "
        "REar",
        {"SpineNavel": "Spine1", "SpineChest": "Spine3", "LClavicle": "LCollar", "RClavicle": "RCollar"},
    ),
    "zed34": (
        "Pelvis NavalSpine ChestSpine Neck LClavicle LShoulder LElbow LWrist LHand LHandTip LThumb RClavicle RShoulder "
        "RElbow RWrist RHand RHandTip RThumb LHip LKnee LAnkle LFoot RHip RKnee RAnkle RFoot Head Nose LEye LEar REye "
        "REar LHeel RHeel",
        {"NavalSpine": "Spine1", "ChestSpine": "Spine3", "LClavicle": "LCollar", "RClavicle": "RCollar"},
    ),
    "zed38": (
        "Pelvis Spine1 Spine2 Spine3 Neck Nose LEye REye LEar REar LClavicle RClavicle LShoulder RShoulder LElbow "
        "RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle RAnkle LBigToe RBigToe LSmallToe RSmallToe LHeel RHeel "
        "LHandThumb4 RHandThumb4 LHandIndex1 RHandIndex1 LHandMiddle4 RHandMiddle4 LHandPinky1 RHandPinky1",
        {
            "LClavicle": "LCollar", "RClavicle": "RCollar", "LHandThumb4": "LThumb", "RHandThumb4": "RThumb",
            "LHandIndex1": "LIndexMcp", "RHandIndex1": "RIndexMcp", "LHandMiddle4": "LHandTip",
            "RHandMiddle4": "RHandTip", "LHandPinky1": "LPinkyMcp", "RHandPinky1": "RPinkyMcp",
        },
    ),
    "openpose18": (
        "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee LAnkle REye LEye "
        "REar LEar",
        {"Neck": "ShoulderCenter"},
    ),
    "mediapipe33": (
        "Nose LEyeInner LEye LEyeOuter REyeInner REye REyeOuter LEar REar LMouth RMouth LShoulder RShoulder LElbow "
        "RElbow LWrist RWrist LPinky RPinky LIndex RIndex LThumb RThumb LHip RHip LKnee RKnee LAnkle RAnkle LHeel "
        "RHeel LFootIndex RFootIndex",
        {
            "LPinky": "LPinkyMcp", "RPinky": "RPinkyMcp", "LIndex": "LIndexMcp", "RIndex": "RIndexMcp",
            "LThumb": "LThumbIp", "RThumb": "RThumbIp", "LFootIndex": "LToe", "RFootIndex": "RToe",
        },
    ),
    "h36m17": (
        "Hip RHip RKnee RFoot LHip LKnee LFoot Spine Thorax NeckNose Head LShoulder LElbow LWrist RShoulder RElbow "
        "RWrist",
        {
            "Hip": "Pelvis", "RFoot": "RAnkle", "LFoot": "LAnkle", "Thorax": "ShoulderCenter", "NeckNose": "Nose",
            "Head": "HeadTop",
        },
    ),
    "smpl24": (
        "Pelvis LHip RHip Spine1 LKnee RKnee Spine2 LAnkle RAnkle Spine3 LFoot RFoot Neck LCollar RCollar Head "
        "LShoulder RShoulder LElbow RElbow LWrist RWrist LHand RHand",
        {"Head": "HeadBase"},
    ),
    "hand21": (
        "Wrist ThumbCmc ThumbMcp ThumbIp ThumbTip IndexMcp IndexPip IndexDip IndexTip MiddleMcp MiddlePip MiddleDip "
        "MiddleTip RingMcp RingPip RingDip RingTip PinkyMcp PinkyPip PinkyDip PinkyTip",
        {},
    ),
}  # fmt: skip


def ours(name: str) -> str:
    if name[0] in "LR" and name[1].isupper():
        name = {"L": "Left", "R": "Right"}[name[0]] + name[1:]
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).removeprefix("_")


@pytest.mark.parametrize("name", SOURCES)
def test_the_order_is_that_of_the_source(name: str) -> None:
    joints, meant = SOURCES[name]
    assert list(LAYOUTS[name].joints) == [ours(meant.get(joint, joint)) for joint in joints.split()]


def test_the_set_of_layouts_by_number_of_joints() -> None:
    for name, skeleton in LAYOUTS.items():
        assert name.rstrip("b").endswith(str(skeleton.num_joints))
    assert set(LAYOUTS) == {
        "ntu25", "kinect20", "coco17", "openpose18", "openpose25", "mediapipe33", "h36m17", "smpl24", "penn13",
        "sbu15", "hand21", "openpose25b", "halpe26", "azure32", "zed34", "zed38",
    }  # fmt: skip


def test_joint_orders_by_hand() -> None:
    assert [NTU25.joints[i] for i in (0, 1, 2, 3, 7, 20, 21, 24)] == [
        "pelvis", "spine", "neck", "head", "left_hand", "shoulder_center", "left_hand_tip", "right_thumb",
    ]  # fmt: skip
    assert KINECT20.joints == (*NTU25.joints[:2], "shoulder_center", *NTU25.joints[3:20])
    assert [COCO17.joints[i] for i in (0, 1, 4, 9, 16)] == [
        "nose", "left_eye", "right_ear", "left_wrist", "right_ankle",
    ]  # fmt: skip
    assert [PENN13.joints[i] for i in (0, 1, 12)] == ["head", "left_shoulder", "right_ankle"]
    assert [SBU15.joints[i] for i in (0, 1, 2, 3, 8, 14)] == [
        "head", "shoulder_center", "spine", "left_shoulder", "right_hand", "right_foot",
    ]  # fmt: skip


def test_middles_of_bodies() -> None:
    assert {body.name: body.center for body in (COCO17, OPENPOSE18, MEDIAPIPE33)} == dict.fromkeys(
        ("coco17", "openpose18", "mediapipe33"), ("left_hip", "right_hip")
    )
    assert {body.center for body in (OPENPOSE25, H36M17, SMPL24)} == {("pelvis",)}


def test_a_hand_has_a_palm_and_five_fingers_and_is_its_own_mirror() -> None:
    assert [len(joints) for joints in HAND21.parts.values()] == [1, 4, 4, 4, 4, 4]
    assert HAND21.mirror_index.tolist() == list(range(21))
    assert HAND21.left_right == ()


@pytest.mark.real
def test_the_neck_of_sbu_is_the_middle_of_the_shoulders(real_data: Path) -> None:
    for file in sorted(real_data.glob("sbu/*/*/*/skeleton_pos.txt"))[::20]:
        joints = np.loadtxt(file, delimiter=",", ndmin=2)[:, 1:].reshape(-1, 15, 3)
        at = {
            name: joints[:, SBU15.index[name]] for name in ("shoulder_center", "left_shoulder", "right_shoulder")
        }
        middle = (at["left_shoulder"] + at["right_shoulder"]) / 2
        np.testing.assert_allclose(at["shoulder_center"], middle, atol=1e-4)
