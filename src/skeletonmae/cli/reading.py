"""What the commands that read recordings share: which dataset, and what the user says of the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skeletonmae.cli.console import say
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae import datasets
    from skeletonmae.formats import ReadOptions


def read_options(
    layout: str | None,
    unit: str | None,
    fps: float | None = None,
    clean: Literal["reference", "none"] = "reference",
    cut: bool = True,
    format: str | None = None,
) -> ReadOptions:
    """What the user said of the files.

    Raises:
        InputError: no such layout, unit or format, or a rate that cannot be.
    """
    from skeletonmae.formats import FORMATS, ReadOptions
    from skeletonmae.sequences import UNITS
    from skeletonmae.skeletons import layout as find_layout

    if unit is not None and unit not in UNITS:
        raise InputError("--unit is not known", expected=", ".join(UNITS), got=unit)
    if fps is not None and not 0 < fps < float("inf"):
        raise InputError("--fps must be more than 0", got=fps)
    if format is not None and format not in FORMATS:
        raise InputError("--format is not known", expected=", ".join(FORMATS), got=format)
    return ReadOptions(find_layout(layout) if layout else None, unit, fps, clean, format, cut)


def dataset_of(source: Path, name: str, format: str | None = None) -> datasets.Dataset:
    """The dataset of that name, or what the files look like, which is said."""
    from skeletonmae import datasets

    if str(source) == "synthetic" or name == "synthetic":
        return datasets.SYNTHETIC
    if name == "auto" and format:
        return datasets.DATASETS["folder"]
    if name == "auto":
        chosen = datasets.detect_dataset(source)
        formats = chosen.formats(source) if isinstance(chosen, datasets.Folder) else {}
        said = ", ".join(f"{name} ({num})" for name, num in formats.items())
        say(f"{source}: {chosen.title} ({chosen.name}){': files of format ' + said if said else ''}")
        return chosen
    if name not in datasets.DATASETS:
        raise InputError("unknown dataset", expected=", ".join(datasets.DATASETS), got=name)
    return datasets.DATASETS[name]
