"""Pickles of plain containers and numpy arrays, read without executing what they name.

A pickle is a program: Python's unpicklers look up the functions that it names and call them, allocate any size
that it states, and overflow the stack on nested tuples. This module interprets the opcodes, which `pickletools`
parses, on containers, numbers and text only. The few calls by which numpy rebuilds an array are implemented here.
`docs/decisions/0015-own-decoders.md` compares this with a restricted `pickle.Unpickler`.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Iterable
from typing import Any, BinaryIO, cast

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.pickled_arrays import (
    RefusedError,
    escape_value,
    expect_type,
    make_array,
    make_dtype,
    make_object_array,
)

EXPECTED = "numpy arrays of numbers or text in plain containers"
BUFFER_BYTES = 2**16
CHUNK_BYTES = 2**24
"""Bytes that are read at once, so that a false length allocates no more than this."""

_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_TUPLE_SIZES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_ALLOWED_CALLS = {
    "numpy.ndarray", "numpy.dtype", "numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer", "_codecs.encode", "builtins.set", "builtins.frozenset", "builtins.bytes",
}  # fmt: skip
_KEY_TYPES = (str, bytes, int, float, type(None), np.generic)


def read_pickle(file: BinaryIO, where: str, *, object_arrays: bool = False) -> object:
    """Decode a pickle of any protocol.

    Args:
        file: Open at the beginning of the pickle.
        where: The file, for messages.
        object_arrays: Whether numpy arrays of objects are decoded too. Such an array becomes a list, nested by
            axis, or the object itself if the array has no axes.

    Returns:
        Nested lists, tuples, dicts and sets of text, bytes, numbers, `None`, and numpy arrays and scalars of
        numbers or text. Tuples are not allowed as keys. Arrays share the bytes that were read and can be
        read-only.

    Raises:
        InputError: The file is not a pickle, is damaged, or asks for anything else, which the message names.
    """
    buffered: Any = io.BufferedReader(cast(Any, file), BUFFER_BYTES)
    machine = _Machine(object_arrays=object_arrays)
    try:
        for opcode, argument, _ in pickletools.genops(cast(Any, _Bounded(buffered))):
            machine.step(opcode.name, argument)
        return machine.result()
    except RefusedError as error:
        raise InputError(f"the pickle {error}", where=where, expected=EXPECTED) from error
    except (ValueError, TypeError, LookupError, OverflowError, Warning) as error:
        problem = f"not a pickle, or damaged ({type(error).__name__}: {error!s:.200})"
        raise InputError(problem, where=where, expected=EXPECTED) from error
    finally:
        buffered.detach()


class _Bounded:
    """A file for `genops` that reads in chunks and has no `tell`, which `genops` would call at every opcode."""

    def __init__(self, file: BinaryIO) -> None:
        self._read, self.readline = file.read, file.readline

    def read(self, size: int) -> bytes:
        if size <= CHUNK_BYTES:
            return self._read(size)
        pieces = []
        while size > 0 and (piece := self._read(min(size, CHUNK_BYTES))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


class _Unbuilt:
    """A dtype or an array whose state has not been read yet."""

    def __init__(self, call: str, first: object) -> None:
        self.call, self.first = call, first
        self.is_built = False
        self.value: object = None


class _Machine:
    """The stack and the memo of a pickle. A global is on the stack as its name."""

    def __init__(self, *, object_arrays: bool) -> None:
        self.object_arrays = object_arrays
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []  # the stacks below the marks
        self.memo: dict[int, Any] = {}
        self.encoded_text: dict[str, bytes] = {}
        self.num_unbuilt = 0

    def result(self) -> object:
        if self.num_unbuilt:
            raise RefusedError("has an array without content")
        return self.stack[-1]

    def step(self, name: str, argument: Any) -> None:
        """Execute one opcode."""
        stack = self.stack
        if name in _LITERALS:
            stack.append(_check_literal(argument))
            return
        if name in _TUPLE_SIZES:
            stack.append(tuple(self._pop(_TUPLE_SIZES[name])))
            return
        match name:
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                self.memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET":
                stack.append(_resolve(self.memo[argument]))
            case "MARK":
                self.marked.append(stack)
                self.stack = []
            case "REDUCE":
                call, arguments = self._pop(2)
                stack.append(self._call(expect_type(str, call), expect_type(tuple, arguments)))
            case "BUILD":
                unbuilt, state = self._pop(2)
                stack.append(self._build(unbuilt, state))
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_SET":
                stack.append(set())
            case "TUPLE":
                self._push(tuple(self._to_mark()))
            case "LIST":
                self._push(self._to_mark())
            case "DICT":
                self._push(_set_items({}, self._to_mark()))
            case "FROZENSET":
                self._push(frozenset(_check_keys(self._to_mark())))
            case "APPEND":
                items = self._pop(1)
                expect_type(list, stack[-1]).extend(items)
            case "APPENDS":
                items = self._to_mark()
                expect_type(list, self.stack[-1]).extend(items)
            case "SETITEM":
                items = self._pop(2)
                _set_items(stack[-1], items)
            case "SETITEMS":
                items = self._to_mark()
                _set_items(self.stack[-1], items)
            case "ADDITEMS":
                items = self._to_mark()
                expect_type(set, self.stack[-1]).update(_check_keys(items))
            case "GLOBAL":
                stack.append(_check_global(argument.replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                stack.append(_check_global(".".join(expect_type(str, part) for part in self._pop(2))))
            case "POP":
                self._pop(1)
            case "POP_MARK":
                self._to_mark()
            case "DUP":
                stack.append(_resolve(stack[-1]))
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                of = f" of {escape_value(argument)}" if isinstance(argument, str) else ""
                raise RefusedError(f"asks for an object{of} (opcode {name})")

    def _push(self, value: object) -> None:
        self.stack.append(value)

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise IndexError("the stack is empty")
        cut = len(self.stack) - count
        items = self.stack[cut:]
        del self.stack[cut:]
        return items

    def _to_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def _call(self, call: str, arguments: tuple[Any, ...]) -> object:
        match call:
            case "numpy.dtype" | "numpy._core.multiarray._reconstruct":
                self.num_unbuilt += 1
                return _Unbuilt(call, arguments[0])
            case "numpy._core.multiarray.scalar":
                dtype, data = arguments
                return make_array(self._bytes(data), dtype, (), "C")[()]
            case "numpy._core.numeric._frombuffer":
                data, dtype, shape, order, *axes = arguments
                array = make_array(self._bytes(data), dtype, shape, "C" if order == "K" else order)
                return array.transpose(*axes) if order == "K" else array
            case "_codecs.encode" if arguments[1] in ("latin1", "latin-1"):
                return self._bytes(arguments[0])
            case "builtins.bytes" if arguments == ():
                return b""
            case "builtins.set" | "builtins.frozenset":
                items = list(_check_keys(expect_type(list, arguments[0])))
                arguments[0].clear()  # used by this call only; otherwise a short pickle could make many copies
                return set(items) if call == "builtins.set" else frozenset(items)
        raise RefusedError(f"asks for an unknown call of {escape_value(call)}")

    def _build(self, unbuilt: object, state: Any) -> object:
        """Give a dtype or an array its state."""
        if not isinstance(unbuilt, _Unbuilt) or unbuilt.is_built:
            raise RefusedError(f"asks for a change of {type(unbuilt).__name__}")
        if unbuilt.call == "numpy.dtype":
            unbuilt.value = make_dtype(unbuilt.first, state, object_arrays=self.object_arrays)
        else:
            version, shape, dtype, fortran, data = state
            if version != 1:
                raise RefusedError(f"has an array of version {version}")
            if isinstance(dtype, np.dtype) and dtype.hasobject and not fortran:
                unbuilt.value = make_object_array(data, shape)
            else:
                unbuilt.value = make_array(self._bytes(data), dtype, shape, "F" if fortran else "C")
        unbuilt.is_built = True
        self.num_unbuilt -= 1
        return unbuilt.value

    def _bytes(self, data: object) -> bytes | bytearray:
        """The bytes of `data`; text, as protocol 2 stores bytes, is encoded once however often it is used."""
        if isinstance(data, bytes | bytearray):
            return data
        text = expect_type(str, data)
        if text not in self.encoded_text:
            self.encoded_text[text] = text.encode("latin-1")
        return self.encoded_text[text]


def _check_literal(value: Any) -> Any:
    """A number or text of bounded size; text must have a UTF-8 form."""
    if type(value) is int and value.bit_length() > 64:
        raise RefusedError(f"has a whole number of {value.bit_length()} bits")
    if type(value) is str:
        value.encode()
    return value


def _resolve(value: Any) -> Any:
    """A value that is used again; an array must have its state by then."""
    if not isinstance(value, _Unbuilt):
        return value
    if not value.is_built:
        raise RefusedError("uses an array before it has content")
    return value.value


def _check_global(name: str) -> str:
    """The name of an allowed global, as numpy 2 and Python 3 spell it."""
    modern = re.sub(r"^numpy\.core\.", "numpy._core.", re.sub(r"^__builtin__\.", "builtins.", name))
    if modern not in _ALLOWED_CALLS:
        raise RefusedError(f"asks for {escape_value(name)}")
    return modern


def _check_keys(items: Iterable[Any]) -> Iterable[Any]:
    """Items that are cheap to hash; nested tuples would overflow the stack."""
    for item in items:
        if not isinstance(item, _KEY_TYPES):
            raise RefusedError(f"has {type(item).__name__} as a key or in a set")
        yield item


def _set_items(into: Any, items: list[Any]) -> dict[Any, Any]:
    """Add alternating keys and values to a dict."""
    if len(items) % 2:
        raise ValueError("a key without a value")
    expect_type(dict, into).update(zip(_check_keys(items[::2]), items[1::2], strict=True))
    return cast(dict[Any, Any], into)
