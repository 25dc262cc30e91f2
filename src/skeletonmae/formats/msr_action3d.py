"""MSR-Action3D text: 20 lines per frame, each `x y z confidence`, in meters.

Li, Zhang and Liu, CVPR Workshops 2010, "SkeletonReal3D"; 15 frames per second. A quarter of the joints have
confidence 0 and a plausible position that the sensor inferred, so only joints at (0, 0, 0) are unobserved.
"""

from __future__ import annotations

from collections.abc import Iterator

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.text_numbers import number_rows
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.kinect_recording import kinect_recording
from skeletonmae.sequences import SkeletonSequence

JOINTS = (
    "left_shoulder", "right_shoulder", "shoulder_center", "spine", "left_hip", "right_hip", "pelvis",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
    "left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot", "head",
)  # fmt: skip
EXPECTED = "20 lines per frame, each 'x y z confidence'"


def _sniff(head: bytes) -> bool:
    lines = [line.split() for line in head.splitlines()[:-1]]
    try:
        return len(lines) > 1 and all(len([float(number) for number in line]) == 4 for line in lines)
    except ValueError:
        return False


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    values = number_rows(file.path, file.text(), 4)
    if len(values) % 20:
        raise InputError("the file is truncated", where=file.path, expected=EXPECTED, got=f"{len(values)} lines")
    yield kinect_recording(file, values.reshape(-1, 20, 4)[..., :3], JOINTS, fps=15.0)


MSR_ACTION3D = Format(
    "msr_action3d", "MSR-Action3D text: 20 joints in 3D, one recording per file", (".txt",), _sniff, _parse
)
