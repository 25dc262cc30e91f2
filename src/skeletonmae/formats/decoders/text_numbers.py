"""Numbers in text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError


def number_rows(
    where: Path,
    text: str,
    width: int,
    *,
    columns: Sequence[int] = (),
    delimiter: str | None = None,
    header: int = 0,
) -> np.ndarray:
    """The numbers in each line of `text`, as float64 `(line, column)`.

    Args:
        where: the file, for messages.
        text: its content.
        width: how many columns a line has.
        columns: places of those that are wanted; all if not given.
        delimiter: between columns; white space if not given.
        header: how many lines come before the numbers.

    Raises:
        InputError: there is no line, a line has too few columns (or too many, if all are wanted), or a cell is not
            a number.
    """
    lines = text.splitlines()
    if not any(line.strip() for line in lines[header:]):
        raise InputError("no line of numbers in it", where=where, expected=f"lines of {width} numbers")
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
