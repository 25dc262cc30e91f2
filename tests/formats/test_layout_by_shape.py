from __future__ import annotations

import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats.layout_by_shape import AMBIGUOUS, LAYOUT_NAMES, layout_by_shape
from skeletonmae.skeletons import COCO17, LAYOUTS, NTU25


def test_every_layout_in_the_table_has_its_number_of_joints() -> None:
    for (num_joints, _), name in LAYOUT_NAMES.items():
        assert LAYOUTS[name].num_joints == num_joints
    assert set(AMBIGUOUS) <= set(LAYOUT_NAMES)


def test_joints_and_axes_tell_the_layout_and_ambiguous_ones_are_noted() -> None:
    assert layout_by_shape("a", 25, 3, None) == (NTU25, ())
    assert layout_by_shape("a", 17, 2, None) == (COCO17, ())
    skeleton, notes = layout_by_shape("a", 17, 3, None)
    assert (skeleton.name, notes) == ("h36m17", ("17 joints in 3D were read as h36m17",))


def test_the_users_layout_comes_first_and_must_fit() -> None:
    assert layout_by_shape("a", 17, 3, COCO17) == (COCO17, ())
    with pytest.raises(
        InputError, match=r"a: the layout has another number of joints; expected 25.*got 17 joints of coco17"
    ):
        layout_by_shape("a", 25, 3, COCO17)


def test_an_unknown_number_of_joints_asks_for_a_layout() -> None:
    with pytest.raises(InputError, match=r"a: no layout is known for 11 joints in 2D; expected .*--layout"):
        layout_by_shape("a", 11, 2, None)
