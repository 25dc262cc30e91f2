"""Arrays in numpy's `.npy` and `.npz` files, of which nothing is unpickled by Python.

numpy itself allocates what a header states before it looks for the bytes, and reads arrays of objects by running a
pickle. Here a header is compared with the size of the file first, long arrays are read row by row, and arrays of
objects go through `plain_pickle`.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy_format

from skeletonmae.errors import InputError
from skeletonmae.formats.archives import STREAMABLE, wrap_os_errors
from skeletonmae.formats.decoders.plain_pickle import read_pickle
from skeletonmae.formats.files import InputFile
from skeletonmae.limits import (
    MAX_ARRAY_AXES,
    MAX_ARRAY_BYTES,
    MAX_ARRAYS,
    MAX_COMPRESSION_RATIO,
    MAX_READ_BYTES,
    MIN_SUSPICIOUS_BYTES,
)

MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK\x03\x04"
MAX_HEADER_BYTES = 10_000
"""Characters of the header of a `.npy` file, which names a type and a shape."""
DTYPE_KINDS = "biufSUO"


@dataclass(frozen=True)
class ArrayHeader:
    """What a `.npy` file declares, checked against the number of bytes that follow.

    Args:
        shape: Of the array.
        dtype: Of its items.
        fortran_order: Whether the first axis varies fastest.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool

    @property
    def num_bytes(self) -> int:
        """Size of the array."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def row_bytes(self) -> int:
        """Size of one item of the first axis."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def read_header(file: BinaryIO, where: str, size: int | None) -> ArrayHeader:
    """Read the header of a `.npy` file; the array begins where the file is left.

    Args:
        file: Open at its beginning.
        where: The file and the array, for messages.
        size: Bytes of the whole file, or None to leave the size of the array unchecked.

    Raises:
        InputError: The file does not begin with such a header, or its array does not fit into the file.
    """
    try:
        version = npy_format.read_magic(file)
        read = {
            (1, 0): npy_format.read_array_header_1_0,
            (2, 0): npy_format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"version {version} of the header is unknown")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns of headers that Python 2 wrote
            shape, fortran_order, dtype = read(file, max_header_size=MAX_HEADER_BYTES)
    except (ValueError, TypeError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        raise InputError(f"not a numpy array ({str(error)[:200]})", where=where) from error
    header = ArrayHeader(shape, dtype, fortran_order)
    num_bytes = math.prod(max(1, count) for count in (*shape, dtype.itemsize))
    is_possible = len(shape) <= MAX_ARRAY_AXES and num_bytes <= MAX_ARRAY_BYTES
    if any(count < 0 for count in shape) or not is_possible or dtype.kind not in DTYPE_KINDS:
        got = f"{dtype} {shape}"[:200]
        raise InputError("not a plain array", where=where, expected="numbers, text or objects", got=got)
    if size is not None and not dtype.hasobject and header.num_bytes > size:
        expected = f"at most {size} bytes"
        raise InputError(
            "the array does not fit into its file", where=where, expected=expected, got=f"{dtype} {shape}"
        )
    return header


def sniff_header(head: bytes) -> ArrayHeader | None:
    """The header at the beginning of a `.npy` file, or None if there is none."""
    if not head.startswith(MAGIC):
        return None
    try:
        return read_header(io.BytesIO(head), "", None)
    except InputError:
        return None


def read_array(file: BinaryIO, header: ArrayHeader, where: str) -> np.ndarray:
    """The array behind a header, as a whole.

    Raises:
        InputError: It is truncated, larger than `MAX_READ_BYTES`, or made of objects.
    """
    if header.dtype.hasobject:
        raise InputError("an array of objects", where=where, expected="numbers or text")
    if header.num_bytes > MAX_READ_BYTES:
        expected = f"at most {MAX_READ_BYTES} bytes"
        raise InputError("too large to be read at once", where=where, expected=expected, got=header.num_bytes)
    data = _read_exactly(file, header.num_bytes, where)
    order = "F" if header.fortran_order else "C"
    return np.frombuffer(data, header.dtype).reshape(header.shape, order=cast(Any, order))


def iter_rows(file: BinaryIO, header: ArrayHeader, where: str) -> Iterator[np.ndarray]:
    """The items of the first axis, one at a time, so that an array may be larger than memory.

    Raises:
        InputError: The array is truncated, or a single item is larger than `MAX_READ_BYTES`.
    """
    if header.fortran_order or header.dtype.hasobject or not header.shape:
        yield from read_array(file, header, where)
        return
    if header.row_bytes > MAX_READ_BYTES:
        expected = f"at most {MAX_READ_BYTES} bytes"
        raise InputError("an item is too large", where=where, expected=expected, got=header.row_bytes)
    for _ in range(header.shape[0] if header.row_bytes else 0):
        data = _read_exactly(file, header.row_bytes, where)
        yield np.frombuffer(data, header.dtype).reshape(header.shape[1:])


def _read_exactly(file: BinaryIO, size: int, where: str) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise InputError("the array is truncated", where=where, expected=f"{size} bytes", got=len(data))
    return data


class Npz:
    """An open `.npz` file: named arrays in a zip archive.

    Args:
        archive: The archive.
        path: Of the file, for messages.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive, self._path = archive, path
        self._members = {
            info.filename.removesuffix(".npy"): info
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in the order of the file."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def header(self, name: str) -> ArrayHeader:
        """Type and shape of an array.

        Raises:
            InputError: There is no such array, or it is damaged.
        """
        with self._open(name) as (_, header, _):
            return header

    def array(self, name: str) -> np.ndarray:
        """An array of numbers or text.

        Raises:
            InputError: There is no such array; or it is damaged, too large, or made of objects.
        """
        with self._open(name) as (file, header, where):
            return read_array(file, header, where)

    def rows(self, name: str) -> Iterator[np.ndarray]:
        """The items of the first axis of an array, one at a time.

        Raises:
            InputError: There is no such array, or it is damaged.
        """
        with self._open(name) as (file, header, where):
            yield from iter_rows(file, header, where)

    def objects(self, name: str) -> object:
        """The Python objects in an array of objects: the only one of an array without axes, else a list.

        Raises:
            InputError: There is no such array, or its pickle holds anything but plain containers and arrays.
        """
        with self._open(name) as (file, header, where):
            if not header.dtype.hasobject:
                raise InputError("not an array of objects", where=where, got=f"{header.dtype} {header.shape}")
            return read_pickle(file, where, object_arrays=True)

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[BinaryIO, ArrayHeader, str]]:
        if name not in self._members:
            got = ", ".join(self.names[:20]) or "no arrays"
            raise InputError(f"there is no array {name!r}", where=self._path, got=got)
        info, where = self._members[name], f"{self._path}, array {name!r}"
        if info.compress_type not in STREAMABLE:
            expected = "deflate, or not compressed"
            raise InputError("compressed by an unusual method", where=where, expected=expected)
        ratio = info.file_size / max(info.compress_size, 1)
        if info.file_size > MIN_SUSPICIOUS_BYTES and ratio > MAX_COMPRESSION_RATIO:
            got = f"{info.file_size} bytes packed in {info.compress_size}"
            raise InputError("unpacks to more than a recording can be", where=where, got=got)
        with wrap_os_errors(Path(where)), self._archive.open(info) as member:
            file = cast(BinaryIO, member)
            yield file, read_header(file, where, info.file_size), where


@contextmanager
def open_npz(file: InputFile) -> Iterator[Npz]:
    """Open a `.npz` file, on disk or in an archive.

    Raises:
        InputError: It is damaged, or holds more than `MAX_ARRAYS` arrays.
    """
    source = io.BytesIO(file.content()) if file.archive else file.path
    try:
        archive = zipfile.ZipFile(source)
    except Exception as error:
        raise InputError(f"not a .npz file, or damaged ({error})", where=file.path) from error
    with archive:
        if len(archive.infolist()) > MAX_ARRAYS:
            raise InputError("too many arrays", where=file.path, expected=f"at most {MAX_ARRAYS:,}")
        yield Npz(archive, file.path)


def first_member(head: bytes) -> str | None:
    """Name of the first array of a `.npz` file, from its first bytes; None for other files."""
    if not head.startswith(ZIP_MAGIC) or len(head) < 30:
        return None
    length = int.from_bytes(head[26:28], "little")
    name = head[30 : 30 + length].decode("utf-8", "replace")
    return name.removesuffix(".npy") if name.endswith(".npy") else None
