"""UTD-MHAD `.mat`: a MATLAB 5 file with one array `d_skel` of 20 joints x 3 axes x frames, in meters.

Chen, Jafari and Kehtarnavaz, ICIP 2015. Kinect v1 at 30 frames per second; joints are in the order of
`Skeleton_joint_order.txt` of the dataset.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.matlab5 import read_matlab, variable_names
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.kinect_recording import kinect_recording
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20

VARIABLE = "d_skel"
JOINTS = ("head", "shoulder_center", "spine", "pelvis", *KINECT20.joints[4:])
EXPECTED = f"an array {VARIABLE!r} of 20 joints x 3 axes x at least 1 frame"


def _sniff(head: bytes) -> bool:
    return head.startswith(b"MATLAB 5.0") and VARIABLE in variable_names(head)


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    values = read_matlab(file.content(), str(file.path), [VARIABLE]).get(VARIABLE)
    if not isinstance(values, np.ndarray) or values.shape[:2] != (20, 3) or values.ndim > 3 or not values.size:
        got = getattr(values, "shape", type(values).__name__)
        raise InputError(
            "the array is missing or has the wrong shape", where=file.path, expected=EXPECTED, got=got
        )
    positions = values.reshape(20, 3, -1).transpose(2, 0, 1)
    yield kinect_recording(file, positions, JOINTS, fps=30.0)


UTD_MHAD = Format("utd_mhad", "UTD-MHAD .mat: 20 joints in 3D, one recording per file", (".mat",), _sniff, _parse)
