from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from skeletonmae.errors import InputError
from skeletonmae.formats.penn_action import PENN_ACTION
from skeletonmae.sequences import SkeletonSequence


def read(path: Path, **changed: Any) -> SkeletonSequence:
    frames = np.arange(3 * 13).reshape(3, 13)
    held = {
        "x": frames + 10.0,
        "y": frames + 200.0,
        "visibility": np.ones((3, 13)),
        "action": "jump_rope",
        "train": 1,
    }
    scipy.io.savemat(path, {name: value for name, value in (held | changed).items() if value is not None})
    (one,) = PENN_ACTION.read(path)
    return one


def test_places_action_and_side(tmp_path: Path) -> None:
    one = read(tmp_path / "0007.mat")
    assert (one.name, one.label, dict(one.tags), one.unit) == ("0007", "jump rope", {"split": "train"}, "px")
    assert one.positions[0, 1, 2].tolist() == [25, 215]
    assert one.skeleton.name == "penn13"
    assert read(tmp_path / "1.mat", train=-1).tags == {"split": "test"}


def test_what_was_not_marked_is_unobserved(tmp_path: Path) -> None:
    visible, x, y = np.ones((3, 13)), np.full((3, 13), 9.0), np.full((3, 13), 9.0)
    visible[0, 1] = visible[1, 2] = 0
    visible[2, 3:6] = 0
    x[1, 2] = y[1, 2] = 1  # the corner: nobody marked it
    x[2, 3] = y[2, 3] = 1.5
    x[2, 4], y[2, 4] = 1.5, 3.0
    one = read(tmp_path / "1.mat", visibility=visible, x=x, y=y)
    assert np.argwhere(~one.observed).tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": np.ones((3, 12))}, "not the labels of a video"),
        ({"y": np.ones((4, 13))}, "not the labels of a video"),
        ({"visibility": None}, "a variable is missing; expected visibility"),
        ({"action": 3}, "not the labels of a video"),
        ({"train": 0}, "'train' names no split; expected 1"),
        ({"train": None}, "a variable is missing; expected train"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"1\.mat: {message}"):
        read(tmp_path / "1.mat", **changed)
