"""The text of NTU RGB+D `.skeleton` files -> the bodies in them.

Line 1 is the number of frames. A frame is a line with the number of bodies, then for each body a line of 10
values that begins with its id, a line with 25, and 25 lines of 12 values: x y z, five pairs of which nothing is
kept (depth and color image, orientation), trackingState. What is not kept is counted, not read.

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
DIGITS = 20  # of an id, at most
LINES = 2 + JOINTS  # of a body in a frame
HEADER, JOINT = 10, 12  # values in a body's first line, and in a joint's
STATES = (b"0", b"1", b"2")  # not tracked, inferred, tracked
NOT_FINITE = re.compile(rb"[+-]?1\.#(IND|INF|QNAN|SNAN)0*", re.IGNORECASE)  # as older C libraries write them

WIDEST = 80  # bytes of "x y z" that the quick way takes
SPACE, NEWLINE, COMMA, ZERO = b" \n,0"


@dataclass(frozen=True, eq=False)
class Body:
    """What the sensor took for one body.

    Args:
        id: that the sensor gave it; 17 digits.
        frames: of the file in which it is there, ascending, from 0.
        joints: positions in metres; NaN for what was not a finite number in float32.
        tracking: of each joint: 0 not tracked, 1 inferred, 2 tracked.
    """

    id: int
    frames: Int64[np.ndarray, " frame"]
    joints: Float32[np.ndarray, "frame 25 3"]
    tracking: UInt8[np.ndarray, "frame 25"]


@dataclass(frozen=True, eq=False)
class Bodies:
    """What is in one file.

    Args:
        num_frames: of the file, those without a body too.
        bodies: in the order in which they first appear; none is sound.
    """

    num_frames: int
    bodies: tuple[Body, ...]

    @property
    def num_not_finite(self) -> int:
        """How many joints, of all bodies in all frames, have a coordinate that is not finite."""
        return sum(len(np.unique(np.flatnonzero(np.isnan(body.joints)) // 3)) for body in self.bodies)


class _Rows(NamedTuple):
    """Bodies in frames, in the order of the file."""

    num_frames: int
    ids: list[int]
    frames: np.ndarray
    joints: np.ndarray
    tracking: np.ndarray


def parse_bodies(content: bytes, where: str) -> Bodies:
    """The bodies in a `.skeleton` file.

    Every coordinate is `np.float32(float(text))` to the last bit. A file that is written in the regular way
    (single spaces, plain decimal numbers) is read by whole-array operations; any other line by line.

    Args:
        content: of the file.
        where: its name, for messages.

    Raises:
        InputError: it is cut short, goes on after its last frame, or a line is not what it should be.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    rows = _at_once(content) or _line_by_line(content, where)
    rows.joints[~np.isfinite(rows.joints)] = np.nan
    places: dict[int, list[int]] = {}
    for place, body in enumerate(rows.ids):
        places.setdefault(body, []).append(place)
    if len(places) * rows.num_frames > (room := NTU_CELLS.of(len(rows.ids))):
        got = f"{len(places)} bodies and {rows.num_frames} frames for {len(rows.ids)} bodies in a frame"
        raise InputError("too empty", where=where, expected=f"bodies x frames of {room} or fewer", got=got)
    return Bodies(
        rows.num_frames,
        tuple(Body(body, rows.frames[at], rows.joints[at], rows.tracking[at]) for body, at in places.items()),
    )


def _are_whole(words: list[bytes]) -> bool:
    return all(map(bytes.isdigit, words)) and max(map(len, words), default=0) <= DIGITS


def _at_once(content: bytes) -> _Rows | None:
    """The rows of a regular file; None if it is not one, or not sound."""
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
    known = len(newline) * len(last) + np.count_nonzero(spaces == SPACE)
    heads = np.flatnonzero(columns == HEADER)
    if (
        known != len(ends)
        or (chars[stop] != newline[0]).any()
        or not np.array_equal(np.flatnonzero(np.diff(ends) == 1), last[: returns * len(last)])  # an empty value
        or (heads + LINES > len(columns)).any()
    ):
        return None

    blocks = heads[:, None] + np.arange(LINES)
    counts = np.delete(np.arange(len(columns)), blocks.ravel())  # lines with the number of frames or of bodies
    joints = blocks[:, 2:].ravel()
    state = chars[stop[joints] - 1] - ZERO

    def words(start: np.ndarray, stop: np.ndarray) -> list[bytes]:
        return [content[a:b] for a, b in zip(start.tolist(), stop.tolist(), strict=True)]

    ids = words(start[heads], ends[first[heads]])
    numbers = words(start[counts], stop[counts])
    inside = (np.diff(counts, append=len(columns)) - 1) // LINES  # bodies between them
    frames = np.searchsorted(counts, heads) - 2
    sound = (
        _are_whole(ids + numbers)
        and [int(number) for number in numbers] == [len(counts) - 1, *inside[1:].tolist()]
        and counts[0] == inside[0] == 0
        and set(words(start[heads + 1], stop[heads + 1])) <= {b"25"}
        and (columns[joints] == JOINT).all()
        and (chars[stop[joints] - 2] == SPACE).all()
        and (state < len(STATES)).all()
        and len(set(zip(ids, frames.tolist(), strict=True))) == len(ids)
    )
    if (
        not sound
        or (values := _coordinates(chars, start[joints], ends[first[joints] + np.arange(3)[:, None]])) is None
    ):
        return None
    shape = len(heads), JOINTS
    return _Rows(len(counts) - 1, list(map(int, ids)), frames, values.reshape(*shape, 3), state.reshape(shape))


