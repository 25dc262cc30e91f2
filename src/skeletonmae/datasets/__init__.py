"""Datasets: where recordings are, their classes and tags, and the splits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from skeletonmae.datasets.bandai_namco import BANDAI_NAMCO
from skeletonmae.datasets.convert import RecordingConverter
from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.folder import FOLDER, FolderDataset
from skeletonmae.datasets.gym99_diving48 import DIVING48, GYM99
from skeletonmae.datasets.join import join_shards
from skeletonmae.datasets.kinder_gator import KINDER_GATOR
from skeletonmae.datasets.msr_action3d import MSR_ACTION3D
from skeletonmae.datasets.ntu import NTU60, NTU120
from skeletonmae.datasets.nw_ucla import NW_UCLA
from skeletonmae.datasets.penn_action import PENN_ACTION
from skeletonmae.datasets.pku_mmd import PKU_MMD_1, PKU_MMD_2
from skeletonmae.datasets.prepare import prepare
from skeletonmae.datasets.read_all import read_all
from skeletonmae.datasets.report import REPORT, PrepareReport
from skeletonmae.datasets.sbu import SBU
from skeletonmae.datasets.shards import ShardNumber
from skeletonmae.datasets.splits import (
    GivenSplit,
    GroupSplit,
    Split,
    SplitRule,
    StratifiedSplit,
    TagSplit,
    given_tags,
)
from skeletonmae.datasets.subsets import label_subset, train_val_split
from skeletonmae.datasets.synthetic_dataset import SYNTHETIC, SyntheticDataset
from skeletonmae.datasets.unread import UnreadFile, unread_files
from skeletonmae.datasets.utd_mhad import UTD_MHAD
from skeletonmae.errors import InputError
from skeletonmae.formats import describe_head
from skeletonmae.formats.file_kinds import IMAGES
from skeletonmae.formats.file_listing import list_files
from skeletonmae.formats.unknown_files import advice

__all__ = [
    "DATASETS",
    "FOLDER",
    "REPORT",
    "SYNTHETIC",
    "Dataset",
    "FolderDataset",
    "GivenSplit",
    "GroupSplit",
    "PrepareReport",
    "RecordingConverter",
    "ShardNumber",
    "Split",
    "SplitRule",
    "StratifiedSplit",
    "SyntheticDataset",
    "TagSplit",
    "UnreadFile",
    "describe_files",
    "detect_dataset",
    "given_tags",
    "join_shards",
    "label_subset",
    "prepare",
    "read_all",
    "train_val_split",
    "unread_files",
]

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        SYNTHETIC, NTU60, NTU120, NW_UCLA, UTD_MHAD, MSR_ACTION3D, PENN_ACTION, SBU, KINDER_GATOR, GYM99, DIVING48,
        PKU_MMD_1, PKU_MMD_2, BANDAI_NAMCO, FOLDER,
    )
}  # fmt: skip
"""Dataset name -> dataset. To add one, define it in a file of its own and list it here."""


def detect_dataset(root: Path) -> Dataset:
    """Detect a known dataset in `root` by its file names; any other folder holds your own recordings.

    Raises:
        InputError: There is no such folder, it holds no file of a known format, or more than one known dataset.
    """
    if not root.exists():
        raise InputError("there is no such folder or file", where=root)
    matches = [dataset for dataset in DATASETS.values() if dataset is not FOLDER and dataset.matches(root)]
    if len(matches) > 1:
        got = ", ".join(dataset.name for dataset in matches)
        raise InputError("more than one dataset; name the folder of one of them", where=root, got=got)
    if not matches and not FOLDER.matches(root):
        raise InputError(
            "no recording of a known format was found",
            where=root,
            expected="a table (frame, joint, x, y), or files of another format listed in docs/data.md",
            got=describe_files(root),
        )
    return matches[0] if matches else FOLDER


def describe_files(root: Path) -> str:
    """Describe the files of a folder in which no dataset was recognized."""
    files = list_files(root, lambda _: True)
    if not files:
        return "an empty folder"
    suffixes = Counter(file.path.suffix.lower() or "no suffix" for file in files)
    counts = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(5))
    text = f"{len(files)} file{'s' * (len(files) != 1)}: {counts}"
    if all(suffix in IMAGES for suffix in suffixes):
        return f"{text}; make a video of images, of which the poses are estimated"
    example = next((file for file in FOLDER.files(root)), None)
    if example is None or not example.exists:
        return text
    name, head = example.path.name, example.head()
    return f"{text}; {name} {describe_head(head)}; what would be read in its place: {advice(name, head)}"
