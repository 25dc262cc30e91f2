"""The binary `.pose` files of pose-format, versions 0.0, 0.1 and 0.2.

Moryossef, Müller and Fahrni, 2021; https://github.com/sign-language-processing/pose, `docs/specs`. A header names
components, such as the landmarks of the body and of each hand; then follow positions and confidences. All sizes
are compared with the length of the file before anything is allocated.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_FRAMES, MAX_PERSONS, RECORDING_CELLS

MAX_COMPONENTS = 100
MAX_POINTS = 10_000
"""Points of all components together; faces have 478."""
MAX_DECLARED_FRAMES = 65_535
"""Frames that the header of version 0.1 can state."""
FORMAT = re.compile("[A-Z]{1,4}C")
"""Axes of a component, with the confidence last: `XYC`, `XYZC`."""


class DamagedPoseError(ValueError):
    """What is wrong with the bytes."""


@dataclass(frozen=True)
class PoseComponent:
    """A group of points.

    Args:
        name: Of the group, such as `POSE_LANDMARKS`.
        axes: Such as `XYZ`.
        points: Names of the points.
        limbs: (from, to) as indices into `points`.
        start: Index of the first point among those of all components.
    """

    name: str
    axes: str
    points: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    start: int

    @property
    def columns(self) -> slice:
        """The points of the component among those of all components."""
        return slice(self.start, self.start + len(self.points))


@dataclass(frozen=True)
class PoseFile:
    """The content of a `.pose` file.

    Args:
        width: Of the image, in pixels.
        height: Of the image.
        fps: Frames per second, 0 if unknown.
        components: Groups of points.
        positions: `(frame, person, point, axis)`, float32.
        confidence: `(frame, person, point)`, float32.
    """

    width: int
    height: int
    fps: float
    components: tuple[PoseComponent, ...]
    positions: np.ndarray
    confidence: np.ndarray


class _Cursor:
    """A position in the bytes, from which little-endian values are read."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    @property
    def remaining(self) -> int:
        return len(self.content) - self.at

    def unpack(self, layout: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + layout)
        if size > self.remaining:
            raise DamagedPoseError("it is truncated")
        values = struct.unpack_from("<" + layout, self.content, self.at)
        self.at += size
        return values

    def text(self) -> str:
        (size,) = self.unpack("H")
        (data,) = self.unpack(f"{size}s")
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise DamagedPoseError("a name is not text") from error

    def floats(self, *shape: int) -> np.ndarray:
        count = int(np.prod(shape, dtype=object))
        if 4 * count > self.remaining:
            raise DamagedPoseError(f"it is truncated: {shape} numbers do not fit into {self.remaining} bytes")
        values = np.frombuffer(self.content, "<f4", count, self.at).reshape(shape)
        self.at += 4 * count
        return values


def looks_like_pose(head: bytes) -> bool:
    """Whether these are the first bytes of a `.pose` file."""
    try:
        cursor = _Cursor(head)
        _version(cursor)
        *_, count = cursor.unpack("4H")
        return (
            0 < count <= MAX_COMPONENTS and cursor.text().isprintable() and bool(FORMAT.fullmatch(cursor.text()))
        )
    except DamagedPoseError:
        return False


def read_pose(content: bytes, where: str) -> PoseFile:
    """Decode a `.pose` file.

    Args:
        content: The whole file.
        where: The file, for messages.

    Raises:
        InputError: The file is damaged or of another version.
    """
    try:
        cursor = _Cursor(content)
        version = _version(cursor)
        width, height, _, count = cursor.unpack("4H")
        components = _components(cursor, count)
        read = {0.0: _body_0_0, 0.1: _body_0_1, 0.2: _body_0_2}[version]
        fps, positions, confidence = read(cursor, components)
    except DamagedPoseError as error:
        raise InputError(f"not a .pose file, or damaged ({error})", where=where) from error
    fps = float(fps) if np.isfinite(fps) and fps > 0 else 0.0
    return PoseFile(width, height, fps, components, positions, confidence)


def _version(cursor: _Cursor) -> float:
    version = round(float(cursor.unpack("f")[0]), 3)
    if version not in (0.0, 0.1, 0.2):
        raise DamagedPoseError(f"version {version} is unknown")
    return version


