"""One file format -> recordings, one reader a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.formats.bvh import BVH
from skeletonmae.formats.coco_json import COCO_JSON
from skeletonmae.formats.deeplabcut import DEEPLABCUT
from skeletonmae.formats.format import AS_IT_IS, Format, ReadOptions
from skeletonmae.formats.kinder_gator import KINDER_GATOR
from skeletonmae.formats.mediapipe import MEDIAPIPE
from skeletonmae.formats.msr_action3d import MSR_ACTION3D
from skeletonmae.formats.ntu import NTU
from skeletonmae.formats.nw_ucla import NW_UCLA
from skeletonmae.formats.openpose import OPENPOSE
from skeletonmae.formats.penn_action import PENN_ACTION
from skeletonmae.formats.pku_mmd import PKU_MMD
from skeletonmae.formats.pyskl import PYSKL
from skeletonmae.formats.raw import RawFile, as_raw, group_frames, raw_files
from skeletonmae.formats.sbu import SBU
from skeletonmae.formats.sleap import SLEAP
from skeletonmae.formats.table import PARQUET, TABLE
from skeletonmae.formats.utd_mhad import UTD_MHAD

__all__ = ["AS_IT_IS", "FORMATS", "Format", "RawFile", "ReadOptions", "begins", "detect", "find_files"]

FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        NTU,
        PYSKL,
        BVH,
        NW_UCLA,
        UTD_MHAD,
        MSR_ACTION3D,
        PENN_ACTION,
        SBU,
        KINDER_GATOR,
        PKU_MMD,
        OPENPOSE,
        COCO_JSON,
        MEDIAPIPE,
        TABLE,
        PARQUET,
        DEEPLABCUT,
        SLEAP,
    )
}
"""Format name -> reader. To add one: a file of its own, and its name here."""


def find_files(root: Path, formats: Iterable[Format] = tuple(FORMATS.values())) -> list[RawFile]:
    """The files under `root`, and in zip archives there, whose names end as one of `formats` asks; sorted.

    Files of single frames are put together. Hidden ones and stores are left out.

    Raises:
        InputError: there is no such folder or file.
    """
    formats = tuple(formats)
    suffixes = tuple(suffix for entry in formats for suffix in entry.suffixes)
    files = raw_files(root, lambda name: name.lower().endswith(suffixes))
    for entry in formats:
        if entry.frames:
            files = group_frames(files, entry.frames)
    return files


def detect(file: RawFile | Path) -> Format:
    """The format of a file, by its first bytes.

    Raises:
        InputError: no known format, or more than one, looks like it.
    """
    head = as_raw(file).head()
    found = [entry for entry in FORMATS.values() if entry.claims(head)]
    if len(found) != 1:
        known = ", ".join(FORMATS)
        got = "several: " + ", ".join(entry.name for entry in found) if found else f"a file that {begins(head)}"
        raise InputError("the format is not clear", where=as_raw(file).path, expected=f"one of {known}", got=got)
    return found[0]


def begins(head: bytes) -> str:
    """How a file begins, in words."""
    if not head.strip():
        return "is empty"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "is UTF-16: save it as UTF-8"
    line = head.lstrip()[:80].decode("utf-8", "replace").splitlines()[0]
    return f"begins with {line!r}" if "\ufffd" not in line and line.isprintable() else "begins with no text"
