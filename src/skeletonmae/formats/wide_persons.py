"""Several persons in the columns of a table with one line per frame: `person1_nose_x, ..., person2_nose_x`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from skeletonmae.formats.wide_header import WideHeader

PERSON_WORDS = {
    "person", "p", "pers", "subject", "subj", "sub", "s", "participant", "player", "athlete", "dancer", "actor",
    "performer", "patient", "user", "human", "body", "skeleton", "skel", "individual", "ind", "animal", "mouse",
    "rat", "fly", "fish", "bird", "monkey", "track", "instance", "id",
}  # fmt: skip
"""Words before a number that name a person. After any other, such as `finger1_tip`, the number is a joint's."""
MIN_JOINTS = 2
_PERSON = re.compile(r"(?P<word>[a-z]+)[\s_.\-]?(?P<number>\d{1,4})[\s_.:\-/|]+(?P<joint>.*\w.*)", re.IGNORECASE)


class PersonColumns:
    """A table whose columns are those of several persons, as one with a line per person and frame.

    Args:
        header: Header of the table.
        width: Number of columns.
        word: Word before the numbers of persons.
        persons: Number of each person -> name of each joint -> its name in the header.
    """

    def __init__(self, header: WideHeader, width: int, word: str, persons: dict[int, dict[str, str]]) -> None:
        joints = list(next(iter(persons.values())))
        words = sorted({word for _, word in header.columns})
        keys = [
            (joint, word)
            for joint in joints
            for word in words
            if any((names[joint], word) in header.columns for names in persons.values())
        ]
        self._columns = {
            person: [header.columns.get((names[joint], word)) for joint, word in keys]
            for person, names in persons.items()
        }
        self._next_frame = 0
        roles = {"frame": width + len(keys) + 1} | header.roles | {"person": width + len(keys)}
        names = ", ".join(f"{word}{number}" for number in persons)
        note = f"the columns are those of {len(persons)} persons: {names}"
        self.header = replace(
            header,
            joints=joints,
            columns={key: width + index for index, key in enumerate(keys)},
            roles=roles,
            notes=(*header.notes, note),
        )

    def expand(self, line_numbers: Sequence[int], rows: Sequence[list[str]]) -> tuple[list[int], list[list[str]]]:
        """Lines with their numbers, one per person and frame."""
        numbers, lines = [], []
        for number, row in zip(line_numbers, rows, strict=True):
            for person, columns in self._columns.items():
                numbers.append(number)
                person_cells = ["" if column is None else row[column] for column in columns]
                lines.append([*row, *person_cells, str(person), str(self._next_frame)])
            self._next_frame += 1
        return numbers, lines


def person_columns(header: WideHeader, width: int) -> PersonColumns | None:
    """The persons of a table, if the same joints repeat after a person's word and number; None of other tables.

    Args:
        header: Header of the table.
        width: Number of columns.
    """
    if "person" in header.roles:
        return None
    matches = [_PERSON.fullmatch(joint) for joint in header.joints]
    found = [match for match in matches if match and match["word"].lower() in PERSON_WORDS]
    if len(found) < len(header.joints) or len({match["word"].lower() for match in found}) != 1:
        return None
    persons: dict[int, dict[str, str]] = defaultdict(dict)
    for match in found:
        persons[int(match["number"])][match["joint"]] = match.string
    first, *others = persons.values()
    if not others or len(first) < MIN_JOINTS or any(names.keys() != first.keys() for names in others):
        return None
    if sum(map(len, persons.values())) < len(header.joints):  # `p1` and `p01`
        return None
    return PersonColumns(header, width, found[0]["word"], dict(sorted(persons.items())))
