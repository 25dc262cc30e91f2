from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.skeletons import COCO17, KINECT20, LAYOUTS, NTU25, PENN13, SBU15, VOCABULARY, Skeleton

layouts = pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=LAYOUTS)
bodies = pytest.mark.parametrize("skeleton", [NTU25, KINECT20, COCO17, PENN13, SBU15], ids=lambda body: body.name)


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


def test_ntu25_bones_are_those_of_the_sensor() -> None:
    # Numbered from 1 as in the set's own documents: spine base 1, spine mid 2, neck 3, head 4, left arm 5-8,
    # right arm 9-12, left leg 13-16, right leg 17-20, spine shoulder 21, left tip and thumb 22 23, right 24 25.
    by_hand = {
        (1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11),
        (13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 8), (23, 7), (24, 12),
        (25, 11),
    }  # fmt: skip
    found = {(NTU25.index[a] + 1, NTU25.index[b] + 1) for a, b in NTU25.bones}
    assert {frozenset(bone) for bone in found} == {frozenset(bone) for bone in by_hand}


def test_joint_orders_by_hand() -> None:
    assert [NTU25.joints[i] for i in (0, 1, 2, 3, 7, 20, 21, 24)] == [
        "pelvis", "spine", "neck", "head", "left_hand", "shoulder_center", "left_hand_tip", "right_thumb",
    ]  # fmt: skip
    assert KINECT20.joints == (*NTU25.joints[:2], "shoulder_center", *NTU25.joints[3:20])
    assert [COCO17.joints[i] for i in (0, 1, 4, 9, 16)] == [
        "nose", "left_eye", "right_ear", "left_wrist", "right_ankle",
    ]  # fmt: skip
    assert [PENN13.joints[i] for i in (0, 1, 12)] == ["head", "left_shoulder", "right_ankle"]
    assert [SBU15.joints[i] for i in (0, 2, 3, 8, 14)] == [
        "head",
        "spine",
        "left_shoulder",
        "right_hand",
        "right_foot",
    ]
