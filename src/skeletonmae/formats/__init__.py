"""One file format -> recordings, one reader a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.formats.alphapose import ALPHAPOSE
from skeletonmae.formats.amass_npz import AMASS_NPZ
from skeletonmae.formats.asf_amc import ASF_AMC
from skeletonmae.formats.azure_kinect import AZURE_KINECT
from skeletonmae.formats.bvh import BVH
from skeletonmae.formats.c3d import C3D
from skeletonmae.formats.coco_json import COCO_JSON
from skeletonmae.formats.ctrgcn_npz import CTRGCN_NPZ
from skeletonmae.formats.deeplabcut import DEEPLABCUT
from skeletonmae.formats.file_listing import archive_problem, list_files
from skeletonmae.formats.files import InputFile, as_input_file
from skeletonmae.formats.format import DEFAULT_OPTIONS, Format, ReadOptions
from skeletonmae.formats.frame_files import group_frame_files
from skeletonmae.formats.kinder_gator import KINDER_GATOR
from skeletonmae.formats.kinetics_json import KINETICS_JSON
from skeletonmae.formats.mediapipe import MEDIAPIPE
from skeletonmae.formats.mmpose import MMPOSE
from skeletonmae.formats.movement_nc import MOVEMENT_NC
from skeletonmae.formats.msr_action3d import MSR_ACTION3D
from skeletonmae.formats.ntu import NTU
from skeletonmae.formats.nw_ucla import NW_UCLA
from skeletonmae.formats.openpose import OPENPOSE
from skeletonmae.formats.penn_action import PENN_ACTION
from skeletonmae.formats.pku_mmd import PKU_MMD
from skeletonmae.formats.pose_format import POSE_FORMAT
from skeletonmae.formats.pyskl import PYSKL
from skeletonmae.formats.sbu import SBU
from skeletonmae.formats.sidecars import attach_sidecars
from skeletonmae.formats.sleap import SLEAP
from skeletonmae.formats.stgcn_npy import STGCN_NPY
from skeletonmae.formats.table import PARQUET, TABLE
from skeletonmae.formats.trc import TRC
from skeletonmae.formats.unknown_files import UnknownFormatError, advice, describe_content, describe_head
from skeletonmae.formats.utd_mhad import UTD_MHAD
from skeletonmae.formats.video import VIDEO
from skeletonmae.formats.video_options import VideoOptions, VideoProgress
from skeletonmae.formats.videopose3d_npz import VIDEOPOSE3D_NPZ
from skeletonmae.formats.wide_table import WIDE_TABLE
from skeletonmae.formats.yolo import YOLO_JSON, YOLO_TXT
from skeletonmae.formats.zed import ZED

__all__ = [
    "DEFAULT_OPTIONS",
    "FORMATS",
    "Format",
    "InputFile",
    "ReadOptions",
    "UnknownFormatError",
    "VideoOptions",
    "VideoProgress",
    "describe_content",
    "describe_head",
    "detect",
    "find_files",
]

FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        NTU,
        PYSKL,
        CTRGCN_NPZ,
        STGCN_NPY,
        VIDEOPOSE3D_NPZ,
        AMASS_NPZ,
        BVH,
        ASF_AMC,
        TRC,
        C3D,
        POSE_FORMAT,
        NW_UCLA,
        UTD_MHAD,
        MSR_ACTION3D,
        PENN_ACTION,
        SBU,
        KINDER_GATOR,
        PKU_MMD,
        OPENPOSE,
        COCO_JSON,
        ALPHAPOSE,
        MMPOSE,
        KINETICS_JSON,
        YOLO_TXT,
        YOLO_JSON,
        MEDIAPIPE,
        AZURE_KINECT,
        ZED,
        TABLE,
        PARQUET,
        WIDE_TABLE,
        DEEPLABCUT,
        SLEAP,
        MOVEMENT_NC,
        VIDEO,
    )
}
"""Format name -> reader. To add one: a file of its own, and its name here."""


def find_files(root: Path, formats: Iterable[Format] = tuple(FORMATS.values())) -> list[InputFile]:
    """The files under `root`, and in zip archives there, whose names end like those of `formats`, sorted.

    Files of single frames are grouped into one file per recording. Hidden files and stores are left out.

    Raises:
        InputError: There is no such folder or file.
    """
    formats = tuple(formats)
    suffixes = tuple(suffix for entry in formats for suffix in entry.suffixes)
    files = list_files(root, lambda name: name.lower().endswith(suffixes))
    for entry in formats:
        if entry.sidecar_name:
            files = attach_sidecars(files, entry.sidecar_name)
    framed = [entry for entry in formats if entry.sniff_frame]
    if files == [InputFile(root)]:  # one frame, by the user's choice
        return files
    return group_frame_files(files, partial(_frame_format, framed))


def _frame_format(formats: Sequence[Format], file: InputFile) -> str | None:
    """Name of the format of which a file is a single frame, if there is one."""
    candidates = [entry for entry in formats if file.path.name.lower().endswith(entry.suffixes)]
    try:
        head = file.head() if candidates else b""
    except InputError:  # reading the file reports the error
        return None
    return next((entry.name for entry in candidates if entry.sniff_frame and entry.sniff_frame(head)), None)


def detect(file: InputFile | Path) -> Format:
    """The format of a file, detected from its first bytes.

    Raises:
        InputError: No format, or more than one, recognizes the file.
    """
    file = as_input_file(file)
    head = file.head()
    if problem := archive_problem(file):
        raise InputError(problem, where=file.path)
    matches = [entry for entry in FORMATS.values() if entry.sniff(head)]
    if len(matches) > 1:
        got = f"several: {', '.join(entry.name for entry in matches)}"
        raise InputError("cannot detect the format", where=file.path, expected="one", got=got)
    if not matches:
        problem, expected = f"in no known format; it {describe_content(file, head)}", advice(file.path.name, head)
        error = UnknownFormatError if head.strip() else InputError
        raise error(problem, where=file.path, expected=expected)
    return matches[0]
