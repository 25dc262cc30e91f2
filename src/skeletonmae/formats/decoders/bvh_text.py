"""BVH (Biovision Hierarchy) text: a tree of joints and the angles of each in every frame, and positions from them.

Meredith and Maddock, "Motion Capture File Formats Explained", University of Sheffield, 2001.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.text_numbers import number_rows
from skeletonmae.limits import BVH_CELLS, MAX_COORDINATE, MAX_JOINTS

CHANNELS = ("xposition", "yposition", "zposition", "xrotation", "yrotation", "zrotation")
"""No length and no angle is beyond this."""


@dataclass(frozen=True, eq=False)
class Bvh:
    """What a BVH file says.

    Args:
        joints: names as in the file, each joint after its parent. An end site is `<parent>_end`.
        parents: place of each joint's parent; -1 for the root.
        offsets: `(joint, 3)`, of each joint from its parent, in the file's unit of length, which it does not say.
        channels: of each joint, among `CHANNELS`, in the order of the columns of `motion`; may be none.
        frame_time: seconds from frame to frame.
        motion: `(frame, channel)`, lengths and degrees.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    channels: tuple[tuple[str, ...], ...]
    frame_time: float
    motion: np.ndarray


@dataclass
class _Joint:
    name: str
    parent: int
    is_end: bool = False
    offset: tuple[float, ...] | None = None
    channels: tuple[str, ...] | None = None


def parse_bvh(content: bytes, where: str, *, end_sites: bool = False) -> Bvh:
    """Read a BVH file of one hierarchy.

    Args:
        content: of the file.
        where: it is, for messages.
        end_sites: whether the ends of the last bones are joints too. Many programs write them as (0, 0, 0).

    Raises:
        InputError: it is not UTF-8, not such a file, damaged or cut short, with the line; or it has several roots.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte {error.object[error.start]:#04x} at {error.start}"
        raise InputError("not a text file", where=where, expected="UTF-8", got=got) from error
    lines = text.splitlines()
    begin = next((at for at, line in enumerate(lines) if line.strip().upper() == "MOTION"), None)
    if begin is None or not lines[0].strip().upper().startswith("HIERARCHY"):
        expected = "a line HIERARCHY, joints, a line MOTION, and the frames"
        raise InputError("not a BVH file, or cut short", where=where, expected=expected)
    tree = _hierarchy(lines[:begin], where)
    at, frames = _setting(lines, begin + 1, "Frames:", where)
    at, frame_time = _setting(lines, at, "Frame Time:", where)
    motion = _motion(text, lines, at, sum(len(joint.channels or ()) for joint in tree), where)
    if len(motion) != frames:
        raise InputError("cut short, or the wrong number of frames", where=where, expected=frames, got=len(motion))
    joints = [joint for joint in tree if end_sites or not joint.is_end]
    if len(motion) * len(joints) > BVH_CELLS.of(motion.size):
        got = f"{len(joints)} joints with {motion.shape[1]} channels in {len(motion)} frames"
        raise InputError("far too few channels for the joints", where=where, got=got)
    place = {id(joint): number for number, joint in enumerate(joints)}
    return Bvh(
        joints=tuple(joint.name for joint in joints),
        parents=tuple(place[id(tree[joint.parent])] if joint.parent >= 0 else -1 for joint in joints),
        offsets=np.array([joint.offset for joint in joints], dtype=np.float64),
        channels=tuple(joint.channels or () for joint in joints),
        frame_time=frame_time,
        motion=motion,
    )


def forward_kinematics(bvh: Bvh) -> np.ndarray:
    """Where the joints are: float64 `(frame, joint, 3)`, in the file's unit and axes.

    A joint's rotations turn all that hangs on it, the first in the file outermost. A position channel stands in
    place of that axis of the joint's offset, as programs that write them for all joints have it.
    """
    frames = len(bvh.motion)
    columns = iter(bvh.motion.T)
    positions = np.zeros((len(bvh.joints), 3, frames))
    turns: list[np.ndarray] = []  # of each joint (3, 3, frame): its axes as columns, in the world
    for joint, (parent, channels) in enumerate(zip(bvh.parents, bvh.channels, strict=True)):
        offset = np.repeat(bvh.offsets[joint][:, None], frames, axis=1)
        inherited = turns[parent] if parent >= 0 else np.repeat(np.eye(3)[..., None], frames, axis=2)
        turn = inherited.copy()
        for channel in channels:
            axis, values = "xyz".index(channel[0]), next(columns)
            if channel.endswith("position"):
                offset[axis] = values
            else:
                _rotate(turn, axis, np.deg2rad(values))
        positions[joint] = (inherited * offset).sum(1) + (positions[parent] if parent >= 0 else 0.0)
        turns.append(turn)
    return np.ascontiguousarray(positions.transpose(2, 0, 1))


def _rotate(turn: np.ndarray, axis: int, angle: np.ndarray) -> None:
    """Turn a joint's axes about one of them: the two others move in their plane."""
    one, other = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = np.cos(angle), np.sin(angle)
    turn[:, one], turn[:, other] = (
        cos * turn[:, one] + sin * turn[:, other],
        cos * turn[:, other] - sin * turn[:, one],
    )


