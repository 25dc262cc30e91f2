from __future__ import annotations

from pathlib import Path

import pytest

from skeletonmae.formats import FORMATS
from skeletonmae.formats.wide_header import split_column


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x_nose", ("nose", "x")),
        ("nose_x (mm)", ("nose", "x")),
        ("s_left_wrist", ("left_wrist", "s")),
        ("s_total", None),
        ("v_left", None),
        ("v_max", None),
    ],
)
def test_a_field_before_a_name_counts_only_if_the_name_is_that_of_a_joint(
    name: str, expected: tuple[str, str] | None
) -> None:
    assert split_column(name) == expected


def test_a_single_joint_with_depth_does_not_displace_those_without(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("nose_x,nose_y,neck_x,neck_y,tail_x,tail_y,tail_z\n10,20,30,40,50,60,70\n")
    (recording,) = FORMATS["wide_table"].read(path)
    assert recording.skeleton.joints == ("nose", "neck", "tail")


def test_v_is_a_visibility_of_which_half_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("nose_x,nose_y,nose_v,neck_x,neck_y,neck_v\n10,20,0.4,30,40,0.5\n11,20,0.6,30,40,0.1\n")
    (recording,) = FORMATS["wide_table"].read(path)
    assert recording.observed[0].tolist() == [[False, True], [True, False]]
