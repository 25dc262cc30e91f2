"""The `.npy` files of a store: opened if they are what the manifest and their header say."""

from __future__ import annotations

import math
import mmap
import warnings
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.sequences.manifest import NPY_HEADER_BYTES, FileRecord

MAX_UNMAPPED_BYTES = 2**16
"""Files of up to so many bytes are read instead of mapped, because a map keeps its file open."""


def open_array(path: Path, record: FileRecord | None, dtype: np.dtype[Any]) -> np.ndarray:
    """Map a file; read it if it is small. The array is read-only.

    Args:
        path: The file.
        record: What the manifest says about it; None if it is not listed.
        dtype: The expected data type.

    Raises:
        InputError: The file is missing, not listed, or its size, data type or header is wrong.
    """
    if record is None:
        raise InputError("the manifest does not list this file", where=path)
    if not path.is_file():
        raise InputError("the file is missing", where=path)
    size = path.stat().st_size
    if size != record.bytes:
        raise InputError(
            "the file was truncated or changed", where=path, expected=f"{record.bytes} bytes", got=size
        )
    shape, found_dtype = _read_header(path)
    if found_dtype != dtype:
        raise InputError("wrong data type", where=path, expected=dtype, got=found_dtype)
    expected = NPY_HEADER_BYTES + math.prod(shape) * dtype.itemsize
    if size != expected:
        problem = "the size of the file is not that of the shape in its header"
        raise InputError(problem, where=path, expected=f"{expected} bytes", got=size)
    if size > MAX_UNMAPPED_BYTES:  # read-only: a writable map must not be larger than the memory
        return np.asarray(np.memmap(path, dtype, "r", NPY_HEADER_BYTES, shape))
    array = np.fromfile(path, dtype, offset=NPY_HEADER_BYTES).reshape(shape)
    array.flags.writeable = False
    return array


def advise_random_reads(array: np.ndarray) -> None:
    """Tell the system to read only the pages of a mapped array that are asked for, and none ahead of them.

    Nothing happens on systems without such advice, and to arrays that are not mapped.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
        base.madvise(mmap.MADV_RANDOM)


def _read_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and data type that the header of a `.npy` file declares."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # a header that numpy reads with a warning is damaged too
            version = np.lib.format.read_magic(file)
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
            num_bytes = file.tell()
            if version != (1, 0) or is_fortran or not shape or min(shape) < 0 or num_bytes != NPY_HEADER_BYTES:
                raise ValueError(f"version {version}, shape {shape}, {num_bytes} bytes of header")
    except (
        Warning,
        RecursionError,
        MemoryError,
        ValueError,
        TypeError,
        OverflowError,
        SyntaxError,
        TokenError,
    ) as error:  # everything that numpy raises for a damaged header
        raise InputError(f"not a numpy array ({error})", where=path) from error
    return shape, dtype
