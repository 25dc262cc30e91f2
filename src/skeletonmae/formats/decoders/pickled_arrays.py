"""The numpy arrays in a pickle, made from what it says of them and from nothing else."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np


class RefusedError(Exception):
    """What a pickle asks for and does not get, after "the pickle"."""


def shown(value: object) -> str:
    """What is said of a value, which may be long or hostile."""
    return ascii(value).strip("'\"")[:100] if isinstance(value, str) else type(value).__name__


def of_kind(kind: type, value: Any) -> Any:
    """The value; raises `RefusedError` if it is of another type."""
    if type(value) is not kind:
        raise RefusedError(f"has {type(value).__name__} where {kind.__name__} should be")
    return value


def make_dtype(text: Any, state: Any) -> np.dtype[Any]:
    """The type of an array's numbers or texts; objects, records, dates and complex numbers are not among them."""
    version, order, base, names, fields, size, _, _ = state[:8]
    if not re.fullmatch("[biufSU][0-9]{1,9}", text) or (version, base, names, fields) != (3, None, None, None):
        kind = "objects" if text[:1] == "O" else f"dtype {shown(text)}"
        raise RefusedError(f"asks for an array of {kind}")
    dtype: np.dtype[Any] = np.dtype(text).newbyteorder("=" if order == "|" else order)
    if not dtype.itemsize or size not in (-1, dtype.itemsize):
        raise RefusedError(f"asks for an array of {shown(text)} with items of {size} bytes")
    return dtype


def make_array(data: bytes | bytearray, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """An array on bytes that are there."""
    sizes = of_kind(tuple, shape)
    if len(sizes) > 32 or any(type(size) is not int or size < 0 for size in sizes):
        raise RefusedError("asks for an array of a strange shape")
    if not isinstance(dtype, np.dtype):
        raise RefusedError("asks for an array of a strange type")
    if len(data) != math.prod(sizes) * dtype.itemsize:
        raise RefusedError(f"asks for an array of shape {sizes} and type {dtype} on {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(sizes, order=order)
