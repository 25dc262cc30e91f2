from __future__ import annotations

import pytest

from skeletonmae.errors import InputError
from skeletonmae.pose.person_choice import check_persons, choose


def test_all() -> None:
    assert choose("all", [1, 5, 3], [True, False, False]) == [0, 1, 2]


def test_a_number_keeps_those_who_are_followed_and_adds_the_largest() -> None:
    assert choose(2, [1, 5, 9], [True, False, False]) == [0, 2]
    assert choose(1, [1, 50], [True, False]) == [0]
    assert choose(2, [1, 5, 9], [True, True, True]) == [1, 2]
    assert choose(3, [4], [False]) == [0]


def test_the_largest_is_another_one_only_if_clearly_larger() -> None:
    assert choose("largest", [10, 12], [True, False]) == [0]
    assert choose("largest", [10, 13], [True, False]) == [1]
    assert choose("largest", [], []) == []


@pytest.mark.parametrize(("given", "meant"), [("3", 3), (1, 1), ("largest", "largest"), ("all", "all")])
def test_what_a_command_line_may_say(given: object, meant: object) -> None:
    assert check_persons(given) == meant


@pytest.mark.parametrize("wrong", [0, "0", -1, "two", "-2", True, 1.5, "²"])
def test_anything_else_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match=r"not a number of persons; expected 1, 2, ..., largest or all; got"):
        check_persons(wrong)
