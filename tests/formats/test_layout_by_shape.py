from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats.layout_by_shape import CANDIDATES, layout_of_array, layout_of_poses
from skeletonmae.skeletons import COCO17, HAND21, LAYOUTS, NTU25, Skeleton

WHERE = Path("a.json")
# Somebody who stands before the camera: x to the right, y down, in body heights.
STANDING = {
    "head_top": (0.5, 0.0), "nose": (0.5, 0.1), "eye": (0.52, 0.08), "ear": (0.55, 0.09), "neck": (0.5, 0.17),
    "shoulder_center": (0.5, 0.19), "shoulder": (0.6, 0.19), "elbow": (0.64, 0.35), "wrist": (0.65, 0.5),
    "spine": (0.5, 0.35), "pelvis": (0.5, 0.52), "hip": (0.55, 0.52), "knee": (0.56, 0.74), "ankle": (0.56, 0.95),
    "big_toe": (0.59, 0.99), "small_toe": (0.6, 0.98), "heel": (0.56, 0.98),
}  # fmt: skip


def standing(skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """(Positions, observed) of somebody in a layout; the right side is mirrored."""
    places = [
        STANDING[joint.partition("_")[2] if joint.startswith(("left_", "right_")) else joint]
        for joint in skeleton.joints
    ]
    sides = [-1 if joint.startswith("right_") else 1 for joint in skeleton.joints]
    xy = np.array([(0.5 + side * (x - 0.5), y) for (x, y), side in zip(places, sides, strict=True)])
    return xy * 400, np.ones(len(xy), dtype=bool)


@pytest.mark.parametrize("name", ["coco17", "openpose18", "openpose25", "openpose25b", "halpe26"])
def test_layouts_with_as_many_joints_are_told_apart_by_the_lengths_of_bones(name: str) -> None:
    skeleton = LAYOUTS[name]
    xy, observed = standing(skeleton)
    assert layout_of_poses([(xy, observed)], WHERE) == (skeleton, ())
    feet_lost = observed & ~np.isin(skeleton.joints, ["left_ankle", "right_ankle", "right_heel", "left_big_toe"])
    assert layout_of_poses([(xy * feet_lost[:, None], feet_lost)] * 3, WHERE) == (skeleton, ())


@pytest.mark.parametrize("observed", [[], [0]])
def test_what_the_poses_do_not_tell_is_reported(observed: list[int]) -> None:
    seen = np.isin(np.arange(25), observed)
    skeleton, notes = layout_of_poses([(np.ones((25, 2)), seen)], WHERE)
    assert skeleton is LAYOUTS["openpose25"]
    assert notes == (
        "the poses do not tell openpose25 from openpose25b: read as openpose25; use --layout if it is another",
    )


def test_a_rarer_layout_needs_bones_that_are_clearly_shorter() -> None:
    xy, observed = standing(LAYOUTS["openpose25b"])
    heap = np.random.default_rng(0).random(xy.shape) * 400
    layouts = [layout_of_poses([(xy + share * (heap - xy), observed)], WHERE) for share in (0.2, 1.0)]
    assert [(skeleton.name, len(notes)) for skeleton, notes in layouts] == [("openpose25b", 0), ("openpose25", 1)]


def test_numbers_of_joints() -> None:
    def poses(*counts: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(np.ones((count, 2)), np.ones(count, dtype=bool)) for count in counts]

    for count, name in (
        (21, "hand21"),
        (33, "mediapipe33"),
        (133, "coco17"),
        (135, "openpose25b"),
        (136, "halpe26"),
    ):
        assert layout_of_poses(poses(count, count), WHERE)[0] is LAYOUTS[name]
    assert layout_of_poses(poses(21), WHERE, HAND21) == (HAND21, ())
    assert layout_of_poses([(np.ones((17, 3)), np.ones(17, dtype=bool))], WHERE)[0] is LAYOUTS["h36m17"]
    with pytest.raises(
        InputError, match=r"a\.json: wrong number of joints; expected one of 17, 18.*got 20 joints"
    ):
        layout_of_poses(poses(20), WHERE)
    with pytest.raises(InputError, match=r"got 17, 18 joints"):
        layout_of_poses(poses(17, 18), WHERE)
    with pytest.raises(InputError, match=r"expected 21 joints, as hand21 has; got 17 joints"):
        layout_of_poses(poses(17), WHERE, HAND21)


@pytest.mark.parametrize("name", ["h36m17", "openpose25", "openpose25b"])
def test_layouts_in_3d_are_told_apart_too(name: str) -> None:
    skeleton = LAYOUTS[name]
    xy, observed = standing(skeleton)
    xyz = np.concatenate([xy, np.full((len(xy), 1), 2.0)], axis=1)
    assert layout_of_poses([(xyz, observed)] * 2, WHERE) == (skeleton, ())
    xy, observed = standing(COCO17)  # its bones are hardly shorter
    (note,) = layout_of_poses([(np.pad(xy, ((0, 0), (0, 1))), observed)], WHERE)[1]
    assert note.startswith("the poses do not tell h36m17 from coco17")
    with pytest.raises(InputError, match="got 20 joints"):  # no estimator's
        layout_of_poses([(np.ones((20, 3)), np.ones(20, dtype=bool))], WHERE)


def test_every_layout_in_the_table_has_its_number_of_joints() -> None:
    for (num_joints, _), names in CANDIDATES.items():
        expected = {133: 17, 135: 25, 136: 26}.get(num_joints, num_joints)
        assert {LAYOUTS[name].num_joints for name in names} == {expected}


def test_joints_and_axes_tell_the_layout_and_ambiguous_ones_are_noted() -> None:
    assert layout_of_array("a", 25, 3, None) == (NTU25, ())
    assert layout_of_array("a", 17, 2, None) == (COCO17, ())
    for num_joints, num_axes, name in ((17, 3, "h36m17"), (25, 2, "openpose25"), (18, 3, "openpose18")):
        skeleton, notes = layout_of_array("a", num_joints, num_axes, None)
        assert (skeleton.name, notes) == (name, (f"{num_joints} joints in {num_axes}D were read as {name}",))


def test_the_users_layout_comes_first_and_must_fit() -> None:
    assert layout_of_array("a", 17, 3, COCO17) == (COCO17, ())
    with pytest.raises(
        InputError, match=r"a: the layout has another number of joints; expected 25.*got 17 joints of coco17"
    ):
        layout_of_array("a", 25, 3, COCO17)


def test_an_unknown_number_of_joints_asks_for_a_layout() -> None:
    with pytest.raises(InputError, match=r"a: no layout is known for 11 joints in 2D; expected .*--layout"):
        layout_of_array("a", 11, 2, None)
    with pytest.raises(InputError, match=r"a: no layout is known for 133 joints in 2D"):  # no body alone
        layout_of_array("a", 133, 2, None)
