"""ASF and AMC (Acclaim) text: the bones of a skeleton, their angles in every frame, and forward kinematics.

Lander, "Working with Motion Capture File Formats", Game Developer, January 1998; CMU Graphics Lab Motion Capture
Database, mocap.cs.cmu.edu.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.bvh_text import rotate_axes
from skeletonmae.formats.decoders.text_numbers import is_number
from skeletonmae.limits import BVH_CELLS, MAX_COORDINATE, MAX_JOINTS

ROOT = "root"
ROTATIONS = ("rx", "ry", "rz")
TRANSLATIONS = ("tx", "ty", "tz")


@dataclass(frozen=True, eq=False)
class Bone:
    """A bone, which begins where its parent ends.

    Args:
        name: Name in the file.
        parent: Index of the parent bone; -1 for the root, which is the first.
        offset: From the beginning of the bone to its end, `(3,)`, in the file's unit and world axes.
        axis: Rotation of the bone's own axes, `(3, 3)`, as columns.
        channels: Names of its values in a frame, such as `rx`.
    """

    name: str
    parent: int
    offset: np.ndarray
    axis: np.ndarray
    channels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Asf:
    """The content of an ASF file.

    Args:
        bones: The root and the bones, each after its parent.
        length: The unit of length: a value times 1 / `length` is in inches.
        degrees: Whether angles are in degrees.
    """

    bones: tuple[Bone, ...]
    length: float
    degrees: bool


@dataclass(frozen=True, eq=False)
class Amc:
    """The content of an AMC file.

    Args:
        frames: Frame numbers, int64 `(frame)`.
        motion: Bone -> its values, `(frame, channel)`.
        degrees: Whether angles are in degrees; None if the file does not state it.
    """

    frames: np.ndarray
    motion: dict[str, np.ndarray]
    degrees: bool | None


def parse_asf(text: str, where: str) -> Asf:
    """Read an ASF file.

    Raises:
        InputError: The text is no ASF, or its bones are invalid or form no tree.
    """
    sections = _sections(text)
    if not {"root", "bonedata", "hierarchy"} <= sections.keys():
        expected = "sections :root, :bonedata and :hierarchy"
        raise InputError("not an ASF file, or truncated", where=where, expected=expected)
    units = {words[0].lower(): words[1] for _, words in sections.get("units", []) if len(words) > 1}
    length = float(units["length"]) if is_number(units.get("length", "")) else 1.0
    if not 0 < length <= MAX_COORDINATE:
        raise InputError("the unit of length is not a number above 0", where=where, got=units.get("length"))
    degrees = units.get("angle", "deg").lower().startswith("deg")
    bones = {ROOT: _root(sections["root"], where, degrees)}
    for bone in _bones(sections["bonedata"], where, degrees):
        if bone.name in bones:
            raise InputError(f"bone {bone.name!r} is duplicated", where=where)
        bones[bone.name] = bone
    if len(bones) > MAX_JOINTS:
        raise InputError("too many bones", where=where, expected=f"at most {MAX_JOINTS}", got=len(bones))
    parents = _parents(sections["hierarchy"], bones, where)
    order = [ROOT]
    for name in order:
        order += [child for child, parent in parents.items() if parent == name]
    if len(order) != len(bones):
        lost = next(name for name in bones if name not in order)
        raise InputError(f"bone {lost!r} is not connected to the root", where=where)
    index = {name: position for position, name in enumerate(order)}
    ordered = tuple(
        Bone(
            name,
            index[parents[name]] if name in parents else -1,
            bones[name].offset,
            bones[name].axis,
            bones[name].channels,
        )
        for name in order
    )
    return Asf(ordered, length, degrees)


def parse_amc(text: str, where: str, asf: Asf) -> Amc:
    """Read the motion of a skeleton.

    Raises:
        InputError: A line does not fit the skeleton, or frames differ in their bones.
    """
    num_channels = {bone.name: len(bone.channels) for bone in asf.bones}
    degrees: bool | None = None
    frames: list[int] = []
    values: dict[str, list[list[float]]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        at = f"{where}, line {number}"
        if words[0].startswith(":"):
            degrees = {":degrees": True, ":radians": False}.get(words[0].lower(), degrees)
        elif len(words) == 1 and words[0].isdigit():
            _check_frame(frames, values, at)
            if len(words[0]) > 15:
                raise InputError("a frame number is far too large", where=at, got=words[0][:30])
            frames.append(int(words[0]))
        elif frames and words[0] in num_channels:
            if len(words) - 1 != num_channels[words[0]]:
                problem, count = f"wrong number of values of {words[0]!r}", num_channels[words[0]]
                raise InputError(problem, where=at, expected=count, got=len(words) - 1)
            rows = values.setdefault(words[0], [])
            try:
                rows.append(list(map(float, words[1:])))
            except ValueError:
                raise InputError("not a number", where=at, got=line.strip()[:80]) from None
            if len(rows) != len(frames):
                problem = f"bone {words[0]!r} is duplicated, or missing in an earlier frame"
                raise InputError(problem, where=at)
        else:
            expected = "a frame number, or a bone of the ASF file and its values"
            raise InputError("unexpected line", where=at, expected=expected, got=line.strip()[:80])
    _check_frame(frames, values, f"{where}, last line")
    if not frames or ROOT not in values:
        raise InputError("it has no frame, or no values of the root", where=where)
    motion = {name: np.array(rows).reshape(len(frames), -1) for name, rows in values.items()}
    if len(frames) * len(asf.bones) > BVH_CELLS.of(sum(array.size for array in motion.values())):
        raise InputError("far too few values for the bones", where=where, got=f"{len(asf.bones)} bones")
    for bone_name, array in motion.items():
        if not (np.abs(array) <= MAX_COORDINATE).all():
            raise InputError(f"a value of {bone_name!r} is not a length or an angle", where=where)
    return Amc(np.array(frames, dtype=np.int64), motion, degrees)


def bone_ends(asf: Asf, amc: Amc) -> np.ndarray:
    """Position of the root and of the end of each bone, float64 `(frame, bone, 3)`, in the file's unit and axes.

    A bone's rotation is about its own axes (`axis`); its angles apply in the order of its channels, the first one
    innermost, and turn the bone and all that follow.
    """
    num_frames = len(amc.frames)
    to_radians = np.pi / 180 if (asf.degrees if amc.degrees is None else amc.degrees) else 1.0
    ends = np.zeros((len(asf.bones), 3, num_frames))
    rotations: list[np.ndarray] = []
    for index, bone in enumerate(asf.bones):
        values = amc.motion.get(bone.name, np.zeros((num_frames, len(bone.channels))))
        inherited = rotations[bone.parent] if bone.parent >= 0 else np.repeat(np.eye(3)[..., None], num_frames, 2)
        rotation = np.einsum("ijt,jk->ikt", inherited, bone.axis)
        offset = np.repeat(bone.offset[:, None], num_frames, axis=1)
        for channel, column in reversed(list(zip(bone.channels, values.T, strict=True))):
            if channel in ROTATIONS:
                rotate_axes(rotation, ROTATIONS.index(channel), column * to_radians)
            else:
                offset[TRANSLATIONS.index(channel)] += column
        rotation = np.einsum("ijt,kj->ikt", rotation, bone.axis)
        start = ends[bone.parent] if bone.parent >= 0 else 0.0
        turned = rotation if bone.parent >= 0 else np.repeat(np.eye(3)[..., None], num_frames, 2)
        ends[index] = start + (turned * offset).sum(1)
        rotations.append(rotation)
    return np.ascontiguousarray(ends.transpose(2, 0, 1))


def _check_frame(frames: Sequence[int], values: dict[str, list[list[float]]], where: str) -> None:
    """Refuse a frame that lacks a bone of the frames before it."""
    if missing := next((name for name, rows in values.items() if len(rows) != len(frames)), None):
        raise InputError(f"bone {missing!r} is missing in the frame before, or the file is truncated", where=where)


def _sections(text: str) -> dict[str, list[tuple[int, list[str]]]]:
    """Section -> its lines as words, with their numbers."""
    sections: dict[str, list[tuple[int, list[str]]]] = {}
    lines: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if words and words[0].startswith(":"):
            lines = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            lines.append((number, words))
    return sections


def _root(lines: Sequence[tuple[int, list[str]]], where: str, degrees: bool) -> Bone:
    settings = {words[0].lower(): (number, words[1:]) for number, words in lines}
    channels = tuple(word.lower() for word in settings.get("order", (0, ["TX", "TY", "TZ", "RX", "RY", "RZ"]))[1])
    if not channels or not set(channels) <= {*ROTATIONS, *TRANSLATIONS} or len(set(channels)) < len(channels):
        raise InputError("invalid order of the root's channels", where=where, got=" ".join(channels)[:80])
    order = "".join(settings.get("axis", (0, ["XYZ"]))[1])
    orientation = _vector(settings.get("orientation", (0, ["0", "0", "0"])), where)
    position = _vector(settings.get("position", (0, ["0", "0", "0"])), where)
    return Bone(ROOT, -1, position, _rotation(orientation, order, where, degrees), channels)


def _bones(lines: Sequence[tuple[int, list[str]]], where: str, degrees: bool) -> Iterator[Bone]:
    settings: dict[str, tuple[int, list[str]]] = {}
    for number, words in lines:
        key = words[0].lower()
        if key == "begin":
            settings = {}
        elif key == "end":
            at = f"{where}, line {number}"
            if not {"name", "direction", "length"} <= settings.keys() or not settings["name"][1]:
                raise InputError("a bone without name, direction or length", where=at)
            length = settings["length"][1]
            if not length or not is_number(length[0]) or not abs(float(length[0])) <= MAX_COORDINATE:
                raise InputError("the length of a bone is not a number", where=at, got=" ".join(length)[:80])
            channels = tuple(word.lower() for word in settings.get("dof", (0, []))[1])
            if not set(channels) <= {*ROTATIONS, *TRANSLATIONS} or len(set(channels)) < len(channels):
                expected = "rx, ry, rz, tx, ty, tz"
                raise InputError("unknown dof of a bone", where=at, expected=expected, got=" ".join(channels)[:80])
            axis_line, axis = settings.get("axis", (0, ["0", "0", "0", "XYZ"]))
            rotation = _rotation(_vector((axis_line, axis), where), "".join(axis[3:]), where, degrees)
            direction = _vector(settings["direction"], where)
            yield Bone(settings["name"][1][0], -1, direction * float(length[0]), rotation, channels)
        else:
            settings[key] = (number, words[1:])


def _vector(setting: tuple[int, list[str]], where: str) -> np.ndarray:
    number, words = setting
    if len(words) < 3 or not all(is_number(word) and abs(float(word)) <= MAX_COORDINATE for word in words[:3]):
        raise InputError("not three numbers", where=f"{where}, line {number}", got=" ".join(words)[:80])
    return np.array(list(map(float, words[:3])))


def _rotation(angles: np.ndarray, order: str, where: str, degrees: bool) -> np.ndarray:
    """The rotation by angles about fixed axes, the first of the order first."""
    order = (order or "XYZ").lower()
    if sorted(order) != ["x", "y", "z"]:
        raise InputError("invalid order of axes", where=where, expected="XYZ or another order", got=order[:20])
    rotation = np.eye(3)[..., None].copy()
    for axis, angle in reversed(list(zip(order, angles, strict=True))):
        rotate_axes(rotation, "xyz".index(axis), np.array([np.deg2rad(angle) if degrees else angle]))
    return rotation[..., 0]


def _parents(lines: Sequence[tuple[int, list[str]]], bones: dict[str, Bone], where: str) -> dict[str, str]:
    parents: dict[str, str] = {}
    for number, words in lines:
        if words[0].lower() in ("begin", "end"):
            continue
        for child in words[1:]:
            if not {child, words[0]} <= bones.keys() or child in parents or child == ROOT:
                at = f"{where}, line {number}"
                raise InputError("not a bone and its children", where=at, got=" ".join(words)[:80])
            parents[child] = words[0]
    return parents
