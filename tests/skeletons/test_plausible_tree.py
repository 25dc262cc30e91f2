from __future__ import annotations

from pathlib import Path

import pytest

from skeletonmae.skeletons import LAYOUTS, Skeleton
from skeletonmae.skeletons.custom_layout import read_layout
from skeletonmae.skeletons.plausible_tree import plausible_center, plausible_parents, suggested_layout


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


def test_the_center_of_a_body_is_that_of_its_hips_or_the_best_that_is_there() -> None:
    assert plausible_center(("head", "left_hip", "right_hip", "tail")) == ("left_hip", "right_hip")
    assert plausible_center(("left_hip", "pelvis", "right_hip")) == ("pelvis",)
    assert plausible_center(("left_hip", "left_shoulder", "right_shoulder")) == ("left_hip",)
    assert plausible_center(("neck", "left_shoulder", "right_shoulder")) == ("left_shoulder", "right_shoulder")
    assert plausible_center(("withers", "tail")) == ()


def test_a_suggested_layout_states_the_center_of_a_body(tmp_path: Path) -> None:
    joints = ("head", "left_hip", "right_hip", "tail_base")
    file = tmp_path / "mine.yaml"
    file.write_text(suggested_layout("mine", joints))
    assert read_layout(file).center == ("left_hip", "right_hip")
    assert "center" not in suggested_layout("dog", ("withers", "tail"))
