"""Tables of MediaPipe's landmarks whose columns have no names, but numbers (`0` to `131`) or no header at all.

They are read only if the number of columns is that of one of MediaPipe's sets and the values are what MediaPipe
writes; everything else could be any table of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skeletonmae.formats.decoders.text_numbers import MISSING_WORDS, is_number
from skeletonmae.formats.image_units import MAX_NORMALIZED, is_world_landmarks
from skeletonmae.formats.wide_header import WideHeader, role_of
from skeletonmae.skeletons import HAND21

SHAPES = {132: (33, 4), 99: (33, 3), 84: (21, 4), 63: (21, 3)}
"""Number of columns -> landmarks, and values of each: x, y, z and perhaps the visibility."""
FIELDS = ("x", "y", "z", "visibility")
MIN_NORMALIZED = -1.0
"""Least normalized image coordinate of a landmark, with room beyond the edge; world landmarks lie above it too."""
MAX_DEPTH = 5.0
MAX_ROWS = 50


def flat_header(rows: Sequence[Sequence[str]]) -> WideHeader | None:
    """The header of a table of landmarks without names; None of any other table.

    Args:
        rows: The first lines of the file.
    """
    if not rows:
        return None
    first = [cell.strip() for cell in rows[0]]
    columns = [column for column, cell in enumerate(first) if is_number(cell)]
    if len(columns) not in SHAPES:
        return None
    numbers = [first[column] for column in columns]
    is_header = numbers in ([str(start + index) for index in range(len(numbers))] for start in (0, 1))
    others = [column for column in range(len(first)) if column not in set(columns)]
    if not is_header and (len(others) > 1 or any(column not in (0, len(first) - 1) for column in others)):
        return None
    num_joints, num_fields = SHAPES[len(columns)]
    values = _values([row for row in rows[is_header:] if len(row) == len(first)][:MAX_ROWS], columns)
    if values is None or not _are_landmarks(values.reshape(-1, num_joints, num_fields)):
        return None
    values = values.reshape(-1, num_joints, num_fields)
    fields, is_hand = FIELDS[:num_fields], num_joints == HAND21.num_joints
    is_measured = not is_hand or bool(np.nan_to_num(values[..., 3:]).any())
    header = WideHeader(int(is_header), joints=[str(joint) for joint in range(num_joints)])
    header.columns = {
        (joint, field): columns[index * num_fields + offset]
        for index, joint in enumerate(header.joints)
        for offset, field in enumerate(fields)
        if (field != "z" or not is_hand or is_world_landmarks(values[..., :2], HAND21))
        and (field != "visibility" or is_measured)
    }
    for column in others:
        name = first[column] if is_header else "label"
        if (role := role_of(name)) and role not in header.roles:
            header.roles[role] = column
        else:
            header.tags[name] = column
    header.notes = (
        f"{len(columns)} columns without names are read as {num_joints} landmarks of MediaPipe with "
        f"{', '.join(fields)}, because the values fit",
    )
    if "visibility" in fields and not is_measured:  # MediaPipe does not estimate it for hands and writes 0
        header.notes += ("the visibility is 0 in all of the first lines and is left out",)
    return header


def _values(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> np.ndarray | None:
    """`(row, column)`, NaN where a cell is empty; None if a cell is not a number or there is nothing."""
    cells = [[row[column].strip() for column in columns] for row in rows if any(row)]
    if any(cell.lower() not in MISSING_WORDS and not is_number(cell) for row in cells for cell in row):
        return None
    values = np.array([[float("nan" if cell.lower() in MISSING_WORDS else cell) for cell in row] for row in cells])
    return values if np.isfinite(values).any() else None


def _are_landmarks(values: np.ndarray) -> bool:
    """Whether `(row, landmark, field)` are normalized image coordinates or meters, with visibilities in [0, 1]."""
    with np.errstate(invalid="ignore"):
        xy, depth, visibility = values[..., :2], values[..., 2], values[..., 3:]
        is_inside = ~((xy < MIN_NORMALIZED) | (xy > MAX_NORMALIZED)).any() & ~(np.abs(depth) > MAX_DEPTH).any()
        is_probability = ~((visibility < 0) | (visibility > 1)).any()
    is_fraction = np.isfinite(xy) & (xy % 1 != 0)
    return bool(is_inside and is_probability and is_fraction.mean() > 0.5)
