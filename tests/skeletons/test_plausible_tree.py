from __future__ import annotations

import pytest

from skeletonmae.skeletons import LAYOUTS, Skeleton
from skeletonmae.skeletons.plausible_tree import plausible_parents


@pytest.mark.parametrize(
    "name", ["coco17", "penn13", "openpose18", "openpose25", "h36m17", "smpl24", "hand21", "sbu15"]
)
def test_bodies_of_the_vocabulary_hang_together_as_their_layouts_do(name: str) -> None:
    assert plausible_parents(LAYOUTS[name].joints) == LAYOUTS[name].parents


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_part_of_a_layout_is_one_tree(layout: Skeleton) -> None:
    for start in range(layout.num_joints):
        joints = layout.joints[start::2]
        assert Skeleton("part", joints, plausible_parents(joints)).joints == joints


def test_an_animal_by_sides_words_and_order() -> None:
    joints = ("snout", "ear_l", "ear_r", "middle", "paw_l", "paw_r", "tail_base", "tail_tip")
    assert plausible_parents(joints) == {
        "ear_l": "snout",
        "ear_r": "snout",
        "middle": "snout",
        "paw_l": "middle",
        "paw_r": "middle",
        "tail_base": "middle",
        "tail_tip": "tail_base",
    }


def test_missing_joints_are_bridged() -> None:
    joints = ("left_wrist", "left_shoulder", "right_hip", "right_ankle", "neck")
    assert plausible_parents(joints) == {
        "left_wrist": "left_shoulder",
        "left_shoulder": "neck",
        "right_hip": "neck",
        "right_ankle": "right_hip",
    }


def test_joints_without_meaning_form_a_chain_and_no_star() -> None:
    assert plausible_parents(("a", "b", "c")) == {"b": "a", "c": "b"}
    assert plausible_parents(("joint_1", "joint_2", "joint_3")) == {"joint_2": "joint_1", "joint_3": "joint_2"}
    assert plausible_parents(()) == {}
    assert plausible_parents(("nose",)) == {}
