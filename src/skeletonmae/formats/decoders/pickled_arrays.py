"""Numpy arrays in a pickle, rebuilt from the dtype, shape and bytes that the pickle states."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np


class RefusedError(Exception):
    """Something that a pickle asks for and does not get; the message continues the words "the pickle"."""


def escape_value(value: object) -> str:
    """A value for a message: text is escaped and shortened, anything else is named by its type."""
    return ascii(value).strip("'\"")[:100] if isinstance(value, str) else type(value).__name__


def expect_type(kind: type, value: Any) -> Any:
    """The value, if its type is exactly `kind`.

    Raises:
        RefusedError: It is of another type.
    """
    if type(value) is not kind:
        raise RefusedError(f"has {type(value).__name__} where {kind.__name__} should be")
    return value


def make_dtype(text: Any, state: Any, *, object_arrays: bool) -> np.dtype[Any]:
    """The dtype of an array of numbers or text, or of objects if `object_arrays`.

    Raises:
        RefusedError: It is another dtype: records, dates, complex numbers.
    """
    version, order, base, names, fields, size, _, _ = state[:8]
    if object_arrays and text in ("O", "O4", "O8"):
        return np.dtype(object)
    if not re.fullmatch("[biufSU][0-9]{1,9}", text) or (version, base, names, fields) != (3, None, None, None):
        kind = "objects" if text[:1] == "O" else f"dtype {escape_value(text)}"
        raise RefusedError(f"asks for an array of {kind}")
    dtype: np.dtype[Any] = np.dtype(text).newbyteorder("=" if order == "|" else order)
    if not dtype.itemsize or size not in (-1, dtype.itemsize):
        raise RefusedError(f"asks for an array of {escape_value(text)} with items of {size} bytes")
    return dtype


def make_array(data: bytes | bytearray, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """An array of numbers or text that shares `data`.

    Raises:
        RefusedError: Shape and dtype do not fit the number of bytes.
    """
    sizes = _check_shape(shape)
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise RefusedError("asks for an array of an unknown type")
    if len(data) != math.prod(sizes) * dtype.itemsize:
        raise RefusedError(f"asks for an array of shape {sizes} and type {dtype} on {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(sizes, order=order)


def make_object_array(items: Any, shape: Any) -> object:
    """The items of an array of objects: the only one of an array without axes, else a list, nested by axis.

    Raises:
        RefusedError: There are not as many items as the shape says.
    """
    sizes, items = _check_shape(shape), expect_type(list, items)
    if len(items) != math.prod(sizes):
        raise RefusedError(f"asks for an array of shape {sizes} with {len(items)} objects")
    if not items:
        return []
    for size in reversed(sizes[1:]):
        items = [items[start : start + size] for start in range(0, len(items), size)]
    return items if sizes else items[0]


def _check_shape(shape: Any) -> tuple[int, ...]:
    sizes: tuple[int, ...] = expect_type(tuple, shape)
    if len(sizes) > 32 or any(type(size) is not int or size < 0 for size in sizes):
        raise RefusedError("asks for an array of an impossible shape")
    return sizes
