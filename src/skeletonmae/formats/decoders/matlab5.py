"""Plain arrays and texts from MATLAB 5 files (`save -v6` and `-v7`), by the document "MAT-File Format"."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_READ_BYTES

START = 512
"""Bytes of a packed variable to look at first; its shape and its name, of 63 letters at most, are in them."""

_MATRIX, _COMPRESSED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CODECS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_REFUSED = {1: "a cell array", 2: "a structure", 3: "an object", 5: "sparse", 16: "a function", 17: "an object"}
_TEXT, _COMPLEX, _LOGICAL = 4, 0x800, 0x200


def read_matlab(content: bytes, where: str, wanted: Sequence[str]) -> dict[str, np.ndarray | str]:
    """The wanted variables of a MATLAB 5 file.

    Args:
        content: of the file.
        where: it is, for messages.
        wanted: names of variables; others are passed over, whatever they are.

    Returns:
        Name -> array, of the type the variable has in MATLAB (a double is float64, however few bytes the file
        spends on it) and with axes in MATLAB's order; or text, an array of its rows if there are several.

    Raises:
        InputError: it is no such file or damaged; or a wanted variable is missing, there twice, larger than
            `MAX_READ_BYTES`, or other than numbers, truth values or text.
    """
    found: dict[str, np.ndarray | str] = {}
    names, at = [], where
    try:
        for variable in _variables(memoryview(content)):
            at, name = f"{where}, variable {variable.name!r}", variable.name
            names.append(name)
            if name in found:
                raise _DamagedError("it is there twice")
            if name in wanted:
                found[name] = variable.value()
            at = where
    except (_DamagedError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"cannot be read as MATLAB 5 ({error})", where=at) from error
    if missing := [name for name in wanted if name not in found]:
        raise InputError("a variable is missing", where=where, expected=missing[0], got=", ".join(names[:20]))
    return found


def variable_names(head: bytes) -> list[str]:
    """The names of the variables that begin in the first bytes of a file; none if it is not MATLAB 5."""
    names = []
    try:
        for variable in _variables(memoryview(head)):
            names.append(variable.name)
    except (_DamagedError, UnicodeDecodeError, zlib.error):
        return names
    return names


class _DamagedError(ValueError):
    """What is wrong with the bytes, in words."""


@dataclass(frozen=True)
class _Variable:
    """What the first bytes of a variable say.

    Args:
        name: of the variable.
        flags: its class in the low byte, `_COMPLEX` and `_LOGICAL`.
        shape: in MATLAB's order of axes.
        order: of bytes, as numpy writes it.
        size: bytes of the whole variable, unpacked.
        body: where in those its numbers begin.
        content: the whole variable, or as much as is unpacked yet.
        packed: what unpacks the rest.
    """

    name: str
    flags: int
    shape: tuple[int, ...]
    order: str
    size: int
    body: int
    content: memoryview
    packed: zlib._Decompress | None

    def value(self) -> np.ndarray | str:
        kind, count = self.flags & 0xFF, math.prod(self.shape)
        if kind in _REFUSED or self.flags & _COMPLEX:
            raise _DamagedError(f"it is {_REFUSED.get(kind, 'complex')}, not plain numbers or text")
        if kind not in _NUMBERS and kind != _TEXT:
            raise _DamagedError(f"it is of an unknown class, {kind}")
        wanted = np.dtype(_NUMBERS.get(kind, "U4"))
        if min(self.shape) < 0 or max(self.size, count * wanted.itemsize) > MAX_READ_BYTES:
            raise _DamagedError(f"its shape is {self.shape}, more than {MAX_READ_BYTES} bytes can hold")
        if count > self.size - self.body:
            raise _DamagedError(f"its shape is {self.shape}, in {self.size} bytes")
        stored, data, _ = _element(self._unpacked(), self.body, self.order)
        if kind == _TEXT:
            return _text(data, stored, self.order, self.shape)
        numbers = _array(data, stored, self.order)
        narrowed = numbers.dtype.kind == "f" and (wanted.kind != "f" or wanted.itemsize < numbers.itemsize)
        if len(numbers) != count or narrowed:
            raise _DamagedError(f"{len(numbers)} numbers {numbers.dtype} for shape {self.shape} {wanted}")
        return numbers.astype(bool if self.flags & _LOGICAL else wanted).reshape(self.shape, order="F")

    def _unpacked(self) -> memoryview:
        """The whole variable. One byte more than it has is asked for, so that zlib gets to the checksum.

        MATLAB writes none behind a variable of 16384 bytes, so that is no error.
        """
        if self.packed is None:
            return self.content
        content, missing = bytes(self.content), self.size - len(self.content)
        if missing > 0:
            content += self.packed.decompress(self.packed.unconsumed_tail, missing + 1)
        if len(content) != self.size:
            raise _DamagedError(f"it does not unpack to the {self.size} bytes it should")
        return memoryview(content)


def _variables(content: memoryview) -> Iterator[_Variable]:
    """Every variable of a file, before its numbers are looked at; the last may be cut short."""
    order = {b"\0\1IM": "<", b"\1\0MI": ">"}.get(bytes(content[124:128]))
    if order is None:
        newer = bytes(content[:10]) == b"MATLAB 7.3"
        raise _DamagedError("it is MATLAB 7.3, which is HDF5: save it as -v7" if newer else "other bytes")
    at = 128
    while at < len(content):
        kind, size = _tag(content, at, order)
        end = at + 8 + size
        start, packed = content[at:end], None
        if kind == _COMPRESSED:
            packed = zlib.decompressobj()
            start = memoryview(packed.decompress(start[8:], START))
        yield _start(start, order, packed)
        if end > len(content):
            raise _DamagedError("it is cut short")
        at = end


def _start(start: memoryview, order: str, packed: zlib._Decompress | None) -> _Variable:
    kind, size = _tag(start, 0, order)
    if kind != _MATRIX:
        raise _DamagedError(f"there is an element of type {kind} where a variable should be")
    _, flags, at = _element(start, 8, order)
    _, shape, at = _element(start, at, order)
    _, name, body = _element(start, at, order)
    if len(flags) != 8 or len(shape) % 4 or not 8 <= len(shape) <= 128:
        raise _DamagedError("it has no class or no shape")
    return _Variable(
        name=str(name, "ascii"),
        flags=struct.unpack_from(order + "I", flags)[0],
        shape=struct.unpack(f"{order}{len(shape) // 4}i", shape),
        order=order,
        size=size + 8,
        body=body,
        content=start,
        packed=packed,
    )


def _array(data: memoryview, stored: int, order: str) -> np.ndarray:
    if stored not in _STORED:
        raise _DamagedError(f"its numbers are of an unknown type, {stored}")
    dtype = np.dtype(order + _STORED[stored])
    if len(data) % dtype.itemsize:
        raise _DamagedError(f"{len(data)} bytes are not numbers of type {dtype}")
    return np.frombuffer(data, dtype)


def _text(data: memoryview, stored: int, order: str, shape: tuple[int, ...]) -> np.ndarray | str:
    count = math.prod(shape)
    if stored not in _CODECS or len(data) > 4 * count:
        raise _DamagedError(f"{len(data)} bytes of type {stored} are not a text of {count} letters")
    codec = _CODECS[stored]
    text = str(data, codec + {"<": "-le", ">": "-be"}[order] if codec in ("utf-16", "utf-32") else codec)
    rows = math.prod(shape[:-1])
    units = len(text.encode("utf-16-le")) // 2  # MATLAB's letters; others count characters
    if len(text) != count and (units != count or rows > 1):
        raise _DamagedError(f"its text has {len(text)} letters for shape {shape}")
    if rows <= 1:
        return text
    letters = np.array(list(text)).reshape(shape, order="F").reshape(rows, -1)
    return np.array(["".join(row) for row in letters])


def _tag(content: memoryview, at: int, order: str) -> tuple[int, int]:
    """Type and number of bytes of the element at `at`."""
    if at + 8 > len(content):
        raise _DamagedError("it is cut short")
    kind, size = struct.unpack_from(order + "II", content, at)
    return kind, size


def _element(content: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Type and bytes of the element at `at`, and where the next one is."""
    kind, size = _tag(content, at, order)
    if short := kind >> 16:  # up to 4 bytes are kept within the tag
        kind, size, begin, after = kind & 0xFFFF, short, at + 4, at + 8
    else:
        begin, after = at + 8, at + 8 + size + -size % 8
    data = content[begin : begin + size]
    if len(data) != size or begin + size > after:
        raise _DamagedError("it is cut short")
    return kind, data, after
