"""BVH (Biovision Hierarchy) text: a tree of joints with their angles in every frame, and forward kinematics.

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


@dataclass(frozen=True, eq=False)
class Bvh:
    """The content of a BVH file.

    Args:
        joints: Names as in the file, each joint after its parent. An end site is `<parent>_end`.
        parents: Index of each joint's parent; -1 for the root.
        offsets: Offset of each joint from its parent, `(joint, 3)`, in the unit of the file, which is not stated.
        channels: Channels of each joint, among `CHANNELS`, in the order of the columns of `motion`.
        frame_time: Seconds from frame to frame.
        motion: Lengths and degrees, `(frame, channel)`.
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
        content: Bytes of the file.
        where: The file, for messages.
        end_sites: Whether the ends of the last bones are joints. Many programs write them as (0, 0, 0).

    Raises:
        InputError: The content is not UTF-8 or not BVH, damaged or truncated, or it has several roots.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte {error.object[error.start]:#04x} at {error.start}"
        raise InputError("not a text file", where=where, expected="UTF-8", got=got) from error
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.strip().upper() == "MOTION"), None)
    if start is None or not lines[0].strip().upper().startswith("HIERARCHY"):
        expected = "a line HIERARCHY, joints, a line MOTION, and the frames"
        raise InputError("not a BVH file, or truncated", where=where, expected=expected)
    tree = _hierarchy(lines[:start], where)
    next_line, frames = _setting(lines, start + 1, "Frames:", where)
    next_line, frame_time = _setting(lines, next_line, "Frame Time:", where)
    motion = _motion(text, lines, next_line, sum(len(joint.channels or ()) for joint in tree), where)
    if len(motion) != frames:
        raise InputError("wrong number of frames, or truncated", where=where, expected=frames, got=len(motion))
    joints = [joint for joint in tree if end_sites or not joint.is_end]
    if len(motion) * len(joints) > BVH_CELLS.of(motion.size):
        got = f"{len(joints)} joints with {motion.shape[1]} channels in {len(motion)} frames"
        raise InputError("far too few channels for the joints", where=where, got=got)
    index = {id(joint): number for number, joint in enumerate(joints)}
    return Bvh(
        joints=tuple(joint.name for joint in joints),
        parents=tuple(index[id(tree[joint.parent])] if joint.parent >= 0 else -1 for joint in joints),
        offsets=np.array([joint.offset for joint in joints], dtype=np.float64),
        channels=tuple(joint.channels or () for joint in joints),
        frame_time=frame_time,
        motion=motion,
    )


def forward_kinematics(bvh: Bvh) -> np.ndarray:
    """Positions of the joints, float64 `(frame, joint, 3)`, in the unit and axes of the file.

    A joint's rotations turn all its descendants; the first in the file is the outermost. A position channel
    replaces that axis of the joint's offset, as in files of programs that write them for all joints.
    """
    frames = len(bvh.motion)
    columns = iter(bvh.motion.T)
    positions = np.zeros((len(bvh.joints), 3, frames))
    rotations: list[np.ndarray] = []  # of each joint (3, 3, frame): its axes as columns, in world coordinates
    for joint, (parent, channels) in enumerate(zip(bvh.parents, bvh.channels, strict=True)):
        offset = np.repeat(bvh.offsets[joint][:, None], frames, axis=1)
        inherited = rotations[parent] if parent >= 0 else np.repeat(np.eye(3)[..., None], frames, axis=2)
        rotation = inherited.copy()
        for channel in channels:
            axis, values = "xyz".index(channel[0]), next(columns)
            if channel.endswith("position"):
                offset[axis] = values
            else:
                rotate_axes(rotation, axis, np.deg2rad(values))
        positions[joint] = (inherited * offset).sum(1) + (positions[parent] if parent >= 0 else 0.0)
        rotations.append(rotation)
    return np.ascontiguousarray(positions.transpose(2, 0, 1))


