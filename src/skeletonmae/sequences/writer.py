"""Write a store: recordings are streamed to disk, and the folder appears when it is complete."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

import numpy as np

from skeletonmae.files import atomic_folder, write_text
from skeletonmae.sequences.manifest import MANIFEST, NPY_HEADER_BYTES, record_files
from skeletonmae.sequences.store_columns import StoreColumns
from skeletonmae.skeletons import Skeleton


class StoreWriter(StoreColumns):
    """Context manager that writes recordings to a new store.

    The store is written atomically: the folder appears at `path` only if the block ends without an error.

    Args:
        path: The folder to create.
        skeleton: Layout of every recording.
        axes: Number of coordinates per joint.
        unit: Unit of the coordinates.
        classes: Names of the expected labels, in the order of their indices. Any other label is appended.
        dataset: Name of the dataset, for the manifest.
        dtype: float32, or float16 to halve the size (with an error of up to 1 mm at 3 m).

    Raises:
        FileExistsError: `path` already exists and is not empty.
        InputError: The unit is not one of `UNITS`.
    """

    positions: _NpyAppender
    observed: _NpyAppender

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
        self.path = Path(path)
        super().__init__(skeleton, axes=axes, unit=unit, classes=classes, dataset=dataset, dtype=dtype, where=path)
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder = self.stack.enter_context(atomic_folder(self.path))
        folder, num_joints = self.folder, self.skeleton.num_joints
        row_bytes = -(-num_joints // 8)
        dtype = np.dtype(self.dtype)
        self.positions = _NpyAppender(folder / "positions.npy", dtype, (num_joints, self.axes), self.stack)
        self.observed = _NpyAppender(folder / "observed.npy", np.dtype(np.uint8), (row_bytes,), self.stack)
        return self

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
        for name, column in self.index_arrays().items():
            np.save(self.folder / f"{name}.npy", column, allow_pickle=False)
        manifest = self.manifest(record_files(self.folder))
        write_text(self.folder / MANIFEST, manifest.model_dump_json(indent=1))


class _NpyAppender:
    """A `.npy` file to which rows are appended; the header is written last."""

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], stack: ExitStack) -> None:
        self.dtype, self.row_shape, self.num_rows = dtype, shape, 0
        self.file: BinaryIO = stack.enter_context(path.open("wb"))
        self.file.write(b"\0" * NPY_HEADER_BYTES)

    def append(self, rows: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        self.num_rows += len(rows)

    def truncate(self, num_rows: int) -> None:
        """Remove the rows after the first `num_rows`."""
        row_bytes = math.prod(self.row_shape) * self.dtype.itemsize
        self.file.seek(NPY_HEADER_BYTES + num_rows * row_bytes)
        self.file.truncate()
        self.num_rows = num_rows

    def close(self) -> None:
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.num_rows, *self.row_shape)}
        prefix = b"\x93NUMPY\x01\x00" + (NPY_HEADER_BYTES - 10).to_bytes(2, "little")
        self.file.seek(0)
        self.file.write(prefix + str(header).ljust(NPY_HEADER_BYTES - 11).encode() + b"\n")
        self.file.close()