def _hierarchy(lines: list[str], where: str) -> list[_Joint]:
    """The joints, each after its parent."""
    joints: list[_Joint] = []
    inside: list[int] = []  # places of the joints whose braces are open
    named = False  # whether a joint has been named whose brace is not yet open

    for number, words in _statements(lines):
        joint = joints[inside[-1]] if inside else None

        def refuse(problem: str, number: int = number, words: list[str] = words) -> InputError:
            return InputError(problem, where=f"{where}, line {number}", got=" ".join(words)[:100])

        word = words[0].upper()
        if named and word != "{":
            raise refuse("a joint is named, and no '{' follows")
        match word:
            case "HIERARCHY" if number == 1:
                pass
            case "ROOT" if joints:
                raise refuse("a second root; several hierarchies in one file are not read")
            case "ROOT" | "JOINT" | "END":
                if (word == "ROOT") == bool(inside) or (joint and joint.is_end) or len(joints) >= 2 * MAX_JOINTS:
                    raise refuse("no joint can be here")
                name = f"{joint.name}_end" if joint and word == "END" else " ".join(words[1:])
                if not name:
                    raise refuse("a joint without a name")
                joints.append(_Joint(name, inside[-1] if inside else -1, is_end=word == "END"))
                named = True
            case "{" if named:
                inside.append(len(joints) - 1)
                named = False
            case "}" if joint and joint.offset:
                inside.pop()
            case "}" if joint:
                raise refuse(f"joint {joint.name!r} has no OFFSET")
            case "OFFSET" if joint and not joint.offset and len(words) == 4:
                joint.offset = tuple(_number(word) for word in words[1:])
                if not all(abs(value) <= MAX_COORDINATE for value in joint.offset):
                    raise refuse("not three numbers")
            case "CHANNELS" if joint and joint.channels is None and not joint.is_end:
                joint.channels = tuple(word.lower() for word in words[2:])
                right = set(joint.channels) <= set(CHANNELS) and len(set(joint.channels)) == len(joint.channels)
                if words[1:2] != [str(len(joint.channels))] or not right:
                    raise refuse("not a number of channels and as many different names of channels")
            case _:
                raise refuse("this cannot be here")
    if inside or named or not joints:
        raise InputError("the hierarchy is cut short", where=f"{where}, line {len(lines)}")
    return joints


def _statements(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Line number and words of every statement; a brace is one by itself."""
    for number, line in enumerate(lines, start=1):
        for statement in re.findall(r"[{}]|[^{}]+", line):
            if words := statement.split():
                yield number, words


def _setting(lines: list[str], at: int, name: str, where: str) -> tuple[int, float]:
    """The number behind a name in the next line that is not blank, and where the line after it is."""
    while at < len(lines) and not lines[at].strip():
        at += 1
    line = lines[at].strip() if at < len(lines) else ""
    value = _number(line[len(name) :]) if line.lower().startswith(name.lower()) else math.nan
    if not 0 < value <= MAX_COORDINATE:
        expected = f"{name!r} and a number above 0"
        raise InputError(
            "wrong line, or cut short", where=f"{where}, line {at + 1}", expected=expected, got=line[:50]
        )
    return at + 1, value


def _motion(text: str, lines: list[str], header: int, width: int, where: str) -> np.ndarray:
    if not width:
        raise InputError("no joint has a channel, so nothing moves", where=where)
    values = number_rows(Path(where), text, width, header=header)
    if not (sound := np.abs(values) <= MAX_COORDINATE).all():
        row, column = np.argwhere(~sound)[0]
        line = [number for number, line in enumerate(lines[header:], start=header + 1) if line.strip()][row]
        raise InputError("not a length or an angle", where=f"{where}, line {line}", got=values[row, column])
    return values


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
