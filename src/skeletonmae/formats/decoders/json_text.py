"""JSON that other programs wrote, and the numbers in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile


def read_json(file: InputFile, *, lines: bool = False) -> Any:
    """What is in a JSON file.

    Args:
        file: to read.
        lines: whether each line may be JSON of its own; then the list of them is given back.

    Raises:
        InputError: it is not JSON, or cut short.
    """
    text = file.text()
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if lines and len(rows := [row for row in text.splitlines() if row.strip()]) > 1:
            try:
                return [json.loads(row) for row in rows]
            except (ValueError, RecursionError):
                pass  # not one JSON a line either: the first error is the one to say
        raise InputError(f"not JSON, or cut short ({error})", where=file.path) from error


def number_array(values: object, width: int, where: Path | str, expected: str) -> np.ndarray:
    """A flat list of numbers as float32 `(row, width)`; none, or nothing at all, is no row.

    Raises:
        InputError: it is no list of numbers, or not a multiple of `width`.
    """
    try:
        with np.errstate(over="ignore"):
            flat = np.array([] if values is None else values, dtype=np.float64).astype(np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"not a list of numbers ({error})", where=where, expected=expected) from error
    if flat.ndim != 1 or len(flat) % width:
        raise InputError("wrong number of values", where=where, expected=expected, got=flat.shape)
    return flat.reshape(-1, width)
