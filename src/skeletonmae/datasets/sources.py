"""What may be given as recordings: files, folders, stores, arrays, and the objects of other libraries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skeletonmae.datasets.load_recordings import Problem, iter_recordings
from skeletonmae.datasets.python_objects import (
    from_array,
    from_pose_dataset,
    from_sleap_labels,
    is_pose_dataset,
    is_sleap_labels,
)
from skeletonmae.datasets.unread import UnreadFile
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, FORMATS, ReadOptions, VideoOptions
from skeletonmae.formats.axes import INPUT_UNITS, Up
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.sequences.manifest import MANIFEST
from skeletonmae.skeletons import Skeleton, get_layout


def read(
    source: Any,
    *,
    layout: Skeleton | str | Path | None = None,
    joints: Sequence[str] | None = None,
    unit: str | None = None,
    fps: float | None = None,
    up: Up | None = None,
    format: str | None = None,
    video: VideoOptions | None = None,
    errors: Literal["raise", "ignore"] = "raise",
) -> list[SkeletonSequence]:
    """Read recordings into memory.

    For example::

        import skeletonmae

        recordings = skeletonmae.read("recordings/")
        recordings = skeletonmae.read(positions, joints=["left_hip", "right_hip", ...], fps=30)

    Args:
        source: A file, a folder, a zip archive, a store or a `SkeletonSequence`; an array of one recording,
            `(frame, joint, axis)` or `(person, frame, joint, axis)`, with NaN where a joint was not observed; a
            dataset of movement (xarray), or `Labels` of sleap-io; or several of them.
        layout: Layout of arrays, and of files that name their joints: its name, a YAML file or a `Skeleton`.
        joints: Names of the joints of arrays, in their order. Other spellings of known joints are understood.
        unit: Unit of arrays (m by default) and files: m, cm, mm, px, image or unknown. Centimeters and millimeters
            are converted to meters.
        fps: Frames per second of arrays and files.
        up: Axis that points up in arrays and files: y, z or -y.
        format: Format of files whose content does not tell it.
        video: How the poses of videos are estimated; by default those of all persons, in pixels.
        errors: Whether a file or record that cannot be read is an error, or left out (`ignore`).

    Returns:
        The recordings; a folder with one sub-folder per action gives their labels.

    Raises:
        InputError: Something cannot be read, or there is nothing to read.
    """
    if errors not in ("raise", "ignore"):
        raise InputError("unknown setting", where="errors", expected="raise or ignore", got=errors)
    recordings: list[SkeletonSequence] = []
    problems: list[Problem] = []
    options = source_options(layout, unit, fps, up, format)
    options = replace(options, video=video) if video else options
    for item in iter_sources(source, options, joints):
        if isinstance(item, Problem):
            problems.append(item)
        elif isinstance(item, SequenceStore):
            recordings += item
        else:
            recordings.append(item)
    if problems and errors == "raise":
        reasons = "\n".join(map(str, problems))
        raise InputError(f"not everything could be read (errors='ignore' leaves it out): {reasons}")
    if not recordings:
        reasons = "\n".join(map(str, problems)) or "nothing was given"
        raise InputError(f"no recording could be read: {reasons}")
    return recordings


def source_options(
    layout: Skeleton | str | Path | None = None,
    unit: str | None = None,
    fps: float | None = None,
    up: Up | None = None,
    format: str | None = None,
) -> ReadOptions:
    """Return what a user states about files and arrays.

    Raises:
        InputError: There is no such layout, unit or format, or the frame rate is not above 0.
    """
    if layout is not None and not isinstance(layout, Skeleton):
        layout = get_layout(layout)
    if unit is not None and unit not in INPUT_UNITS:
        raise InputError("unknown unit", where="unit", expected=", ".join(INPUT_UNITS), got=unit)
    if fps is not None and not 0 < fps < float("inf"):
        raise InputError("the frame rate must be above 0", where="fps", got=fps)
    if format is not None and format not in FORMATS:
        raise InputError("unknown format", where="format", expected=", ".join(FORMATS), got=format)
    return ReadOptions(layout=layout, unit=unit, fps=fps, up=up, format=format)


def iter_sources(
    sources: Any,
    options: ReadOptions = DEFAULT_OPTIONS,
    joints: Sequence[str] | None = None,
    on_ignored: Callable[[UnreadFile], None] | None = None,
    file_layout: Skeleton | None = None,
) -> Iterator[SkeletonSequence | SequenceStore | Problem]:
    """Yield recordings one after the other, stores as a whole, and what could not be read.

    Args:
        sources: What `read` takes.
        options: Facts about arrays and files.
        joints: Names of the joints of arrays.
        on_ignored: Called with every file that holds no recordings, such as a document or a picture.
        file_layout: Layout of files that name their joints, where `options` state none.

    Raises:
        InputError: An array or an object is not a recording, or a store is damaged.
    """
    file_options = replace(options, layout=options.layout or file_layout)
    for number, source in enumerate([sources] if is_source(sources) else sources):
        if isinstance(source, SkeletonSequence | SequenceStore):
            yield source
        elif isinstance(source, str | os.PathLike):
            path = Path(source)
            if (path / MANIFEST).is_file():
                store = SequenceStore.open(path)
                store.verify()
                yield store
            else:
                yield from iter_recordings([path], file_options, on_ignored)
        elif is_pose_dataset(source):
            yield from_pose_dataset(source, options, f"dataset {number}")
        elif is_sleap_labels(source):
            yield from from_sleap_labels(source, options, f"labels {number}")
        else:
            yield from_array(source, options, joints, f"array {number}")


def iter_readable(
    sources: Any, on_problem: Callable[[Problem], None], file_layout: Skeleton | None = None
) -> Iterator[SkeletonSequence]:
    """Yield all recordings one after the other, also those of stores.

    Args:
        sources: What `read` takes.
        on_problem: Called with what could not be read.
        file_layout: Layout of files that name their joints.

    Raises:
        InputError: An array or an object is not a recording, or a store is damaged.
    """
    for item in iter_sources(sources, file_layout=file_layout):
        if isinstance(item, Problem):
            on_problem(item)
        elif isinstance(item, SequenceStore):
            yield from item
        else:
            yield item


def is_source(value: object) -> bool:
    """Return whether a value is one of what `read` takes, and not several of them."""
    if isinstance(value, SkeletonSequence | SequenceStore | str | os.PathLike):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "OUS"
    return is_pose_dataset(value) or is_sleap_labels(value) or hasattr(value, "__array__")