def _coordinates(chars: np.ndarray, start: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """The three numbers that begin at each of `start` and end at `ends` (3, line), as float32 (line, 3).

    None if they are not numbers as JSON writes them.
    """
    length = ends - start
    widest = length[2].max(initial=0)
    if widest >= WIDEST or (start + widest >= len(chars)).any():
        return None
    lines = np.lib.stride_tricks.sliding_window_view(chars, widest + 1)[start]
    lines *= np.arange(widest + 1, dtype=np.uint8) <= length[2].astype(np.uint8)[:, None]
    np.maximum(lines, SPACE, out=lines)  # no value has less
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
    if not values.all() and b"-0," in text:  # to JSON a whole number, which has no sign at 0
        return None
    with np.errstate(over="ignore"):
        return values.astype(np.float32).reshape(-1, 3)


class _Lines:
    """The lines of a file one after the other, without blank ones."""

    def __init__(self, content: bytes, where: str) -> None:
        self.where, self.number = where, 0
        self.rest = self._rest(content)

    def refuse(self, problem: str, expected: str, got: object) -> InputError:
        return InputError(problem, where=f"{self.where}, line {self.number}", expected=expected, got=got)

    def _rest(self, content: bytes) -> Iterator[list[bytes]]:
        for self.number, line in enumerate(content.splitlines(), start=1):
            if values := line.split():
                yield values

    def values(self, num: int, expected: str) -> list[bytes]:
        values = next(self.rest, None)
        if values is None:
            self.number += 1
            raise self.refuse("cut short", expected, "the end of the file")
        if len(values) != num:
            raise self.refuse("wrong number of values", f"{num}: {expected}", len(values))
        return values

    def whole(self, num: int, expected: str) -> int:
        """The first of `num` values, a whole number."""
        text = self.values(num, expected)[0]
        if not _are_whole([text]):
            raise self.refuse(f"not a whole number of {DIGITS} digits or fewer", expected, repr(text[:40])[1:])
        return int(text)

    def coordinate(self, text: bytes) -> float:
        try:
            if b"_" not in text:  # which Python would pass over
                return float(text)
        except ValueError:
            if NOT_FINITE.fullmatch(text):
                return np.nan
        raise self.refuse("not a number", "a coordinate", repr(text[:40])[1:])


def _line_by_line(content: bytes, where: str) -> _Rows:
    """The rows of any sound file; for any other, what is wrong with it."""
    lines = _Lines(content, where)
    ids: list[int] = []
    frames: list[int] = []
    values, states = array("d"), bytearray()
    num_frames = lines.whole(1, "the number of frames")
    for frame in range(num_frames):
        before = len(ids)
        for _ in range(lines.whole(1, f"the number of bodies in frame {frame}")):
            body = lines.whole(HEADER, "a body, its id first")
            if body in ids[before:]:
                raise lines.refuse(f"the same body twice in frame {frame}", "another id", body)
            if (num := lines.whole(1, "the number of joints")) != JOINTS:
                raise lines.refuse("wrong number of joints", str(JOINTS), num)
            for _ in range(JOINTS):
                *position, state = itemgetter(0, 1, 2, 11)(lines.values(JOINT, "a joint"))
                if state not in STATES:
                    raise lines.refuse("not a tracking state", "0, 1 or 2", repr(state[:40])[1:])
                values.extend(map(lines.coordinate, position))
                states.append(int(state))
            ids.append(body)
            frames.append(frame)
    for _ in lines.rest:
        raise lines.refuse("lines after the last frame", f"the end, after {num_frames} frames", "another line")
    shape = len(ids), JOINTS
    with np.errstate(over="ignore"):
        joints = np.array(values, dtype=np.float64).astype(np.float32).reshape(*shape, 3)
    return _Rows(num_frames, ids, np.array(frames, dtype=np.int64), joints, np.array(states).reshape(shape))
