"""The arrays of a store while recordings are added to it, in files or in memory."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from skeletonmae.errors import InputError, StoreMismatchError
from skeletonmae.limits import check_shape
from skeletonmae.sequences.manifest import ARRAYS, TAG_PATTERN, FileRecord, Manifest
from skeletonmae.sequences.sequence import UNITS, SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.derived import abbreviate

ROW_ARRAYS = ("positions", "observed")
"""Arrays that have a row for each frame of each track; the others are the index."""


class Rows(Protocol):
    """An array that grows by rows."""

    num_rows: int

    def append(self, rows: np.ndarray) -> None:
        """Append rows."""

    def truncate(self, num_rows: int) -> None:
        """Remove the rows after the first `num_rows`."""


class StoreColumns:
    """The arrays of a store, to which recordings are added. Base class of what writes them somewhere.

    Args:
        skeleton: Layout of every recording.
        axes: Number of coordinates per joint.
        unit: Unit of the coordinates.
        classes: Names of the expected labels, in the order of their indices. Any other label is appended.
        dataset: Name of the dataset, for the manifest.
        dtype: float32, or float16 to halve the size (with an error of up to 1 mm at 3 m).
        where: What is written, for messages.

    Raises:
        InputError: The unit is not one of `UNITS`.
    """

    positions: Rows
    observed: Rows

    def __init__(
        self,
        skeleton: Skeleton,
        *,
        axes: Literal[2, 3] = 3,
        unit: str = "m",
        classes: Sequence[str] = (),
        dataset: str = "",
        dtype: Literal["float32", "float16"] = "float32",
        where: Path | str | None = None,
    ) -> None:
        if unit not in UNITS:
            raise InputError("unknown unit", where=where, expected=UNITS, got=unit)
        self.skeleton, self.axes, self.unit, self.dataset = skeleton, axes, unit, dataset
        self.dtype: Literal["float32", "float16"] = dtype
        self.classes = {name: index for index, name in enumerate(classes)}
        self.tags: dict[str, dict[str, int]] = {}
        self.codes: dict[str, array[int]] = {}
        self.columns: dict[str, array[Any]] = {
            name: array(np.dtype(kind).char, [0] if name in ("track_rows", "recordings", "name_ends") else [])
            for name, kind in ARRAYS.items()
            if name not in ROW_ARRAYS
        }

    def __len__(self) -> int:
        return len(self.columns["frames"])

    def add(self, sequence: SkeletonSequence) -> None:
        """Append a recording, or nothing if an error is raised.

        A recording with the same joints in another order, or with other bones between them, gets the layout of the
        store.

        Raises:
            InputError: Its layout, axes or unit differ from those of the store, it is too large, a value does not
                fit the dtype, its frame rate is not a positive number, or a name, label or tag is not valid text.
        """
        num_before, num_rows, num_tracks = len(self), self.positions.num_rows, len(self.columns["track_starts"])
        num_bytes = len(self.columns["names"])
        sequence = self._in_order(sequence)
        try:
            self._append(sequence, f"recording {sequence.name!r}")
        except InputError:  # raised before anything is appended
            raise
        except BaseException:
            self.positions.truncate(num_rows)
            self.observed.truncate(num_rows)
            for column, length in {
                "track_starts": num_tracks,
                "track_rows": num_tracks + 1,
                "names": num_bytes,
            }.items():
                del self.columns[column][length:]
            for column in ("frames", "fps", "labels"):
                del self.columns[column][num_before:]
            for column in ("recordings", "name_ends"):
                del self.columns[column][num_before + 1 :]
            for codes in self.codes.values():
                del codes[num_before:]
            raise

    def _append(self, sequence: SkeletonSequence, where: str) -> None:
        name = self._check(sequence, where)
        with np.errstate(over="ignore"):
            values = sequence.positions.astype(self.dtype, copy=False)
        if not np.isfinite(values).all():
            largest = float(np.abs(sequence.positions).max())
            raise InputError(f"the coordinate {largest:g} does not fit {self.dtype}", where=where)
        bits = np.packbits(sequence.observed, axis=2, bitorder="little")
        columns = self.columns
        for person in range(sequence.num_persons):
            observed_frames = np.flatnonzero(sequence.observed[person].any(1))
            if len(observed_frames):
                track = slice(observed_frames[0], observed_frames[-1] + 1)
                self.positions.append(values[person, track])
                self.observed.append(bits[person, track])
                columns["track_starts"].append(observed_frames[0])
                columns["track_rows"].append(self.positions.num_rows)
        columns["recordings"].append(len(columns["track_starts"]))
        columns["frames"].append(sequence.num_frames)
        columns["fps"].append(np.nan if sequence.fps is None else sequence.fps)
        label = sequence.label
        columns["labels"].append(-1 if label is None else self.classes.setdefault(label, len(self.classes)))
        columns["names"].frombytes(name)
        columns["name_ends"].append(len(columns["names"]))
        for tag in dict.fromkeys((*self.tags, *sequence.tags)):
            code_of = self.tags.setdefault(tag, {})
            column = self.codes.setdefault(tag, array("i"))
            column.extend([-1] * (len(self) - 1 - len(column)))  # earlier recordings do not have the tag
            value = sequence.tags.get(tag)
            column.append(-1 if value is None else code_of.setdefault(value, len(code_of)))

    def _in_order(self, sequence: SkeletonSequence) -> SkeletonSequence:
        """The recording in the layout of the store if its joints are the same."""
        joints, skeleton = self.skeleton.joints, sequence.skeleton
        if skeleton == self.skeleton or set(skeleton.joints) != set(joints):
            return sequence
        order = [skeleton.index[joint] for joint in joints]
        return replace(
            sequence,
            skeleton=self.skeleton,
            positions=sequence.positions[:, :, order],
            observed=sequence.observed[:, :, order],
        )

    def _check(self, sequence: SkeletonSequence, where: str) -> bytes:
        """Check that a recording can be stored; return its name as UTF-8."""
        try:
            name = sequence.name.encode()
            "".join((sequence.label or "", *sequence.tags, *sequence.tags.values())).encode()
        except UnicodeEncodeError as error:
            raise InputError("a name, label or tag has characters that are not text", where=where) from error
        if invalid := [tag for tag in sequence.tags if not re.fullmatch(TAG_PATTERN, tag)]:
            expected = "letters, digits, spaces and _ . -"
            raise InputError("not a valid name of a tag", where=where, expected=expected, got=invalid[0])
        expected_kind = (self.skeleton, self.axes, self.unit)
        kind = (sequence.skeleton, sequence.positions.shape[3], sequence.unit)
        if kind != expected_kind:
            expected, got = (f"{s.name}, {axes} axes, {unit}" for s, axes, unit in (expected_kind, kind))
            got += _different_joints(self.skeleton, sequence.skeleton)
            layout = describe_layout(sequence.skeleton, sequence.positions.shape[3], sequence.unit)
            raise StoreMismatchError(
                "the recording does not fit the store", where=where, expected=expected, got=got, layout=layout
            )
        check_shape(where, sequence.observed.shape)
        return name

    def index_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the index, by file name without the suffix."""
        columns = self.columns | {f"tag_{tag}": codes for tag, codes in self.codes.items()}
        return {name: np.asarray(column) for name, column in columns.items()}

    def manifest(self, files: dict[str, FileRecord]) -> Manifest:
        """Return the manifest of the recordings so far.

        Args:
            files: Size and checksum of each file of the store.
        """
        return Manifest(
            dataset=self.dataset,
            skeleton=self.skeleton.to_dict(),
            axes=self.axes,
            unit=self.unit,
            dtype=self.dtype,
            classes=tuple(self.classes),
            tags={tag: tuple(values) for tag, values in self.tags.items()},
            files=files,
        )


def describe_layout(skeleton: Skeleton, axes: int, unit: str) -> str:
    """Return what all recordings of a store have in common, in words: layout, number of axes and unit.

    Args:
        skeleton: The layout.
        axes: Number of coordinates per joint.
        unit: Unit of the coordinates.
    """
    return f"{skeleton.name} ({skeleton.num_joints} joint{'s' * (skeleton.num_joints != 1)}, {axes} axes, {unit})"


def _different_joints(expected: Skeleton, got: Skeleton) -> str:
    """Which joints two layouts do not share, as the end of a message."""
    missing = [joint for joint in expected.joints if joint not in got.index]
    more = [joint for joint in got.joints if joint not in expected.index]
    parts = [("without", missing), ("with", more)]
    text = " and ".join(f"{word} {abbreviate(joints, 10)}" for word, joints in parts if joints)
    return f", {text}" if text else ""
