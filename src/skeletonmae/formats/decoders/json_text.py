"""JSON text: parsing within a memory budget, and lists of numbers as arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile
from skeletonmae.limits import MAX_JSON_MEMORY

OBJECT_BYTES, LIST_BYTES, VALUE_BYTES = 184, 96, 40
"""What CPython takes for a small dictionary, a list of one number, and each further value with its reference."""


def read_json(file: InputFile, *, lines: bool = False) -> Any:
    """The content of a JSON file.

    Args:
        file: File to read.
        lines: Whether each line may be a JSON document of its own; then the list of them is returned.

    Raises:
        InputError: The file is not JSON, is truncated, or would take too much memory.
    """
    text = file.text()
    _check_memory(file, text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if lines and len(rows := [row for row in text.splitlines() if row.strip()]) > 1:
            try:
                return [json.loads(row) for row in rows]
            except (ValueError, RecursionError):
                pass  # not one document per line either: the first error describes the file
        raise InputError(f"not JSON, or truncated ({error})", where=file.path) from error


def _check_memory(file: InputFile, text: str) -> None:
    """Refuse text that a few bytes per object would turn into gigabytes, before it is parsed."""
    memory = text.count("{") * OBJECT_BYTES + text.count("[") * LIST_BYTES + text.count(",") * VALUE_BYTES
    if memory > MAX_JSON_MEMORY:
        expected = f"at most {MAX_JSON_MEMORY / 2**20:.0f} MiB in memory"
        got = f"about {memory / 2**20:.0f} MiB: split the file"
        raise InputError("the JSON holds too many values", where=file.path, expected=expected, got=got)


def json_object(value: object, where: Path | str, expected: str) -> dict[str, Any]:
    """A value that must be a JSON object.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, dict):
        raise InputError("not an object", where=where, expected=expected, got=describe(value))
    return value


def json_list(value: object, where: Path | str, expected: str) -> list[Any]:
    """A value that must be a JSON list; null counts as an empty one.

    Raises:
        InputError: It is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError("not a list", where=where, expected=expected, got=describe(value))
    return value


def frames_per_second(content: Mapping[str, Any]) -> float | None:
    """The frame rate that a file states as `fps`, if it is a positive number."""
    fps = content.get("fps")
    return float(fps) if isinstance(fps, int | float) and 0 < fps < 1e6 else None


def describe(value: object) -> str:
    """A JSON value in a few words, for messages."""
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)[:40]
    if isinstance(value, str):
        return repr(value[:40])
    return f"an object with {len(value)} keys" if isinstance(value, dict) else f"a list of {len(value)}"  # type: ignore[arg-type]


def number_array(values: object, width: int, where: Path | str, expected: str) -> np.ndarray:
    """A flat list of numbers as float32 `(row, width)`. Null, or an empty list, has no rows.

    Raises:
        InputError: It is not a list of numbers, or its length is not a multiple of `width`.
    """
    flat = _floats(values, where, expected)
    if flat.ndim != 1 or len(flat) % width:
        raise InputError("wrong number of values", where=where, expected=expected, got=flat.shape)
    return flat.reshape(-1, width)


def point_array(values: object, widths: tuple[int, ...], where: Path | str, expected: str) -> np.ndarray:
    """A list of points, each a list of as many numbers, as float32 `(point, number)`. Null in a point is NaN.

    Args:
        values: The list; null has no points.
        widths: How many numbers a point may have.
        where: The file and record, for messages.
        expected: What is expected there, for messages.

    Raises:
        InputError: It is not such a list.
    """
    points = json_list(values, where, expected)
    if points and not isinstance(points[0], list):
        raise InputError("not a list of points", where=where, expected=expected, got=describe(points[0]))
    array = _floats(points, where, expected)
    if not points:
        return array.reshape(0, widths[0])
    if array.ndim != 2 or array.shape[1] not in widths:
        raise InputError("wrong number of values", where=where, expected=expected, got=array.shape)
    return array


def _floats(values: object, where: Path | str, expected: str) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            return np.array([] if values is None else values, dtype=np.float64).astype(np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"not a list of numbers ({error})", where=where, expected=expected) from error
