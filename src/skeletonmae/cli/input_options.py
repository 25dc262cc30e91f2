"""Options of the commands that read recordings: the dataset, and facts about the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skeletonmae.cli.console import print_status
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae import datasets
    from skeletonmae.datasets import UnreadFile
    from skeletonmae.datasets.report import SkippedFile
    from skeletonmae.formats import ReadOptions

Up = Literal["y", "z", "-y"]
"""Values of `--up`, as in `formats.axes`, which is slow to import."""


def read_options(
    layout: str | None,
    unit: str | None,
    fps: float | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    split_actions: bool = True,
    format: str | None = None,
    up: Up | None = None,
) -> ReadOptions:
    """Make `ReadOptions` of command-line flags.

    Raises:
        InputError: An unknown layout, unit or format, or a frame rate that is not positive.
    """
    from skeletonmae.formats import FORMATS, ReadOptions
    from skeletonmae.formats.axes import INPUT_UNITS
    from skeletonmae.skeletons import get_layout

    if unit is not None and unit not in INPUT_UNITS:
        raise InputError("unknown --unit", expected=", ".join(INPUT_UNITS), got=unit)
    if fps is not None and not 0 < fps < float("inf"):
        raise InputError("--fps must be greater than 0", got=fps)
    if format is not None and format not in FORMATS:
        raise InputError("unknown --format", expected=", ".join(FORMATS), got=format)
    return ReadOptions(
        layout=get_layout(layout) if layout else None,
        unit=unit,
        up=up,
        fps=fps,
        ntu_cleanup=ntu_cleanup,
        format=format,
        split_actions=split_actions,
    )


def resolve_dataset(source: Path, name: str, format: str | None = None) -> datasets.Dataset:
    """The dataset called `name`; for `auto`, detect it from the files and print it.

    Raises:
        InputError: An unknown dataset, or no recording in `source`.
    """
    from skeletonmae import datasets

    if str(source) == "synthetic" or name == "synthetic":
        return datasets.SYNTHETIC
    if name == "auto" and format:
        return datasets.DATASETS["folder"]
    if name == "auto":
        dataset = datasets.detect_dataset(source)
        max_files = 1000
        formats, num_files = dataset.formats(source, max_files)
        counts = ", ".join(f"{format_name} ({count})" for format_name, count in formats.items())
        of = f"of the first {max_files} of {num_files} files" if num_files > max_files else "(number of files)"
        suffix = f"; formats {of}: {counts}" if counts else ""
        print_status(f"{source}: {dataset.title} ({dataset.name}){suffix}")
        return dataset
    if name not in datasets.DATASETS:
        raise InputError("unknown dataset", expected=", ".join(datasets.DATASETS), got=name)
    return datasets.DATASETS[name]


def print_ignored(files: Sequence[UnreadFile | SkippedFile], report: Path | None = None) -> None:
    """Print in one line which files were ignored because they hold no recordings.

    Args:
        files: The files.
        report: The file that lists all of them, if there is one.
    """
    from skeletonmae.datasets.report import SkippedFile

    if not files:
        return
    counts = Counter(file.reason.partition(";")[0] for file in files)
    parts = [reason if count == 1 else f"{count} x {reason}" for reason, count in counts.most_common()]
    names = ", ".join(str(file.file if isinstance(file, SkippedFile) else file.path) for file in files[:3])
    where = f"; see {report}" if report else ""
    noun = "file" if len(files) == 1 else "files"
    print_status(f"ignored: {len(files)} {noun} without recordings ({', '.join(parts)}), such as {names}{where}")