def rotate_axes(rotation: np.ndarray, axis: int, angle: np.ndarray) -> None:
    """Rotate about one of the axes that are the columns of `rotation`, `(3, 3, frame)`, in place."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = np.cos(angle), np.sin(angle)
    rotation[:, first], rotation[:, second] = (
        cos * rotation[:, first] + sin * rotation[:, second],
        cos * rotation[:, second] - sin * rotation[:, first],
    )


def _hierarchy(lines: list[str], where: str) -> list[_Joint]:
    """The joints, each after its parent."""
    joints: list[_Joint] = []
    open_joints: list[int] = []  # indices of the joints whose braces are open
    expects_brace = False  # whether a joint has been named whose brace is not yet open

    for number, words in _statements(lines):
        joint = joints[open_joints[-1]] if open_joints else None

        def error(problem: str, number: int = number, words: list[str] = words) -> InputError:
            return InputError(problem, where=f"{where}, line {number}", got=" ".join(words)[:100])

        word = words[0].upper()
        if expects_brace and word != "{":
            raise error("a joint is named, and no '{' follows")
        match word:
            case "HIERARCHY" if number == 1:
                pass
            case "ROOT" if joints:
                raise error("a second root; several hierarchies in one file are not read")
            case "ROOT" | "JOINT" | "END":
                if (
                    (word == "ROOT") == bool(open_joints)
                    or (joint and joint.is_end)
                    or len(joints) >= 2 * MAX_JOINTS
                ):
                    raise error("no joint can be here")
                name = f"{joint.name}_end" if joint and word == "END" else " ".join(words[1:])
                if not name:
                    raise error("a joint without a name")
                joints.append(_Joint(name, open_joints[-1] if open_joints else -1, is_end=word == "END"))
                expects_brace = True
            case "{" if expects_brace:
                open_joints.append(len(joints) - 1)
                expects_brace = False
            case "}" if joint and joint.offset:
                open_joints.pop()
            case "}" if joint:
                raise error(f"joint {joint.name!r} has no OFFSET")
            case "OFFSET" if joint and not joint.offset and len(words) == 4:
                joint.offset = tuple(_number(word) for word in words[1:])
                if not all(abs(value) <= MAX_COORDINATE for value in joint.offset):
                    raise error("not three numbers")
            case "CHANNELS" if joint and joint.channels is None and not joint.is_end:
                joint.channels = tuple(word.lower() for word in words[2:])
                right = set(joint.channels) <= set(CHANNELS) and len(set(joint.channels)) == len(joint.channels)
                if words[1:2] != [str(len(joint.channels))] or not right:
                    raise error("not a number of channels and as many different names of channels")
            case _:
                raise error("this cannot be here")
    if open_joints or expects_brace or not joints:
        raise InputError("the hierarchy is truncated", where=f"{where}, line {len(lines)}")
    return joints


def _statements(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the words of every statement; a brace is a statement by itself."""
    for number, line in enumerate(lines, start=1):
        for statement in re.findall(r"[{}]|[^{}]+", line):
            if words := statement.split():
                yield number, words


def _setting(lines: list[str], index: int, name: str, where: str) -> tuple[int, float]:
    """The index after the next line that is not blank, and the number behind the name in that line."""
    while index < len(lines) and not lines[index].strip():
        index += 1
    line = lines[index].strip() if index < len(lines) else ""
    value = _number(line[len(name) :]) if line.lower().startswith(name.lower()) else math.nan
    if not 0 < value <= MAX_COORDINATE:
        expected = f"{name!r} and a number above 0"
        raise InputError(
            "the line is invalid or truncated",
            where=f"{where}, line {index + 1}",
            expected=expected,
            got=line[:50],
        )
    return index + 1, value


def _motion(text: str, lines: list[str], header: int, width: int, where: str) -> np.ndarray:
    if not width:
        raise InputError("no joint has a channel, so nothing moves", where=where)
    values = number_rows(Path(where), text, width, header=header)
    if not (valid := np.abs(values) <= MAX_COORDINATE).all():
        row, column = np.argwhere(~valid)[0]
        line = [number for number, line in enumerate(lines[header:], start=header + 1) if line.strip()][row]
        raise InputError("not a length or an angle", where=f"{where}, line {line}", got=values[row, column])
    return values


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
