"""Which of the persons in a frame are followed."""

from __future__ import annotations

from collections.abc import Sequence

from skeletonmae.errors import InputError
from skeletonmae.formats.video_options import Persons

LARGER = 1.25
"""Ratio of sizes from which on another person becomes the largest one."""


def check_persons(persons: object) -> Persons:
    """Return how many persons are followed.

    Args:
        persons: A number, "largest" or "all"; the number may be text, as on a command line.

    Raises:
        InputError: It is something else.
    """
    if persons == "largest":
        return "largest"
    if persons == "all":
        return "all"
    is_number = (isinstance(persons, int) and not isinstance(persons, bool)) or (
        isinstance(persons, str) and persons.isdecimal()
    )
    if is_number and int(persons) >= 1:  # type: ignore[call-overload]
        return int(persons)  # type: ignore[call-overload, no-any-return]
    raise InputError("not a number of persons", where="persons", expected="1, 2, ..., largest or all", got=persons)


def choose(persons: Persons, sizes: Sequence[float], followed: Sequence[bool]) -> list[int]:
    """Return the indices of the persons who are followed from now on, in their order.

    With a number, a person who is followed stays; free places go to the largest of the others. With "largest",
    another person takes the place when that person is `LARGER` times as large.

    Args:
        persons: How many are followed.
        sizes: Size of each person in the frame.
        followed: Whether they were followed before.
    """
    if persons == "all":
        return list(range(len(sizes)))
    bonus, places = (LARGER, 1) if persons == "largest" else (float("inf"), persons)
    ranks = [size * bonus if is_followed else size for size, is_followed in zip(sizes, followed, strict=True)]
    order = sorted(range(len(sizes)), key=lambda index: (ranks[index], sizes[index]), reverse=True)
    return sorted(order[:places])
