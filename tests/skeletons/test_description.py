from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.skeletons import COCO17, HAND21, KINECT20, LAYOUTS, SBU15, Skeleton
from skeletonmae.skeletons.description import (
    DESCRIBED_PARTS,
    LIMBS,
    OTHER,
    ROOT_MOTION,
    SIDES,
    describe_joints,
    with_root_motion,
)

CAT = Skeleton(
    "cat",
    ("withers", "rump", "tail_base", "tail_tip", "paw_L", "paw_R"),
    {"rump": "withers", "tail_base": "rump", "tail_tip": "tail_base", "paw_L": "withers", "paw_R": "withers"},
)


def described(skeleton: Skeleton) -> dict[str, tuple[str, str, str]]:
    """Joint -> side, part and kind of part."""
    description = describe_joints(skeleton)
    triples = zip(description.side, description.part, description.limb, strict=True)
    names = ((SIDES[side], DESCRIBED_PARTS[part], LIMBS[limb]) for side, part, limb in triples)
    return dict(zip(skeleton.joints, names, strict=True))


def test_joints_of_the_vocabulary_have_its_parts() -> None:
    found = described(KINECT20)
    assert found["left_wrist"] == ("left", "left_arm", "arm")
    assert found["right_hip"] == ("right", "torso", "torso")
    assert found["head"] == ("middle", "head", "head")
    assert described(HAND21)["thumb_tip"] == ("middle", "thumb", OTHER)


def test_of_a_tail_its_side_and_no_part_are_known() -> None:
    found = described(CAT)
    assert found["tail_tip"] == ("middle", OTHER, OTHER)
    assert found["paw_L"][0] == "left"
    assert found["paw_R"][0] == "right"


def test_a_part_that_the_layout_declares_counts_and_states_the_side() -> None:
    robot = Skeleton(
        "robot", ("a", "b", "c"), {"b": "a", "c": "b"}, parts={"core": ("a",), "left_arm": ("b", "c")}
    )
    assert described(robot)["c"] == ("left", "left_arm", "arm")
    assert described(robot)["a"] == ("middle", OTHER, OTHER)


@pytest.mark.parametrize(
    ("skeleton", "joint", "on_way"),
    [
        (KINECT20, "left_hand", {"spine", "shoulder_center", "left_shoulder", "left_elbow", "left_wrist"}),
        (SBU15, "right_foot", {"spine", "right_hip", "right_knee"}),
        # The tree begins at the nose, but the body center is between the hips.
        (COCO17, "left_wrist", {"left_hip", "left_shoulder", "left_elbow"}),
        (CAT, "tail_tip", {"withers", "rump", "tail_base"}),
        (CAT, "withers", set()),
    ],
)
def test_a_path_leads_from_the_body_center_to_the_joint(skeleton: Skeleton, joint: str, on_way: set[str]) -> None:
    path = describe_joints(skeleton).path[skeleton.index[joint]]
    assert {other for other, weight in zip(skeleton.joints, path, strict=True) if weight} == on_way
    assert set(path.tolist()) <= {0.0, 1.0}


def test_of_two_paths_of_equal_length_the_mean_counts() -> None:
    path = describe_joints(COCO17).path[COCO17.index["nose"]]
    assert {joint: path[COCO17.index[joint]] for joint in ("left_hip", "right_hip", "left_shoulder")} == {
        "left_hip": 0.5,
        "right_hip": 0.5,
        "left_shoulder": 0.5,
    }


@pytest.mark.parametrize("skeleton", [*LAYOUTS.values(), CAT], ids=lambda skeleton: skeleton.name)
def test_the_description_does_not_depend_on_the_order(skeleton: Skeleton) -> None:
    order = np.random.default_rng(0).permutation(skeleton.num_joints)
    shuffled = replace(skeleton, joints=tuple(skeleton.joints[index] for index in order))
    one, other = describe_joints(skeleton), describe_joints(shuffled)
    for name in ("side", "part", "limb"):
        assert (getattr(one, name)[order] == getattr(other, name)).all()
    for name in ("path", "same_part"):
        np.testing.assert_array_equal(getattr(one, name)[np.ix_(order, order)], getattr(other, name))


def test_a_name_without_side_and_part_changes_nothing() -> None:
    names = {"withers": "x", "rump": "y", "tail_base": "z", "tail_tip": "q", "paw_L": "v_L", "paw_R": "v_R"}
    renamed = Skeleton(
        "renamed",
        tuple(names[joint] for joint in CAT.joints),
        {names[joint]: names[parent] for joint, parent in CAT.parents.items()},
    )
    one, other = describe_joints(CAT), describe_joints(renamed)
    for name in ("side", "part", "limb", "path", "same_part"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_path_of_the_body_is_the_last_joint_and_on_no_way() -> None:
    layout = with_root_motion(KINECT20)
    assert layout.joints == (*KINECT20.joints, ROOT_MOTION)
    description = describe_joints(layout)
    assert described(layout)[ROOT_MOTION] == ("middle", ROOT_MOTION, OTHER)
    assert not description.path[:, -1].any()
    np.testing.assert_array_equal(description.path[:-1, :-1], describe_joints(KINECT20).path)
    with pytest.raises(InputError, match="must be unique"):
        with_root_motion(layout)
