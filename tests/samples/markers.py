"""C3D files, byte by byte after the format's user guide: Intel, float or integer points, no analog channels."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from samples.kinect import KINECT

BLOCK = 512


def _parameter(group: int, name: str, kind: int, dims: Sequence[int], data: bytes) -> bytes:
    body = struct.pack("<bB", kind, len(dims)) + bytes(dims) + data + b"\0"
    return struct.pack("<bb", len(name), group) + name.encode() + struct.pack("<h", len(body) + 2) + body


def _texts(group: int, name: str, texts: Sequence[str]) -> bytes:
    width = max(map(len, texts))
    data = "".join(text.ljust(width) for text in texts).encode()
    return _parameter(group, name, -1, (width, len(texts)), data)


def c3d_bytes(
    positions: np.ndarray,
    labels: Sequence[str],
    *,
    unit: str | None = "mm",
    screen: tuple[str, str] | None = ("+X", "+Z"),
    rate: float = 100.0,
    lost: np.ndarray | None = None,
    scale: float = -0.1,
    extra: dict[str, Sequence[str]] | None = None,
) -> bytes:
    """A C3D file of `(frame, point, 3)` positions; a positive `scale` stores integers of that unit."""
    frames, points = positions.shape[:2]
    lost = np.zeros((frames, points), bool) if lost is None else lost
    parameters = struct.pack("<bb", 5, -1) + b"POINT" + struct.pack("<h", 3) + b"\0"
    parameters += _parameter(1, "USED", 2, (), struct.pack("<h", points))
    parameters += _parameter(1, "SCALE", 4, (), struct.pack("<f", scale))
    parameters += _parameter(1, "RATE", 4, (), struct.pack("<f", rate))
    parameters += _parameter(1, "FRAMES", 2, (), struct.pack("<h", frames))
    texts: dict[str, Sequence[str]] = {"LABELS": labels, **(extra or {})}
    texts |= {"UNITS": [unit]} if unit else {}
    texts |= {"X_SCREEN": [screen[0]], "Y_SCREEN": [screen[1]]} if screen else {}
    for name, content in texts.items():
        parameters += _texts(1, name, content)
    blocks = -(-(len(parameters) + 40) // BLOCK)
    start = 2 + blocks
    parameters += _parameter(1, "DATA_START", 2, (), struct.pack("<h", start))
    parameters = struct.pack("<BBBB", 1, 0x50, blocks, 84) + parameters + struct.pack("<bb", 0, 0)
    header = struct.pack("<BBHHHHHfHHf", 2, 0x50, points, 0, 1, frames, 10, scale, start, 0, rate)
    residual = np.where(lost, -1, 0)[..., None]
    if scale < 0:
        data = np.concatenate([positions, residual], axis=-1).astype("<f4").tobytes()
    else:
        data = np.concatenate([np.round(positions / scale), residual], axis=-1).astype("<i2").tobytes()
    content = header.ljust(BLOCK, b"\0") + parameters.ljust(blocks * BLOCK, b"\0") + data
    return content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0")


def write_c3d(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    lost = (values == 0).all(-1)
    laboratory = np.stack([-values[..., 0], values[..., 2], values[..., 1]], axis=-1) * 1000  # millimeters, z up
    laboratory[lost] = 5.0
    path.write_bytes(c3d_bytes(laboratory, KINECT, lost=lost))
    return [SkeletonSequence.from_positions(values, KINECT20, observed=~lost, name=path.stem, fps=100.0)]
