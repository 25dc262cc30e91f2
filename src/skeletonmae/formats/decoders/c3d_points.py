"""Points with labels from C3D files, by the package c3d. Needs the extra `skeletonmae[mocap]`.

c3d is written in Python, so a damaged file ends in an exception and not in a crash. It reads one frame after the
other from bytes in memory; what a header states is compared with the size of the file before that.
"""

from __future__ import annotations

import importlib.util
import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.limits import check_shape

SIGNATURE_BYTE = 0x50
"""The second byte of a C3D file; the first is the number of the block of parameters."""
MAX_PARAMETER_BLOCK = 8
"""The block of parameters is the second in nearly all files; larger numbers begin texts, too."""
DERIVED = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")
"""Parameters of the group POINT that list points which are not positions, as models in Vicon software write
them."""


@dataclass(frozen=True)
class C3DPoints:
    """The points of a C3D file.

    Args:
        labels: One name per point, as the file spells them; empty for points without one. positions: `(frame,
        point, 3)` in the unit and the axes of the file. is_valid: `(frame, point)`, False where the file marks a
        point as lost. rate: Frames per second; 0 if the file does not state it. unit: Such as `mm`; empty if the
        file does not state it. screen_axes: The axes that the file draws to the right and upwards, such as `+X`
        and `+Z`; empty if not stated.
        derived: Labels of points that are angles, forces, moments or powers.
    """

    labels: tuple[str, ...]
    positions: np.ndarray
    is_valid: np.ndarray
    rate: float
    unit: str
    screen_axes: tuple[str, str]
    derived: frozenset[str]


def looks_like_c3d(head: bytes) -> bool:
    """Whether these are the first bytes of a C3D file."""
    return len(head) >= 12 and head[1] == SIGNATURE_BYTE and 2 <= head[0] <= MAX_PARAMETER_BLOCK


def read_c3d(content: bytes, where: str) -> C3DPoints:
    """The points of a C3D file.

    Args:
        content: The whole file.
        where: The file, for messages.

    Raises:
        InputError: The package c3d is not installed, or the file is damaged.
    """
    if importlib.util.find_spec("c3d") is None:
        raise InputError("C3D files need the package c3d: pip install skeletonmae[mocap]", where=where)
    import c3d

    with _wrap_errors(where):
        reader: Any = c3d.Reader(io.BytesIO(content))
        num_points, first, last = int(reader.point_used), int(reader.first_frame), int(reader.last_frame)
        word_bytes = 4 if reader.point_scale < 0 else 2
        num_frames = last - first + 1
        analog = int(reader.analog_used) * int(reader.analog_per_frame)
    if num_points < 1 or num_frames < 1:
        raise InputError("there are no points in it", where=where, got=f"{num_points} points, {num_frames} frames")
    check_shape(where, (1, num_frames, num_points))
    needed = num_frames * (num_points * 4 + analog) * word_bytes
    if needed > len(content):
        raise InputError("the file is truncated", where=where, expected=f"{needed} bytes", got=len(content))
    positions = np.empty((num_frames, num_points, 3), np.float32)
    is_valid = np.empty((num_frames, num_points), dtype=bool)
    with _wrap_errors(where):
        found = 0
        for _, points, _ in reader.read_frames(copy=False):
            positions[found], is_valid[found] = points[:, :3], points[:, 3] >= 0
            found += 1
    if found != num_frames:
        raise InputError("the file is truncated", where=where, expected=f"{num_frames} frames", got=found)
    with _wrap_errors(where):
        labels = _texts(reader, "LABELS")
        rate = float(reader.point_rate)
        screen = (_text(reader, "X_SCREEN"), _text(reader, "Y_SCREEN"))
        derived = frozenset(label for name in DERIVED for label in _texts(reader, name))
        unit = _text(reader, "UNITS")
    labels = (labels + [""] * num_points)[:num_points]
    rate = rate if math.isfinite(rate) and rate > 0 else 0.0
    return C3DPoints(tuple(labels), positions, is_valid, rate, unit, screen, derived - {""})


@contextmanager
def _wrap_errors(where: str) -> Iterator[None]:
    """Turn whatever c3d raises for a damaged file into an `InputError`, and ignore its warnings."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # c3d asserts, and raises errors of many types
        raise InputError(
            f"not C3D, or damaged ({type(error).__name__}: {str(error)[:200]})", where=where
        ) from error


def _text(reader: Any, name: str) -> str:
    """A parameter of the group POINT, as text; empty if the file does not have it."""
    parameter = reader.get(f"POINT:{name}")
    return "" if parameter is None else str(parameter.string_value).strip("\0 ")


def _texts(reader: Any, name: str) -> list[str]:
    """A list of texts in the group POINT, which goes on under the names with 2, 3, ... if it is long."""
    texts: list[str] = []
    for number in ("", *range(2, 10)):
        parameter = reader.get(f"POINT:{name}{number}")
        if parameter is None:
            break
        texts += [str(text).strip("\0 ") for text in np.ravel(parameter.string_array)]
    return texts
