"""Writing a store: recordings stream to disk, and the folder appears when all is there."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.files import atomic_folder, write_text
from skeletonmae.limits import MAX_CELLS
from skeletonmae.sequences.manifest import (
    ARRAYS,
    HEADER,
    MANIFEST,
    TAG,
    FileRecord,
    Manifest,
    file_sha256,
)
from skeletonmae.sequences.sequence import UNITS, SkeletonSequence
from skeletonmae.skeletons import Skeleton


class StoreWriter:
    """Write recordings to a new store; a context manager.

    The folder appears at `path` when the block ends without an error, and not at all otherwise.

    Args:
        path: the folder to make.
        skeleton: the layout of every recording.
        axes: 2 or 3 coordinates a joint.
        unit: of the coordinates.
        classes: names of all labels that may come, in the order that numbers them; a label that is not among
            them is added at the end.
        dataset: which dataset it is, for the manifest.
        dtype: float32, or float16 to halve the size (an error of up to 1 mm at 3 m).

    Raises:
        FileExistsError: `path` is there already and is not empty.
        InputError: the unit is not one of `UNITS`.
    """

    def __init__(
        self,
        path: Path | str,
        skeleton: Skeleton,
        *,
        axes: Literal[2, 3] = 3,
        unit: str = "m",
        classes: Sequence[str] = (),
        dataset: str = "",
        dtype: Literal["float32", "float16"] = "float32",
    ) -> None:
        if unit not in UNITS:
            raise InputError("unknown unit", where=path, expected=UNITS, got=unit)
        self.path = Path(path)
        self.skeleton, self.axes, self.unit, self.dataset = skeleton, axes, unit, dataset
        self.dtype: Literal["float32", "float16"] = dtype
        self.classes = {name: place for place, name in enumerate(classes)}
        self.tags: dict[str, dict[str, int]] = {}
        self.codes: dict[str, array[int]] = {}
        self.columns: dict[str, array[Any]] = {
            name: array(np.dtype(kind).char, [0] if name in ("track_rows", "recordings", "name_ends") else [])
            for name, kind in ARRAYS.items()
            if name not in ("positions", "observed")
        }
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder = self.stack.enter_context(atomic_folder(self.path))
        joints = self.skeleton.num_joints
        self.positions = _Growing(
            self.folder / "positions.npy", np.dtype(self.dtype), (joints, self.axes), self.stack
        )
        self.observed = _Growing(self.folder / "observed.npy", np.dtype(np.uint8), (-(-joints // 8),), self.stack)
        return self

    def __len__(self) -> int:
        return len(self.columns["frames"])

    def add(self, sequence: SkeletonSequence) -> None:
        """Append one recording.

        Raises:
            InputError: its layout, axes or unit are not the store's, a value does not fit the dtype, or a name,
                label or tag is not text.
        """
        try:
            name = sequence.name.encode()
            "".join((sequence.label or "", *sequence.tags, *sequence.tags.values())).encode()
        except UnicodeEncodeError as error:
            raise InputError(
                "a name, label or tag has characters that are not text", where=f"recording {sequence.name!r}"
            ) from error
        if bad := [tag for tag in sequence.tags if not re.fullmatch(TAG, tag)]:
            where = f"recording {sequence.name!r}"
            raise InputError("not the name of a tag", where=where, expected="letters, digits, _ . -", got=bad[0])
        mine = (self.skeleton, self.axes, self.unit)
        its = (sequence.skeleton, sequence.positions.shape[3], sequence.unit)
        if its != mine:
            said = [f"{s.name}, {axes} axes, {unit}" for s, axes, unit in (mine, its)]
            raise InputError(
                "the recording does not fit the store",
                where=f"recording {sequence.name!r}",
                expected=said[0],
                got=said[1],
            )
        if sequence.observed.size > MAX_CELLS:
            got = f"{sequence.num_persons} persons and {sequence.num_frames} frames"
            raise InputError("too large a recording", where=f"recording {sequence.name!r}", got=got)
        with np.errstate(over="ignore"):
            values = sequence.positions.astype(self.dtype, copy=False)
        if not np.isfinite(values).all():
            largest = float(np.abs(sequence.positions).max())
            raise InputError(f"{largest:g} does not fit {self.dtype}", where=f"recording {sequence.name!r}")
        bits = np.packbits(sequence.observed, axis=2, bitorder="little")
        columns = self.columns
        for person in range(sequence.num_persons):
            seen = np.flatnonzero(sequence.observed[person].any(1))
            if len(seen):
                rows = slice(seen[0], seen[-1] + 1)
                self.positions.append(values[person, rows])
                self.observed.append(bits[person, rows])
                columns["track_starts"].append(seen[0])
                columns["track_rows"].append(self.positions.rows)
        columns["recordings"].append(len(columns["track_starts"]))
        columns["frames"].append(sequence.num_frames)
        columns["fps"].append(np.nan if sequence.fps is None else sequence.fps)
        label = sequence.label
        columns["labels"].append(-1 if label is None else self.classes.setdefault(label, len(self.classes)))
        columns["names"].frombytes(name)
        columns["name_ends"].append(len(columns["names"]))
        for tag in dict.fromkeys((*self.tags, *sequence.tags)):
            values_of = self.tags.setdefault(tag, {})
            column = self.codes.setdefault(tag, array("i", [-1]) * (len(self) - 1))
            value = sequence.tags.get(tag)
            column.append(-1 if value is None else values_of.setdefault(value, len(values_of)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._finish()
            except BaseException:
                self.stack.__exit__(*sys.exc_info())
                raise
        self.stack.__exit__(kind, error, traceback)

    def _finish(self) -> None:
        self.positions.close()
        self.observed.close()
        for name, column in (self.columns | {f"tag_{tag}": codes for tag, codes in self.codes.items()}).items():
            np.save(self.folder / f"{name}.npy", np.asarray(column), allow_pickle=False)
        files = sorted(self.folder.glob("*.npy"))
        manifest = Manifest(
            dataset=self.dataset,
            skeleton=self.skeleton.to_dict(),
            axes=self.axes,
            unit=self.unit,
            dtype=self.dtype,
            classes=tuple(self.classes),
            tags={tag: tuple(values) for tag, values in self.tags.items()},
            files={f.name: FileRecord(bytes=f.stat().st_size, sha256=file_sha256(f)) for f in files},
        )
        write_text(self.folder / MANIFEST, manifest.model_dump_json(indent=1))


class _Growing:
    """A `.npy` file whose first axis grows; the header is written last."""

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], stack: ExitStack) -> None:
        self.dtype, self.shape, self.rows = dtype, shape, 0
        self.file: BinaryIO = stack.enter_context(path.open("wb"))
        self.file.write(b"\0" * HEADER)

    def append(self, rows: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        self.rows += len(rows)

    def close(self) -> None:
        described = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.rows, *self.shape)}
        head = b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little")
        self.file.seek(0)
        self.file.write(head + str(described).ljust(HEADER - 11).encode() + b"\n")
        self.file.close()
