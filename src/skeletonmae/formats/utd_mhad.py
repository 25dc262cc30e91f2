"""UTD-MHAD `.mat`: a MATLAB 5 file with one array `d_skel` of 20 joints x 3 axes x frames, metres.

Chen, Jafari and Kehtarnavaz, ICIP 2015; Kinect v1 at 30 frames a second, joint order of
`Skeleton_joint_order.txt` in the set. Only a plain array of numbers is admitted: no objects, no functions.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.io

from skeletonmae.errors import InputError
from skeletonmae.formats.format import Format, ReadOptions, kinect_recording
from skeletonmae.formats.raw import RawFile
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20

VARIABLE = "d_skel"
JOINTS = ("head", "shoulder_center", "spine", "pelvis", *KINECT20.joints[4:])
EXPECTED = f"a plain array {VARIABLE!r} of 20 joints x 3 axes x at least 1 frame"
NUMBERS = ("double", "single")
LARGEST = 100_000  # frames, 48 MB; nearly an hour at 30 a second


def _claims(head: bytes) -> bool:
    if not head.startswith(b"MATLAB 5.0"):
        return False
    try:
        # The first element: its type (15 is compressed) and its size, 4 bytes each, then its content.
        first = zlib.decompressobj().decompress(head[136:], 256) if head[128:129] == b"\x0f" else head[128:384]
    except zlib.error:
        return False
    return VARIABLE.encode() in first


def _parse(file: RawFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    content = file.content()
    stream: Any = io.BytesIO(content)  # no read of it can ask for more than there is
    if not content.startswith(b"MATLAB 5.0"):
        raise InputError("not a MATLAB 5 file", where=file.path, expected=EXPECTED, got=content[:10])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            listed = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(stream)}
            shape, kind = listed.get(VARIABLE, ((), "nothing"))
            sound = kind in NUMBERS and shape[:2] == (20, 3) and len(shape) < 4  # known before any is read
            if sound and 0 < (shape[2] if len(shape) == 3 else 1) <= LARGEST:
                values = scipy.io.loadmat(stream, variable_names=[VARIABLE])[VARIABLE]
                values = np.asarray(values, dtype=np.float64).reshape(20, 3, -1)
            else:
                values = None
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        problem = f"not a MATLAB file, or damaged ({type(error).__name__}: {error})"
        raise InputError(problem, where=file.path, expected=EXPECTED) from error
    if values is None:
        raise InputError("no such array", where=file.path, expected=EXPECTED, got=f"{kind} {shape}")
    yield kinect_recording(file, values.transpose(2, 0, 1), JOINTS, fps=30.0)


UTD_MHAD = Format("utd_mhad", "UTD-MHAD .mat: 20 joints in 3D, one recording a file", (".mat",), _claims, _parse)
