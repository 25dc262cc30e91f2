"""Units and axes that the user declares, converted to ours: meters, and y up with z away from the camera."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.sequences import UNITS, SkeletonSequence

METERS = {"cm": 0.01, "mm": 0.001}
"""Units of files that are converted to meters -> meters."""
INPUT_UNITS = (*UNITS, *METERS)
"""Units that can be declared for files."""
Up = Literal["y", "z", "-y"]
"""The axis that points up in a file; `-y` means that y points down."""


def turn_z_up(positions: np.ndarray) -> np.ndarray:
    """Positions with z up in our axes, where y is up: a quarter of a turn about x."""
    return np.stack([positions[..., 0], positions[..., 2], -positions[..., 1]], axis=-1)


def turn_y_down(positions: np.ndarray) -> np.ndarray:
    """Positions with y down and x to the right, as of cameras, in our axes: half a turn about z."""
    turned: np.ndarray = positions * np.array([-1, -1, 1], dtype=positions.dtype)
    return turned


def turn_about_y(positions: np.ndarray) -> np.ndarray:
    """Positions of a body that faces along z, turned to face the camera as in our axes: half a turn about y."""
    turned: np.ndarray = positions * np.array([-1, 1, -1], dtype=positions.dtype)
    return turned


def convert_unit(sequence: SkeletonSequence, unit: str) -> SkeletonSequence:
    """Interpret the coordinates of a recording as being in `unit`, and convert millimeters and centimeters.

    Args:
        sequence: The recording, with the coordinates of its file.
        unit: One of `INPUT_UNITS`.
    """
    if unit in METERS:
        return replace(sequence, positions=sequence.positions * np.float32(METERS[unit]), unit="m")
    return sequence if unit == sequence.unit else replace(sequence, unit=unit)


def convert_axes(sequence: SkeletonSequence, up: Up) -> SkeletonSequence:
    """Turn a recording so that its axis `up` becomes ours.

    Three axes are rotated, so left stays left. In the image, y points down, so only `y` changes anything: it is
    flipped, as image libraries with the origin at the bottom require.

    Raises:
        InputError: The recording is 2D and `up` is `z`.
    """
    positions = sequence.positions
    if positions.shape[3] == 3:
        if up == "y":
            return sequence
        positions = turn_z_up(positions) if up == "z" else turn_y_down(positions)
    elif up == "z":
        where = f"recording {sequence.name!r}"
        raise InputError("a 2D recording has no z axis", where=where, expected="`--up y` or `--up -y`", got="z")
    elif up == "y":
        positions = positions * np.array([1, -1], dtype=np.float32)
    else:
        return sequence
    return replace(sequence, positions=positions + np.float32(0))  # without negative zeros
