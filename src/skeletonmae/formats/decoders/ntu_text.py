"""Text of NTU RGB+D `.skeleton` files -> the bodies in it.

Line 1 is the number of frames. A frame is a line with the number of bodies, then for each body a line of 10
values that begins with its id, a line with 25, and 25 lines of 12 values: x y z, eight that are not needed (depth
and color image, orientation), trackingState. Values that are not needed are counted, but not parsed.

Source: the description that comes with NTU RGB+D (Shahroudy et al., CVPR 2016; Liu et al., TPAMI 2020).
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import orjson
from jaxtyping import Float32, Int64, UInt8

from skeletonmae.errors import InputError
from skeletonmae.limits import NTU_CELLS

JOINTS = 25
MAX_DIGITS = 20  # of an id
BODY_LINES = 2 + JOINTS  # lines of a body in a frame
BODY_VALUES, JOINT_VALUES = 10, 12  # values in the first line of a body, and in the line of a joint
TRACKING_STATES = (b"0", b"1", b"2")  # not tracked, inferred, tracked
NOT_FINITE = re.compile(rb"[+-]?1\.#(IND|INF|QNAN|SNAN)0*", re.IGNORECASE)  # as older C libraries write them

MAX_POSITION_BYTES = 80  # of "x y z" in the vectorized parser
SPACE, NEWLINE, COMMA, ZERO = b" \n,0"


@dataclass(frozen=True, eq=False)
class Body:
    """What the sensor took for one body.

    Args:
        id: Id that the sensor assigned, of 17 digits.
        frames: Frames of the file in which the body is present, ascending, from 0.
        joints: Positions in meters; NaN for values that are not finite in float32.
        tracking: State of each joint: 0 not tracked, 1 inferred, 2 tracked.
    """

    id: int
    frames: Int64[np.ndarray, " frame"]
    joints: Float32[np.ndarray, "frame 25 3"]
    tracking: UInt8[np.ndarray, "frame 25"]


@dataclass(frozen=True, eq=False)
class Bodies:
    """The bodies of one file.

    Args:
        num_frames: Frames of the file, including those without a body.
        bodies: Bodies in the order of their first frames; a valid file may have none.
    """

    num_frames: int
    bodies: tuple[Body, ...]

    @property
    def num_not_finite(self) -> int:
        """Number of joints, of all bodies in all frames, with a coordinate that is not finite."""
        return sum(len(np.unique(np.flatnonzero(np.isnan(body.joints)) // 3)) for body in self.bodies)


class _Rows(NamedTuple):
    """Bodies in frames, one row each, in the order of the file."""

    num_frames: int
    ids: list[int]
    frames: np.ndarray
    joints: np.ndarray
    tracking: np.ndarray


def parse_bodies(content: bytes, where: str) -> Bodies:
    """Parse a `.skeleton` file.

    Every coordinate is `np.float32(float(text))` to the last bit. A file that is written in the regular way
    (single spaces, plain decimal numbers) is parsed by array operations; any other line by line.

    Args:
        content: Content of the file.
        where: Name of the file, for messages.

    Raises:
        InputError: The file is truncated, continues after its last frame, or has an invalid line.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    rows = _parse_vectorized(content) or _parse_lines(content, where)
    rows.joints[~np.isfinite(rows.joints)] = np.nan
    rows_of_body: dict[int, list[int]] = {}
    for row, body in enumerate(rows.ids):
        rows_of_body.setdefault(body, []).append(row)
    if len(rows_of_body) * rows.num_frames > (maximum := NTU_CELLS.of(len(rows.ids))):
        got = f"{len(rows_of_body)} bodies x {rows.num_frames} frames, with {len(rows.ids)} bodies in them"
        raise InputError(
            "bodies are absent from almost all frames",
            where=where,
            expected=f"at most {maximum} bodies x frames",
            got=got,
        )
    return Bodies(
        rows.num_frames,
        tuple(
            Body(body, rows.frames[of], rows.joints[of], rows.tracking[of]) for body, of in rows_of_body.items()
        ),
    )


def _are_integers(words: list[bytes]) -> bool:
    return all(map(bytes.isdigit, words)) and max(map(len, words), default=0) <= MAX_DIGITS


def _parse_vectorized(content: bytes) -> _Rows | None:
    """The rows of a regular file; None if it is not one, or invalid."""
    newline = b"\r\n" if b"\r" in content[:32] else b"\n"
    if content[-32:].rstrip() + newline != content[-32:]:
        content = content.rstrip() + newline
    chars = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(chars < 33)  # of each value; one more before a newline if a return is there
    spaces = chars[ends]
    last = np.flatnonzero(spaces == NEWLINE)  # of each line
    columns = np.diff(last, prepend=-1)
    first = last - columns + 1
    start = np.concatenate(([0], ends[last[:-1]] + 1))
    if returns := len(newline) - 1:
        last, columns = last - 1, columns - 1
    stop = ends[last]
    num_separators = len(newline) * len(last) + np.count_nonzero(spaces == SPACE)
    heads = np.flatnonzero(columns == BODY_VALUES)
    if (
        num_separators != len(ends)
        or (chars[stop] != newline[0]).any()
        or not np.array_equal(np.flatnonzero(np.diff(ends) == 1), last[: returns * len(last)])  # an empty value
        or (heads + BODY_LINES > len(columns)).any()
    ):
        return None

    blocks = heads[:, None] + np.arange(BODY_LINES)
    counts = np.delete(np.arange(len(columns)), blocks.ravel())  # lines with the number of frames or of bodies
    joints = blocks[:, 2:].ravel()
    state = chars[stop[joints] - 1] - ZERO

    def words(start: np.ndarray, stop: np.ndarray) -> list[bytes]:
        return [content[a:b] for a, b in zip(start.tolist(), stop.tolist(), strict=True)]

    ids = words(start[heads], ends[first[heads]])
    numbers = words(start[counts], stop[counts])
    num_bodies = (np.diff(counts, append=len(columns)) - 1) // BODY_LINES
    frames = np.searchsorted(counts, heads) - 2
    is_valid = (
        _are_integers(ids + numbers)
        and [int(number) for number in numbers] == [len(counts) - 1, *num_bodies[1:].tolist()]
        and counts[0] == num_bodies[0] == 0
        and set(words(start[heads + 1], stop[heads + 1])) <= {b"25"}
        and (columns[joints] == JOINT_VALUES).all()
        and (chars[stop[joints] - 2] == SPACE).all()
        and (state < len(TRACKING_STATES)).all()
        and len(set(zip(ids, frames.tolist(), strict=True))) == len(ids)
    )
    if (
        not is_valid
        or (values := _coordinates(chars, start[joints], ends[first[joints] + np.arange(3)[:, None]])) is None
    ):
        return None
    shape = len(heads), JOINTS
    return _Rows(len(counts) - 1, list(map(int, ids)), frames, values.reshape(*shape, 3), state.reshape(shape))


