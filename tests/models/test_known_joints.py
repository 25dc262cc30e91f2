from __future__ import annotations

import pytest
import torch

from skeletonmae.errors import InputError
from skeletonmae.models.known_joints import check_any_joint_known, check_clip_size, joint_rows, known_joints
from skeletonmae.skeletons import Skeleton

ROWS = {"head": 0, "left_knee": 1, "right_knee": 2}
LAYOUT = Skeleton("layout", ("right_knee", "tail", "head"), {"head": "right_knee", "tail": "right_knee"})


def test_joints_are_looked_up_by_name() -> None:
    device = torch.device("cpu")
    assert known_joints(ROWS, LAYOUT, device).tolist() == [True, False, True]
    assert joint_rows(ROWS, LAYOUT, device).tolist() == [2, 0, 0]


def test_a_layout_without_known_joints_is_refused() -> None:
    check_any_joint_known(ROWS, LAYOUT)
    check_any_joint_known(("tail",), LAYOUT)
    with pytest.raises(InputError, match="the model knows no joint of layout layout; expected some of left_knee"):
        check_any_joint_known({"left_knee": 0}, LAYOUT)


def test_a_clip_of_another_size_is_refused_with_both_sizes() -> None:
    check_clip_size({"time steps": 4, "axes": 3}, (4, 3))
    expected = "the clip does not fit the model; expected 4 time steps, 3 axes; got 4 time steps, 2 axes"
    with pytest.raises(InputError, match=f"^{expected}$"):
        check_clip_size({"time steps": 4, "axes": 3}, (4, 2))
