"""Pickles of plain containers and numpy arrays, read without running anything that they ask for.

A pickle is a program. Python's own readers look up what it names and call it, make room for any size that it
states, and overflow on tuples in tuples. So its opcodes, which `pickletools` finds, are carried out here, on
containers, numbers and texts; the few calls by which numpy rebuilds an array are our own.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Iterable
from typing import Any, BinaryIO, cast

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.pickled_arrays import RefusedError, make_array, make_dtype, of_kind, shown

EXPECTED = "numpy arrays of numbers or text in plain containers"
BUFFER = 2**16
CHUNK = 2**24
"""Bytes asked for at once: a length that lies gets this much room and no more."""

_ARGUMENT = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_TUPLE = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CALLS = {
    "numpy.ndarray", "numpy.dtype", "numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer", "_codecs.encode", "builtins.set", "builtins.frozenset", "builtins.bytes",
}  # fmt: skip
_KEYS = (str, bytes, int, float, type(None), np.generic)


def read_pickle(file: BinaryIO, where: str) -> object:
    """What a pickle holds, of any protocol.

    Args:
        file: open at the beginning of the pickle.
        where: it is, for messages.

    Returns:
        Lists, tuples, dicts, sets, texts, bytes, numbers, `None`, and numpy arrays and scalars of numbers or text,
        in each other. Keys are no tuples. Arrays share the bytes they came in and may be read-only.

    Raises:
        InputError: it is no pickle or damaged, or it asks for anything else, which is then named.
    """
    buffered: Any = io.BufferedReader(cast(Any, file), BUFFER)
    machine = _Machine()
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
    """A file as `genops` wants it, without `tell`, which it would call at every opcode."""

    def __init__(self, file: BinaryIO) -> None:
        self._read, self.readline = file.read, file.readline

    def read(self, size: int) -> bytes:
        if size <= CHUNK:
            return self._read(size)
        pieces = []
        while size > 0 and (piece := self._read(min(size, CHUNK))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


class _Unbuilt:
    """A dtype or an array that has been asked for, and is not there before its state is."""

    def __init__(self, call: str, first: object) -> None:
        self.call, self.first = call, first
        self.built: np.dtype[Any] | np.ndarray | None = None


class _Machine:
    """The stack and the memo of a pickle. What it names is on the stack as its name."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under the marks
        self.memo: dict[int, Any] = {}
        self.encoded: dict[str, bytes] = {}
        self.unbuilt = 0

    def result(self) -> object:
        if self.unbuilt:
            raise RefusedError("has an array without content")
        return self.stack[-1]

    def step(self, name: str, argument: Any) -> None:
        """Carry out one opcode."""
        stack = self.stack
        if name in _ARGUMENT:
            stack.append(_checked(argument))
            return
        if name in _TUPLE:
            stack.append(tuple(self._pop(_TUPLE[name])))
            return
        match name:
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                self.memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET":
                stack.append(_there(self.memo[argument]))
            case "MARK":
                self.below.append(stack)
                self.stack = []
            case "REDUCE":
                call, arguments = self._pop(2)
                stack.append(self._call(of_kind(str, call), of_kind(tuple, arguments)))
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
                self._push(_put({}, self._to_mark()))
            case "FROZENSET":
                self._push(frozenset(_keys(self._to_mark())))
            case "APPEND":
                items = self._pop(1)
                of_kind(list, stack[-1]).extend(items)
            case "APPENDS":
                items = self._to_mark()
                of_kind(list, self.stack[-1]).extend(items)
            case "SETITEM":
                items = self._pop(2)
                _put(stack[-1], items)
            case "SETITEMS":
                items = self._to_mark()
                _put(self.stack[-1], items)
            case "ADDITEMS":
                items = self._to_mark()
                of_kind(set, self.stack[-1]).update(_keys(items))
            case "GLOBAL":
                stack.append(_named(argument.replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                stack.append(_named(".".join(of_kind(str, part) for part in self._pop(2))))
            case "POP":
                self._pop(1)
            case "POP_MARK":
                self._to_mark()
            case "DUP":
                stack.append(_there(stack[-1]))
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                of = f" of {shown(argument)}" if isinstance(argument, str) else ""
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
        items, self.stack = self.stack, self.below.pop()
        return items

    def _call(self, call: str, arguments: tuple[Any, ...]) -> object:
        match call:
            case "numpy.dtype" | "numpy._core.multiarray._reconstruct":
                self.unbuilt += 1
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
                items = list(_keys(of_kind(list, arguments[0])))
                arguments[0].clear()  # it is there for this call only; else a short pickle could have many copies
                return set(items) if call == "builtins.set" else frozenset(items)
        raise RefusedError(f"asks for a strange call of {shown(call)}")

    def _build(self, unbuilt: object, state: Any) -> object:
        """What has been asked for, now that its state is known."""
        if not isinstance(unbuilt, _Unbuilt) or unbuilt.built is not None:
            raise RefusedError(f"asks for a change of {type(unbuilt).__name__}")
        if unbuilt.call == "numpy.dtype":
            unbuilt.built = make_dtype(unbuilt.first, state)
        else:
            version, shape, dtype, fortran, data = state
            if version != 1:
                raise RefusedError(f"has an array of version {version}")
            unbuilt.built = make_array(self._bytes(data), dtype, shape, "F" if fortran else "C")
        self.unbuilt -= 1
        return unbuilt.built

    def _bytes(self, data: object) -> bytes | bytearray:
        """Bytes; those that came as text of as many letters are made once, however often they are asked for."""
        if isinstance(data, bytes | bytearray):
            return data
        text = of_kind(str, data)
        if text not in self.encoded:
            self.encoded[text] = text.encode("latin-1")
        return self.encoded[text]


def _checked(value: Any) -> Any:
    """A number or text that can be printed and written."""
    if type(value) is int and value.bit_length() > 64:
        raise RefusedError(f"has a whole number of {value.bit_length()} bits")
    if type(value) is str:
        value.encode()
    return value


def _there(value: Any) -> Any:
    """A value that is used again; an array must be whole by then."""
    if not isinstance(value, _Unbuilt):
        return value
    if value.built is None:
        raise RefusedError("uses an array before it has content")
    return value.built


def _named(name: str) -> str:
    """The name of something that may be asked for, as numpy 2 and Python 3 have it."""
    modern = re.sub(r"^numpy\.core\.", "numpy._core.", re.sub(r"^__builtin__\.", "builtins.", name))
    if modern not in _CALLS:
        raise RefusedError(f"asks for {shown(name)}")
    return modern


def _keys(items: Iterable[Any]) -> Iterable[Any]:
    """Items that can be hashed at no cost and without end: tuples in tuples overflow the stack."""
    for item in items:
        if not isinstance(item, _KEYS):
            raise RefusedError(f"has {type(item).__name__} as a key or in a set")
        yield item


def _put(into: Any, items: list[Any]) -> dict[Any, Any]:
    """A dict with keys and values, in turn, added to it."""
    if len(items) % 2:
        raise ValueError("a key without a value")
    of_kind(dict, into).update(zip(_keys(items[::2]), items[1::2], strict=True))
    return cast(dict[Any, Any], into)