def _components(cursor: _Cursor, count: int) -> tuple[PoseComponent, ...]:
    if not 0 < count <= MAX_COMPONENTS:
        raise DamagedPoseError(f"{count} components")
    components: list[PoseComponent] = []
    start = 0
    for _ in range(count):
        name, axes = cursor.text(), cursor.text()
        if not FORMAT.fullmatch(axes):
            raise DamagedPoseError(f"{axes[:20]!r} are no axes")
        num_points, num_limbs, num_colors = cursor.unpack("3H")
        points = tuple(cursor.text() for _ in range(num_points))
        limbs = tuple(cursor.unpack("2H") for _ in range(num_limbs))
        cursor.unpack(f"{3 * num_colors}H")
        limbs = tuple((a, b) for a, b in limbs if a < num_points and b < num_points)
        components.append(PoseComponent(name, axes[:-1], points, limbs, start))
        start += num_points
    if not 0 < start <= MAX_POINTS:
        raise DamagedPoseError(f"{start} points")
    return tuple(components)


def _body_0_0(cursor: _Cursor, components: tuple[PoseComponent, ...]) -> tuple[float, np.ndarray, np.ndarray]:
    """Version 0.0: each frame has its own number of persons, and each component its own axes."""
    fps, num_frames = cursor.unpack("2H")
    persons: list[list[np.ndarray]] = []
    sizes = [(len(component.points), len(component.axes) + 1) for component in components]
    row = sum(points * numbers for points, numbers in sizes)
    for _ in range(num_frames):
        (num_persons,) = cursor.unpack("H")
        if num_persons * (2 + 4 * row) > cursor.remaining:
            raise DamagedPoseError("it is truncated")
        persons.append([])
        for _ in range(num_persons):
            cursor.unpack("h")
            persons[-1].append(cursor.floats(row))
    num_persons = max(map(len, persons), default=0)
    num_axes = max(len(component.axes) for component in components)
    num_points = sum(points for points, _ in sizes)
    num_poses = sum(map(len, persons))
    if num_frames * num_persons * num_points > RECORDING_CELLS.of(num_poses * num_points):
        raise DamagedPoseError(
            f"{num_persons} persons in one of {num_frames} frames, and {num_poses} poses in all"
        )
    positions = np.zeros((num_frames, num_persons, num_points, num_axes), np.float32)
    confidence = np.zeros((num_frames, num_persons, num_points), np.float32)
    for frame, poses in enumerate(persons):
        for person, numbers in enumerate(poses):
            at = 0
            for component, (points, width) in zip(components, sizes, strict=True):
                part = numbers[at : at + points * width].reshape(points, width)
                positions[frame, person, component.columns, : width - 1] = part[:, :-1]
                confidence[frame, person, component.columns] = part[:, -1]
                at += points * width
    return fps, positions, confidence


def _body_0_1(cursor: _Cursor, components: tuple[PoseComponent, ...]) -> tuple[float, np.ndarray, np.ndarray]:
    """Version 0.1: the number of frames ends at 65,535; beyond that it follows from the length of the file."""
    fps, num_frames, num_persons = cursor.unpack("3H")
    points, axes = _width(components)
    frame_bytes = max(4 * num_persons * points * (axes + 1), 1)
    if cursor.remaining // frame_bytes > MAX_DECLARED_FRAMES and cursor.remaining % frame_bytes == 0:
        num_frames = cursor.remaining // frame_bytes
    return fps, *_arrays(cursor, num_frames, num_persons, points, axes)


def _body_0_2(cursor: _Cursor, components: tuple[PoseComponent, ...]) -> tuple[float, np.ndarray, np.ndarray]:
    fps, num_frames, num_persons = cursor.unpack("fIH")
    return fps, *_arrays(cursor, num_frames, num_persons, *_width(components))


def _width(components: tuple[PoseComponent, ...]) -> tuple[int, int]:
    points = sum(len(component.points) for component in components)
    return points, max(len(component.axes) for component in components)


def _arrays(
    cursor: _Cursor, num_frames: int, num_persons: int, num_points: int, num_axes: int
) -> tuple[np.ndarray, np.ndarray]:
    if num_frames > MAX_FRAMES or num_persons > MAX_PERSONS:
        raise DamagedPoseError(f"{num_persons} persons in {num_frames} frames")
    positions = cursor.floats(num_frames, num_persons, num_points, num_axes)
    return positions, cursor.floats(num_frames, num_persons, num_points)
