"""What the estimators accept as `X`: one recording for each row, or a table of numbers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from skeletonmae.datasets.load_recordings import Problem
from skeletonmae.datasets.python_objects import from_array, from_channels, is_pose_dataset, is_sleap_labels
from skeletonmae.datasets.sources import is_source, iter_sources
from skeletonmae.errors import InputError
from skeletonmae.formats import ReadOptions
from skeletonmae.sequences import SequenceStore, SkeletonSequence

NUM_AXES = (2, 3)


def as_recordings(
    X: Any,
    options: ReadOptions,
    joints: Sequence[str] | None = None,
    axes: Literal[2, 3] = 3,
) -> list[SkeletonSequence] | None:
    """Return the recordings of `X`, or None if it is a table of numbers whose joints are not known.

    The first axis of an array is that of the recordings: `(clip, frame, joint, axis)`,
    `(clip, person, frame, joint, axis)`, `(clip, channel, time)` as in aeon, or `(clip, feature)`, which are
    flattened frames if their joints are known. In a list, each item is a recording.

    Args:
        X: A file, a folder or a store; an array; an object of movement or sleap-io; or a list of recordings: of
            `SkeletonSequence`, of files with one recording each, or of arrays `(frame, joint, axis)`,
            `(person, frame, joint, axis)` or `(channel, time)`.
        options: Facts about arrays and files.
        joints: Names of the joints of arrays.
        axes: Number of axes of a joint in channels and flattened frames.

    Raises:
        InputError: Something cannot be read, or an item is not one recording.
    """
    if axes not in NUM_AXES:
        raise InputError("a joint has 2 or 3 coordinates", where="axes", expected="2 or 3", got=axes)
    has_joints = joints is not None or options.layout is not None
    if _is_collection(X):
        return _read_all(X, options, joints)
    if isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype.kind in "OUS"):
        items = list(X)
        if all(_is_row(item) for item in items):
            return None
        return [_read_one(item, number, options, joints, axes) for number, item in enumerate(items)]
    if not hasattr(X, "__array__") or hasattr(X, "iloc"):
        return None  # scikit-learn reads data frames, and refuses what is neither numbers nor recordings
    values = np.asarray(X)
    if values.dtype.kind not in "fiu" or values.ndim < 2 or (values.ndim == 2 and not has_joints):
        return None
    if values.ndim == 2:
        return [_from_flat(row, number, options, joints, axes) for number, row in enumerate(values)]
    return [_read_one(row, number, options, joints, axes) for number, row in enumerate(values)]


def _is_collection(value: object) -> bool:
    """Whether a value alone stands for recordings that it contains."""
    if isinstance(value, SkeletonSequence | SequenceStore | str | os.PathLike):
        return True
    return is_pose_dataset(value) or is_sleap_labels(value)


def _is_row(item: Any) -> bool:
    """Whether an item of a list is a number or a row of numbers, and so the list a table."""
    if isinstance(item, list | tuple):
        return not any(isinstance(value, list | tuple | str | np.ndarray) for value in item)
    return not is_source(item) or (not _is_collection(item) and np.asarray(item).ndim < 2)


def _read_all(
    source: Any, options: ReadOptions, joints: Sequence[str] | None, where: str = ""
) -> list[SkeletonSequence]:
    recordings: list[SkeletonSequence] = []
    for item in iter_sources(source, options, joints):
        if isinstance(item, Problem):
            raise InputError(item.reason, where=where or item.recording)
        recordings += item if isinstance(item, SequenceStore) else [item]
    return recordings


def _read_one(
    item: Any, number: int, options: ReadOptions, joints: Sequence[str] | None, axes: Literal[2, 3]
) -> SkeletonSequence:
    """Read an item of a list, which must be one recording."""
    if isinstance(item, SkeletonSequence):
        return item
    name = f"item {number} of X"
    if _is_collection(item):
        found = _read_all(
            item, options, joints, f"{name}, {item}" if isinstance(item, str | os.PathLike) else name
        )
        if len(found) != 1:
            problem = "each item of a list must be one recording; read several with skeletonmae.read first"
            raise InputError(problem, where=name, expected="1 recording", got=len(found))
        return found[0]
    if not hasattr(item, "__array__") and not isinstance(item, list | tuple):
        raise InputError("not a recording", where=name, got=type(item).__name__)
    values = np.asarray(item)
    if values.ndim == 2:
        return from_channels(values, options, joints, axes, name)
    return from_array(values, options, joints, name)


def _from_flat(
    row: np.ndarray, number: int, options: ReadOptions, joints: Sequence[str] | None, axes: Literal[2, 3]
) -> SkeletonSequence:
    """Make a recording of a row of flattened frames, `(frame, joint, axis)`."""
    num_joints = len(joints) if joints is not None else options.layout.num_joints if options.layout else 0
    width, name = num_joints * axes, f"row {number} of X"
    if len(row) % width:
        expected = f"a multiple of {num_joints} joints x {axes} axes = {width} numbers"
        raise InputError("not whole frames", where=name, expected=expected, got=len(row))
    return from_array(row.reshape(-1, num_joints, axes), options, joints, name)


def refuse_unread(recordings: Sequence[SkeletonSequence], reasons: Iterable[str]) -> None:
    """Raise an error if some recordings have no features.

    Args:
        recordings: The recordings.
        reasons: Why each has none; empty where it has.

    Raises:
        InputError: One has a reason; the message names it.
    """
    failed = [(number, reason) for number, reason in enumerate(reasons) if reason]
    if failed:
        number, reason = failed[0]
        others = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise InputError(f"{reason}{others}", where=f"item {number} of X ({recordings[number].name})")
