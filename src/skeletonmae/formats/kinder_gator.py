"""Kinder-Gator CSV: a header that names the joints (`HipCenterX,HipCenterY,...`), one line per frame, in meters.

Aloba et al., Eurographics 2018 (short papers); Kinect v1. `Timestamp` is in milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.text_numbers import number_rows
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.kinect_recording import kinect_recording
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20


def _column(joint: str) -> str:
    """The name of a joint in the header: `ElbowLeft` for `left_elbow`, `HipCenter` for `pelvis`."""
    words = {"pelvis": "center_hip", "shoulder_center": "center_shoulder"}.get(joint, joint).split("_")
    return "".join(word.title() for word in reversed(words))


COLUMNS = ("Timestamp", *(_column(joint) + axis for joint in KINECT20.joints for axis in "XYZ"))


def _sniff(head: bytes) -> bool:
    return re.match(rb"(\xef\xbb\xbf)?Timestamp,HipCenterX,", head) is not None


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    header, _, body = (text := file.text()).partition("\n")
    names = [name.strip() for name in header.split(",")]
    if missing := [column for column in COLUMNS if names.count(column) != 1]:
        raise InputError("columns are missing or duplicated", where=f"{file.path}, line 1", got=missing[:5])
    if not body.strip():
        raise InputError("there is no line after the header", where=file.path)
    columns = [names.index(column) for column in COLUMNS]
    values = number_rows(file.path, text, len(names), columns=columns, delimiter=",", header=1)
    elapsed = float(values[-1, 0]) - float(values[0, 0])
    fps = 1000.0 * (len(values) - 1) / elapsed if elapsed > 0 else None
    yield kinect_recording(
        file, values[:, 1:].reshape(-1, 20, 3), KINECT20.joints, fps=fps if fps and fps < 1000 else None
    )


KINDER_GATOR = Format(
    "kinder_gator", "Kinder-Gator CSV: 20 joints in 3D, one recording per file", (".csv",), _sniff, _parse
)
