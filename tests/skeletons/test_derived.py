from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.skeletons import LAYOUTS, NTU25, Skeleton, parents_from_bones
from skeletonmae.skeletons.derived import breadth_first, mirror_name, mirror_of, parts_of, side_of, suggest

TEXT = st.text(alphabet="lrLReftighLEFTRIGH_. 1", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_wrist", "right_wrist"),
        ("paw_left", "paw_right"),
        ("l_paw", "r_paw"),
        ("paw_l", "paw_r"),
        ("Foot_L", "Foot_R"),
        ("foot.l", "foot.r"),
        ("LeftArm", "RightArm"),
        ("mixamorig:LeftArm", "mixamorig:RightArm"),
        ("ElbowLeft", "ElbowRight"),
        ("LHip", "RHip"),
        ("handL", "handR"),
        ("leftear", "rightear"),
        ("Bip01 L Calf", "Bip01 R Calf"),
        ("front_left_paw_l", "front_right_paw_r"),
    ],
)
def test_names_of_the_other_side(left: str, right: str) -> None:
    assert mirror_name(left) == right
    assert mirror_name(right) == left
    assert mirror_of((left, "middle", right)) == {left: right, "middle": "middle", right: left}


@pytest.mark.parametrize("name", ["tail", "rear", "lumbar", "skull", "shoulder_center", "spine1", "Ball"])
def test_names_without_a_side(name: str) -> None:
    assert mirror_name(name) == name


def test_a_side_without_the_other_is_its_own_mirror() -> None:
    assert mirror_of(("L5", "left_antler", "tail")) == {"L5": "L5", "left_antler": "left_antler", "tail": "tail"}


@given(st.lists(TEXT, unique=True, max_size=8))
def test_a_mirror_is_always_an_involution(joints: list[str]) -> None:
    mirror = mirror_of(joints)
    assert set(mirror) == set(joints)
    assert all(mirror[mirror[joint]] == joint for joint in joints)


def test_parts_of_an_animal_by_hand() -> None:
    parents = {
        "neck_base": "back", "muzzle": "neck_base", "hips": "back", "paw_l": "hips", "claw_l": "paw_l",
        "paw_r": "hips", "left_wrist": "back", "brush": "left_wrist",
    }  # fmt: skip
    joints = ("back", "neck_base", "muzzle", "hips", "paw_l", "paw_r", "claw_l", "left_wrist", "brush")
    assert parts_of(joints, parents, "back") == {
        "left_arm": ("left_wrist", "brush"),
        "back": ("back",),
        "neck_base": ("neck_base", "muzzle"),
        "hips": ("hips",),
        "paw_l": ("paw_l", "claw_l"),
        "paw_r": ("paw_r",),
    }


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[str], dict[str, str]]:
    joints = draw(st.lists(TEXT | st.sampled_from(NTU25.joints), unique=True, min_size=1, max_size=15))
    return joints, {joint: joints[draw(st.integers(0, i))] for i, joint in enumerate(joints[1:])}


@given(trees(), st.randoms())
def test_whatever_the_tree_every_joint_is_in_one_part(
    tree: tuple[list[str], dict[str, str]], dice: object
) -> None:
    joints, parents = tree
    root = joints[0]
    dice.shuffle(joints)  # type: ignore[attr-defined]
    made = Skeleton("any", tuple(joints), parents)  # proves the parts
    order = breadth_first(root, parents)
    assert sorted(order) == sorted(joints)
    assert all(order.index(parent) < order.index(joint) for joint, parent in parents.items())
    assert made.root == root


@given(trees(), st.randoms())
def test_bones_either_way_round_give_the_tree_back(tree: tuple[list[str], dict[str, str]], dice: object) -> None:
    joints, parents = tree
    bones = [(a, b) if dice.random() < 0.5 else (b, a) for a, b in parents.items()]  # type: ignore[attr-defined]
    dice.shuffle(bones)  # type: ignore[attr-defined]
    assert parents_from_bones(joints[0], bones) == parents


def test_another_root_turns_the_bones_on_the_way() -> None:
    assert parents_from_bones("c", [("a", "b"), ("b", "c"), ("b", "d")]) == {"b": "c", "a": "b", "d": "b"}


@pytest.mark.parametrize(
    "bones",
    [[("a", "b"), ("b", "c"), ("c", "a")], [("a", "b"), ("b", "a")], [("a", "a")], [("a", "b"), ("b", "b")]],
)
def test_a_ring_is_refused(bones: list[tuple[str, str]]) -> None:
    with pytest.raises(InputError, match="form a cycle"):
        parents_from_bones("a", bones)


def test_the_nearest_name() -> None:
    assert suggest("nut25", LAYOUTS) == ", did you mean 'ntu25'?"
    assert suggest("zebra", LAYOUTS) == ""


@pytest.mark.parametrize(
    ("joint", "side"),
    [
        ("left_wrist", "left"), ("RightArm", "right"), ("paw_L", "left"), ("RHip", "right"), ("nose", "middle"),
        ("tail_base", "middle"), ("mixamorig:LeftFoot", "left"),
    ],
)  # fmt: skip
def test_the_side_that_a_name_says(joint: str, side: str) -> None:
    assert side_of(joint) == side
