"""Arrays of numbers and text in MATLAB 5 files (`save -v6` and `-v7`), as MathWorks' document "MAT-File Format"
describes them."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_READ_BYTES

START_BYTES = 512
"""Bytes of a compressed variable that are decompressed first; its shape and its name are within them."""

_MATRIX, _COMPRESSED = 14, 15
_STORED_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CODECS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CLASS_DTYPES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_UNSUPPORTED_CLASSES = {
    1: "a cell array",
    2: "a structure",
    3: "an object",
    5: "sparse",
    16: "a function",
    17: "an object",
}
_TEXT, _COMPLEX, _LOGICAL = 4, 0x800, 0x200


def read_matlab(content: bytes, where: str, wanted: Sequence[str]) -> dict[str, np.ndarray | str]:
    """Read variables of a MATLAB 5 file.

    Args:
        content: The whole file.
        where: The file, for messages.
        wanted: Names of the variables to read. Others are skipped, whatever they hold.

    Returns:
        Name -> array, with the type of the variable in MATLAB (a double is float64, even where the file stores it
        as integers) and MATLAB's order of axes. Text is a str, or an array of its rows if it has several.

    Raises:
        InputError: The file is damaged or another kind of file; or a variable is missing, duplicated, larger than
            `MAX_READ_BYTES`, or holds anything but numbers, logical values or text.
    """
    found: dict[str, np.ndarray | str] = {}
    names, at = [], where
    try:
        for variable in _variables(memoryview(content)):
            at, name = f"{where}, variable {variable.name!r}", variable.name
            names.append(name)
            if name in found:
                raise _DamagedError("it occurs twice")
            if name in wanted:
                found[name] = variable.value()
            at = where
    except (_DamagedError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"cannot be read as MATLAB 5 ({error})", where=at) from error
    if missing := [name for name in wanted if name not in found]:
        raise InputError("a variable is missing", where=where, expected=missing[0], got=", ".join(names[:20]))
    return found


def variable_names(head: bytes) -> list[str]:
    """Names of the variables that begin in the first bytes of a file; empty if it is not MATLAB 5."""
    names = []
    try:
        for variable in _variables(memoryview(head)):
            names.append(variable.name)
    except (_DamagedError, UnicodeDecodeError, zlib.error):
        return names
    return names


class _DamagedError(ValueError):
    """What is wrong with the bytes."""


@dataclass(frozen=True)
class _Variable:
    """A variable whose header has been read.

    Args:
        name: Its name.
        flags: Its class in the low byte, `_COMPLEX` and `_LOGICAL`.
        shape: In MATLAB's order of axes.
        byte_order: `<` or `>`, as in numpy.
        size: Bytes of the whole variable, decompressed.
        body: Offset of its values within these bytes.
        content: The whole variable, or as much of it as is decompressed.
        decompressor: Decompresses the rest; None if the variable is not compressed.
    """

    name: str
    flags: int
    shape: tuple[int, ...]
    byte_order: str
    size: int
    body: int
    content: memoryview
    decompressor: zlib._Decompress | None

    def value(self) -> np.ndarray | str:
        """The numbers or text of the variable."""
        kind, count = self.flags & 0xFF, math.prod(self.shape)
        if kind in _UNSUPPORTED_CLASSES or self.flags & _COMPLEX:
            raise _DamagedError(f"it is {_UNSUPPORTED_CLASSES.get(kind, 'complex')}, not plain numbers or text")
        if kind not in _CLASS_DTYPES and kind != _TEXT:
            raise _DamagedError(f"it is of an unknown class, {kind}")
        dtype = np.dtype(_CLASS_DTYPES.get(kind, "U4"))
        if min(self.shape) < 0 or max(self.size, count * dtype.itemsize) > MAX_READ_BYTES:
            raise _DamagedError(f"its shape is {self.shape}, more than {MAX_READ_BYTES} bytes can hold")
        if count > self.size - self.body:
            raise _DamagedError(f"its shape is {self.shape}, in {self.size} bytes")
        stored_type, data, _ = _element(self._decompressed(), self.body, self.byte_order)
        if kind == _TEXT:
            return _text(data, stored_type, self.byte_order, self.shape)
        numbers = _array(data, stored_type, self.byte_order)
        loses_digits = numbers.dtype.kind == "f" and (dtype.kind != "f" or dtype.itemsize < numbers.itemsize)
        if len(numbers) != count or loses_digits:
            raise _DamagedError(f"{len(numbers)} numbers {numbers.dtype} for shape {self.shape} {dtype}")
        return numbers.astype(bool if self.flags & _LOGICAL else dtype).reshape(self.shape, order="F")

    def _decompressed(self) -> memoryview:
        """The whole variable.

        One byte more than it has is requested, so that zlib reaches the checksum. MATLAB writes no checksum behind
        a variable of 16384 bytes, so a missing one is not an error.
        """
        if self.decompressor is None:
            return self.content
        content, missing = bytes(self.content), self.size - len(self.content)
        if missing > 0:
            content += self.decompressor.decompress(self.decompressor.unconsumed_tail, missing + 1)
        if len(content) != self.size:
            raise _DamagedError(f"it does not decompress to the {self.size} bytes that it states")
        return memoryview(content)


def _variables(content: memoryview) -> Iterator[_Variable]:
    """The variables of a file, with their values still unread; the last one may be truncated."""
    byte_order = {b"\0\1IM": "<", b"\1\0MI": ">"}.get(bytes(content[124:128]))
    if byte_order is None:
        newer = bytes(content[:10]) == b"MATLAB 7.3"
        raise _DamagedError(
            "it is MATLAB 7.3, which is HDF5: save it as -v7" if newer else "it has another header"
        )
    at = 128
    while at < len(content):
        kind, size = _tag(content, at, byte_order)
        end = at + 8 + size
        start, decompressor = content[at:end], None
        if kind == _COMPRESSED:
            decompressor = zlib.decompressobj()
            start = memoryview(decompressor.decompress(start[8:], START_BYTES))
        yield _variable(start, byte_order, decompressor)
        if end > len(content):
            raise _DamagedError("it is truncated")
        at = end


def _variable(start: memoryview, byte_order: str, decompressor: zlib._Decompress | None) -> _Variable:
    kind, size = _tag(start, 0, byte_order)
    if kind != _MATRIX:
        raise _DamagedError(f"an element of type {kind} is in the place of a variable")
    _, flags, at = _element(start, 8, byte_order)
    _, shape, at = _element(start, at, byte_order)
    _, name, body = _element(start, at, byte_order)
    if len(flags) != 8 or len(shape) % 4 or not 8 <= len(shape) <= 128:
        raise _DamagedError("it has no class or no shape")
    return _Variable(
        name=str(name, "ascii"),
        flags=struct.unpack_from(byte_order + "I", flags)[0],
        shape=struct.unpack(f"{byte_order}{len(shape) // 4}i", shape),
        byte_order=byte_order,
        size=size + 8,
        body=body,
        content=start,
        decompressor=decompressor,
    )


def _array(data: memoryview, stored_type: int, byte_order: str) -> np.ndarray:
    if stored_type not in _STORED_DTYPES:
        raise _DamagedError(f"its numbers are of an unknown type, {stored_type}")
    dtype = np.dtype(byte_order + _STORED_DTYPES[stored_type])
    if len(data) % dtype.itemsize:
        raise _DamagedError(f"{len(data)} bytes are not numbers of type {dtype}")
    return np.frombuffer(data, dtype)


def _text(data: memoryview, stored_type: int, byte_order: str, shape: tuple[int, ...]) -> np.ndarray | str:
    count = math.prod(shape)
    if stored_type not in _CODECS or len(data) > 4 * count:
        raise _DamagedError(f"{len(data)} bytes of type {stored_type} are not a text of {count} letters")
    codec = _CODECS[stored_type]
    text = str(data, codec + {"<": "-le", ">": "-be"}[byte_order] if codec in ("utf-16", "utf-32") else codec)
    rows = math.prod(shape[:-1])
    units = len(text.encode("utf-16-le")) // 2  # MATLAB counts UTF-16 units, other writers count characters
    if len(text) != count and (units != count or rows > 1):
        raise _DamagedError(f"its text has {len(text)} letters for shape {shape}")
    if rows <= 1:
        return text
    letters = np.array(list(text)).reshape(shape, order="F").reshape(rows, -1)
    return np.array(["".join(row) for row in letters])


def _tag(content: memoryview, at: int, byte_order: str) -> tuple[int, int]:
    """Type and number of bytes of the element at `at`."""
    if at + 8 > len(content):
        raise _DamagedError("it is truncated")
    kind, size = struct.unpack_from(byte_order + "II", content, at)
    return kind, size


def _element(content: memoryview, at: int, byte_order: str) -> tuple[int, memoryview, int]:
    """Type and bytes of the element at `at`, and the offset of the next one."""
    kind, size = _tag(content, at, byte_order)
    if short := kind >> 16:  # up to 4 bytes are stored within the tag
        kind, size, begin, after = kind & 0xFFFF, short, at + 4, at + 8
    else:
        begin, after = at + 8, at + 8 + size + -size % 8
    data = content[begin : begin + size]
    if len(data) != size or begin + size > after:
        raise _DamagedError("it is truncated")
    return kind, data, after
