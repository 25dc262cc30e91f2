"""Which recordings, which classes, which split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from skeletonmae.datasets.change import Change
from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.folder import FOLDER, Folder
from skeletonmae.datasets.from_pyskl import DIVING48, GYM99
from skeletonmae.datasets.generated import SYNTHETIC, Generated
from skeletonmae.datasets.kinder_gator import KINDER_GATOR
from skeletonmae.datasets.msr_action3d import MSR_ACTION3D
from skeletonmae.datasets.ntu import NTU60, NTU120
from skeletonmae.datasets.nw_ucla import NW_UCLA
from skeletonmae.datasets.penn_action import PENN_ACTION
from skeletonmae.datasets.pku_mmd import PKU_MMD_1, PKU_MMD_2
from skeletonmae.datasets.prepare import prepare
from skeletonmae.datasets.reading import read_all
from skeletonmae.datasets.report import Report
from skeletonmae.datasets.sbu import SBU
from skeletonmae.datasets.splits import (
    GivenSplit,
    Split,
    SplitRule,
    StratifiedSplit,
    TagSplit,
    given_tags,
    label_subset,
    validation_part,
)
from skeletonmae.datasets.utd_mhad import UTD_MHAD
from skeletonmae.errors import InputError
from skeletonmae.formats import begins
from skeletonmae.formats.raw import raw_files

__all__ = [
    "DATASETS",
    "SYNTHETIC",
    "Change",
    "Dataset",
    "Folder",
    "Generated",
    "GivenSplit",
    "Report",
    "Split",
    "SplitRule",
    "StratifiedSplit",
    "TagSplit",
    "detect_dataset",
    "given_tags",
    "label_subset",
    "prepare",
    "read_all",
    "validation_part",
]

MEDIA = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif"}
DATASETS: dict[str, Dataset] = {
    entry.name: entry
    for entry in (
        SYNTHETIC, NTU60, NTU120, NW_UCLA, UTD_MHAD, MSR_ACTION3D, PENN_ACTION, SBU, KINDER_GATOR, GYM99, DIVING48,
        PKU_MMD_1, PKU_MMD_2, FOLDER,
    )
}  # fmt: skip
"""Dataset name -> dataset. To add one: a file of its own, and its name here."""


def detect_dataset(root: Path) -> Dataset:
    """The dataset in folder `root`: a known one by the names of its files, else one's own recordings.

    Raises:
        InputError: there is no such folder, no file of a known format in it, or more than one known dataset.
    """
    if not root.exists():
        raise InputError("there is no such folder", where=root)
    found = [entry for entry in DATASETS.values() if entry is not FOLDER and entry.matches(root)]
    if len(found) > 1:
        got = ", ".join(entry.name for entry in found)
        raise InputError("more than one dataset; name the folder of one", where=root, got=got)
    if not found and not FOLDER.matches(root):
        expected = "a table (frame, joint, x, y), or files of another format in docs/data.md"
        raise InputError("no recording of a known format in it", where=root, expected=expected, got=_seen(root))
    return found[0] if found else FOLDER


def _seen(root: Path) -> str:
    """What is in a folder in which nothing is known."""
    files = raw_files(root, lambda _: True)
    if not files:
        return "nothing: it is empty"
    kinds = Counter(file.path.suffix.lower() or "no ending" for file in files)
    said = f"{len(files)} files: " + ", ".join(f"{num} {kind}" for kind, num in kinds.most_common(5))
    if all(kind in MEDIA for kind in kinds):
        return f"{said}; run a pose estimator over videos and pictures first"
    looked = next((file for file in FOLDER.files(root)), None)
    return f"{said}; {looked.path.name} {begins(looked.head())}" if looked and looked.there else said
