"""Rows of numbers in text files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none")
"""Cells of a table, in lower case, that hold no number."""


def number_rows(
    where: Path,
    text: str,
    width: int,
    *,
    columns: Sequence[int] = (),
    delimiter: str | None = None,
    header: int = 0,
) -> np.ndarray:
    """Read the numbers in each line of `text`, as float64 `(line, column)`.

    Args:
        where: The file, for messages.
        text: Its content.
        width: Number of columns of each line.
        columns: Indices of the columns to read; by default all of them.
        delimiter: Delimiter of the columns; by default white space.
        header: Number of lines before the numbers.

    Raises:
        InputError: There is no line of numbers, a line has the wrong number of columns, or a cell is not a number.
    """
    lines = text.splitlines()
    if not any(line.strip() for line in lines[header:]):
        raise InputError("no line of numbers", where=where, expected=f"lines of {width} numbers")
    try:
        values = np.loadtxt(
            lines,
            delimiter=delimiter,
            comments=None,
            skiprows=header,
            usecols=columns or None,
            ndmin=2,
        )
        if columns or values.shape[1] == width:
            return values
        problem = "wrong number of columns"
    except ValueError as error:
        problem = f"not rows of numbers ({error})"
    for number, line in enumerate(lines, start=1):  # slower, to say which line it is
        cells, at = line.split(delimiter), f"{where}, line {number}"
        if number <= header or not line.strip():
            continue
        if len(cells) != width:
            raise InputError("wrong number of columns", where=at, expected=width, got=len(cells))
        if bad := [cell for cell in (cells[c] for c in columns or range(width)) if not is_number(cell)]:
            raise InputError("not a number", where=at, got=repr(bad[0]))
    raise InputError(problem, where=where)


def is_number(text: str) -> bool:
    """Whether `text` is a number, as `float` reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True