def _coordinates(chars: np.ndarray, start: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """The three numbers that begin at each of `start` and end at `ends` (3, line), as float32 (line, 3).

    None if they are not numbers as in JSON.
    """
    length = ends - start
    max_length = length[2].max(initial=0)
    if max_length >= MAX_POSITION_BYTES or (start + max_length >= len(chars)).any():
        return None
    lines = np.lib.stride_tricks.sliding_window_view(chars, max_length + 1)[start]
    lines *= np.arange(max_length + 1, dtype=np.uint8) <= length[2].astype(np.uint8)[:, None]
    np.maximum(lines, SPACE, out=lines)  # no character of a number is below it
    lines[np.arange(len(start)), length] = COMMA
    text = lines.tobytes()
    if text.translate(None, b"0123456789+-.eE, "):
        return None
    try:
        numbers = orjson.loads(b"[" + text + b"0]")
    except orjson.JSONDecodeError:
        return None
    if len(numbers) != length.size + 1:
        return None
    packed = struct.pack(f"{len(numbers)}d", *numbers)  # numpy takes three times as long to read a list
    values = np.frombuffer(packed)[:-1]
    if not values.all() and b"-0," in text:  # in JSON an integer, which loses the sign of 0
        return None
    with np.errstate(over="ignore"):
        return values.astype(np.float32).reshape(-1, 3)


class _Lines:
    """The lines of a file, one after the other, without blank ones."""

    def __init__(self, content: bytes, where: str) -> None:
        self.where, self.line_number = where, 0
        self.remaining = self._split(content)

    def error(self, problem: str, expected: str, got: object) -> InputError:
        return InputError(problem, where=f"{self.where}, line {self.line_number}", expected=expected, got=got)

    def _split(self, content: bytes) -> Iterator[list[bytes]]:
        for self.line_number, line in enumerate(content.splitlines(), start=1):
            if values := line.split():
                yield values

    def values(self, num_values: int, expected: str) -> list[bytes]:
        values = next(self.remaining, None)
        if values is None:
            self.line_number += 1
            raise self.error("the file is truncated", expected, "the end of the file")
        if len(values) != num_values:
            raise self.error("wrong number of values", f"{num_values}: {expected}", len(values))
        return values

    def integer(self, num_values: int, expected: str) -> int:
        """The first of `num_values` values, an integer."""
        text = self.values(num_values, expected)[0]
        if not _are_integers([text]):
            raise self.error(f"not an integer of {MAX_DIGITS} digits or fewer", expected, repr(text[:40])[1:])
        return int(text)

    def coordinate(self, text: bytes) -> float:
        try:
            if b"_" not in text:  # which Python ignores
                return float(text)
        except ValueError:
            if NOT_FINITE.fullmatch(text):
                return np.nan
        raise self.error("not a number", "a coordinate", repr(text[:40])[1:])


def _parse_lines(content: bytes, where: str) -> _Rows:
    """The rows of any valid file; for any other, the error of its first invalid line."""
    lines = _Lines(content, where)
    ids: list[int] = []
    frames: list[int] = []
    values, states = array("d"), bytearray()
    num_frames = lines.integer(1, "the number of frames")
    for frame in range(num_frames):
        first_of_frame = len(ids)
        for _ in range(lines.integer(1, f"the number of bodies in frame {frame}")):
            body = lines.integer(BODY_VALUES, "a body, its id first")
            if body in ids[first_of_frame:]:
                raise lines.error(f"a body is duplicated in frame {frame}", "another id", body)
            if (num_joints := lines.integer(1, "the number of joints")) != JOINTS:
                raise lines.error("wrong number of joints", str(JOINTS), num_joints)
            for _ in range(JOINTS):
                *position, state = itemgetter(0, 1, 2, 11)(lines.values(JOINT_VALUES, "a joint"))
                if state not in TRACKING_STATES:
                    raise lines.error("not a tracking state", "0, 1 or 2", repr(state[:40])[1:])
                values.extend(map(lines.coordinate, position))
                states.append(int(state))
            ids.append(body)
            frames.append(frame)
    for _ in lines.remaining:
        raise lines.error("lines after the last frame", f"the end, after {num_frames} frames", "another line")
    shape = len(ids), JOINTS
    with np.errstate(over="ignore"):
        joints = np.array(values, dtype=np.float64).astype(np.float32).reshape(*shape, 3)
    return _Rows(num_frames, ids, np.array(frames, dtype=np.int64), joints, np.array(states).reshape(shape))
