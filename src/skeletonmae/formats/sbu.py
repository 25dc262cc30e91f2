"""SBU Kinect Interaction `skeleton_pos.txt`: one line per frame, with its number and two persons of 15 joints.

Yun et al., CVPR Workshops 2012; Kinect v1 at 15 frames per second. The file holds normalized coordinates: x and y
from 0 to 1, z from 0 to 7.8125. The formula in the documentation of the dataset converts them to millimeters, in
the axes of the other Kinect datasets. The person on the left of the image comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from skeletonmae.formats.decoders.text_numbers import number_rows
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import SBU15

COLUMNS = 1 + 2 * 15 * 3
SCALE = np.array([-2560.0, -1920.0, 10000.0 / 7.8125]) / 1000
OFFSET = np.array([1280.0, 960.0, 0.0]) / 1000
FPS = 15.0


def _sniff(head: bytes) -> bool:
    lines = head.split(b"\n", 1)
    return lines[0].count(b",") == COLUMNS - 1 and re.match(rb"\s*\d+\s*,[-+.\deE,\s]+$", lines[0]) is not None


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    values = number_rows(file.path, file.text(), COLUMNS, delimiter=",")
    normalized = values[:, 1:].reshape(-1, 2, 15, 3).swapaxes(0, 1)
    with np.errstate(over="ignore"):  # what is not finite is unobserved
        positions = normalized * SCALE + OFFSET
        is_consecutive = (np.diff(values[:, 0]) == 1).all()
    yield SkeletonSequence.from_positions(
        positions,
        SBU15,
        observed=(normalized != 0).any(-1),
        name=file.path.parent.name,
        fps=FPS,
        notes=() if is_consecutive else ("the frame numbers are not consecutive",),
    )


SBU = Format("sbu", "SBU Kinect Interaction text: two persons of 15 joints in 3D", (".txt",), _sniff, _parse)
