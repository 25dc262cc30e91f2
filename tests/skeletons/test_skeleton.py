from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.skeletons import NTU25, Skeleton

SMALL: dict[str, Any] = {
    "name": "small",
    "joints": ("left_knee", "pelvis", "right_knee", "left_ankle"),
    "parents": {"left_knee": "pelvis", "right_knee": "pelvis", "left_ankle": "left_knee"},
    "mirror": {
        "left_knee": "right_knee",
        "right_knee": "left_knee",
        "pelvis": "pelvis",
        "left_ankle": "left_ankle",
    },
}


def test_what_is_derived_by_hand() -> None:
    small = Skeleton(**SMALL)
    assert small.root == "pelvis"
    assert small.center == ("pelvis",)
    assert small.bones == (("left_knee", "pelvis"), ("right_knee", "pelvis"), ("left_ankle", "left_knee"))
    assert small.parent_index.tolist() == [1, 1, 1, 0]
    assert small.mirror_index.tolist() == [2, 1, 0, 3]
    assert small.parts == {
        "torso": ("pelvis",),
        "left_leg": ("left_knee", "left_ankle"),
        "right_leg": ("right_knee",),
    }
    assert small.part_index.tolist() == [1, 0, 2, 1]
    assert small.adjacency.astype(int).tolist() == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert small.left_right == ()
    assert small.hop_distance.tolist() == [[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 3], [1, 2, 3, 0]]


def test_bone_lengths_by_hand() -> None:
    positions = np.zeros((2, 4, 3))
    positions[:, 0] = [3, 4, 0]
    positions[:, 2] = [0, 0, 2]
    positions[:, 3] = [3, 4, 12]
    np.testing.assert_allclose(Skeleton(**SMALL).bone_lengths(positions), [[5, 0, 2, 12]] * 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": ()}, "at least one joint"),
        ({"joints": ("pelvis", "pelvis", "left_knee", "right_knee")}, "must be unique"),
        ({"joints": tuple("abc" + "b" * 2000)}, "too many joints; expected at most 1000; got 2003"),
        ({"parents": {}}, "got left_knee, pelvis, right_knee, left_ankle"),
        ({"parents": {"left_knee": "pelvis", "right_knee": "pelvis"}}, "got pelvis, left_ankle"),
        ({"parents": SMALL["parents"] | {"pelvis": "left_knee"}}, "must form one tree"),
        (
            {"parents": {"left_knee": "left_ankle", "left_ankle": "left_knee", "right_knee": "pelvis"}},
            "form a cycle",
        ),
        ({"parents": SMALL["parents"] | {"left_knee": "left_knee"}}, "form a cycle"),
        (
            {"parents": SMALL["parents"] | {"left_ankle": "right_kne"}},
            "parents: 'right_kne' is not one of the joints, did you mean 'right_knee'",
        ),
        ({"parents": SMALL["parents"] | {"tail": "pelvis"}}, "'tail' is not one of the joints; expected one of"),
        ({"center": ("left_hip",)}, "center: 'left_hip'"),
        ({"mirror": SMALL["mirror"] | {"left_knee": "pelvis"}}, "mirroring twice"),
        ({"mirror": SMALL["mirror"] | {"left_ankle": "tail"}}, "tail"),
        ({"mirror": {"pelvis": "pelvis"}}, "every joint needs a mirror"),
        ({"parts": {"all": ("pelvis", "left_knee", "right_knee")}}, "'left_ankle' in none"),
        ({"parts": {"all": SMALL["joints"], "more": ("pelvis",)}}, "'pelvis' in 2"),
        ({"parts": {"all": (*SMALL["joints"], "tail")}}, "parts: 'tail'"),
    ],
)
def test_a_bad_skeleton_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Skeleton(**SMALL | change)
    assert "'small'" in str(caught.value)


def test_it_goes_through_json_and_pickle() -> None:
    small = Skeleton(**SMALL)
    assert Skeleton.from_dict(json.loads(json.dumps(small.to_dict()))) == small
    assert pickle.loads(pickle.dumps(small)) == small  # noqa: S301
    assert hash(Skeleton(**SMALL)) == hash(small)


def test_another_order_or_tree_is_another_skeleton() -> None:
    small = Skeleton(**SMALL)
    assert small != replace(small, joints=SMALL["joints"][::-1])
    assert small != replace(small, parents=SMALL["parents"] | {"left_ankle": "right_knee"})
    assert small != "small"


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"name": "a", "joints": 3, "parents": {}},
        {"name": "a", "joints": [1, 2], "parents": {}},
        {"name": "a", "joints": ["pelvis"], "parents": None},
        {"name": "a", "joints": ["pelvis"], "parents": {}, "parts": ["pelvis"]},
        NTU25.to_dict() | {"color": "red"},
        NTU25.to_dict() | {"center": None},
    ],
)
def test_a_bad_description_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="here"):
        Skeleton.from_dict(spec, where="here")


def test_any_names_will_do() -> None:
    fish = Skeleton(
        "fish",
        ("Mouth", "trunk", "Fin_L", "Fin_R", "tail"),
        dict.fromkeys(("Mouth", "Fin_L", "Fin_R", "tail"), "trunk"),
    )
    assert fish.root == "trunk"
    assert fish.mirror_index.tolist() == [0, 1, 3, 2, 4]
    assert list(fish.parts) == ["Mouth", "trunk", "Fin_L", "Fin_R", "tail"]
    assert Skeleton.from_dict(json.loads(json.dumps(fish.to_dict()))) == fish


def test_a_long_chain_is_no_trouble() -> None:
    joints = tuple(f"link {i}" for i in range(MAX_JOINTS))
    snake = Skeleton("snake", joints, dict(zip(joints[1:], joints, strict=False)))
    assert snake.parts == {"link 0": joints}
    assert snake.parent_index.tolist() == [0, *range(MAX_JOINTS - 1)]
