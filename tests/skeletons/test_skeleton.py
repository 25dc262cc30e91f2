from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
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


def test_bone_lengths_by_hand() -> None:
    positions = np.zeros((2, 4, 3))
    positions[:, 0] = [3, 4, 0]
    positions[:, 2] = [0, 0, 2]
    positions[:, 3] = [3, 4, 12]
    np.testing.assert_allclose(Skeleton(**SMALL).bone_lengths(positions), [[5, 0, 2, 12]] * 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"joints": ()}, "must be given and differ"),
        ({"joints": ("pelvis", "pelvis", "left_knee", "right_knee")}, "must be given and differ"),
        ({"parents": {}}, "one root"),
        ({"parents": {"left_knee": "pelvis", "right_knee": "pelvis"}}, r"got \['pelvis', 'left_ankle'\]"),
        ({"parents": SMALL["parents"] | {"pelvis": "left_knee"}}, "one root"),
        ({"parents": {"left_knee": "left_ankle", "left_ankle": "left_knee", "right_knee": "pelvis"}}, "circle"),
        ({"parents": SMALL["parents"] | {"left_knee": "left_knee"}}, "circle"),
        ({"parents": SMALL["parents"] | {"left_ankle": "right_ankle"}}, "right_ankle"),
        ({"parents": SMALL["parents"] | {"tail": "pelvis"}}, "tail"),
        ({"center": ("left_hip",)}, "left_hip"),
        ({"mirror": SMALL["mirror"] | {"left_knee": "pelvis"}}, "mirroring twice"),
        ({"mirror": SMALL["mirror"] | {"left_ankle": "tail"}}, "tail"),
        ({"mirror": {"pelvis": "pelvis"}}, "every joint needs a mirror"),
        ({"parts": {"all": ("pelvis", "left_knee", "right_knee")}}, r"in no part: \['left_ankle'\]"),
        ({"parts": {"all": SMALL["joints"], "more": ("pelvis",)}}, "exactly one part"),
        ({"parts": {"all": (*SMALL["joints"], "tail")}}, "exactly one part"),
        (
            {"joints": ("pelvis", "tail"), "parents": {"tail": "pelvis"}, "mirror": {}},
            r"in no part: \['tail'\]",
        ),
    ],
)
def test_a_bad_skeleton_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
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
        NTU25.to_dict() | {"colour": "red"},
        NTU25.to_dict() | {"center": None},
    ],
)
def test_a_bad_description_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="here"):
        Skeleton.from_dict(spec, where="here")
