"""A store in memory, for recordings that are used once, such as those to classify."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skeletonmae.sequences.shard import Shard
from skeletonmae.sequences.store import SequenceStore
from skeletonmae.sequences.store_columns import StoreColumns
from skeletonmae.skeletons import Skeleton

IN_MEMORY = Path("recordings in memory")
"""What messages name in place of the folder of a store."""


class MemoryStoreBuilder(StoreColumns):
    """Collects recordings for a store in memory, with the arrays that `StoreWriter` would write.

    For example::

        builder = MemoryStoreBuilder(recordings[0].skeleton)
        for recording in recordings:
            builder.add(recording)
        store = builder.build()

    Args:
        skeleton: Layout of every recording.
        axes: Number of coordinates per joint.
        unit: Unit of the coordinates.
        classes: Names of the expected labels, in the order of their indices. Any other label is appended.
        dtype: Type of the coordinates in the store.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        *,
        axes: Literal[2, 3] = 3,
        unit: str = "m",
        classes: Sequence[str] = (),
        dtype: Literal["float32", "float16"] = "float32",
    ) -> None:
        super().__init__(skeleton, axes=axes, unit=unit, classes=classes, dtype=dtype, where=IN_MEMORY)
        num_joints = skeleton.num_joints
        self.positions: _RowList = _RowList(np.dtype(dtype), (num_joints, axes))
        self.observed: _RowList = _RowList(np.dtype(np.uint8), (-(-num_joints // 8),))

    @property
    def num_bytes(self) -> int:
        """Bytes of the coordinates so far."""
        return self.positions.num_bytes

    def build(self) -> SequenceStore:
        """Return the store; no recording can be added afterwards."""
        rows = {"positions": self.positions.concat(), "observed": self.observed.concat()}
        return SequenceStore([Shard(IN_MEMORY, self.manifest({}), rows | self.index_arrays())])


class _RowList:
    """An array in memory that grows by rows."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.dtype, self.row_shape, self.num_rows = dtype, shape, 0
        self.parts: list[np.ndarray] = []

    @property
    def num_bytes(self) -> int:
        """Size of the array."""
        return self.num_rows * math.prod(self.row_shape) * self.dtype.itemsize

    def append(self, rows: np.ndarray) -> None:
        """Append rows; they are copied, because the caller may change them."""
        self.parts.append(np.array(rows, dtype=self.dtype))
        self.num_rows += len(rows)

    def truncate(self, num_rows: int) -> None:
        """Remove the rows after the first `num_rows`."""
        while self.num_rows > num_rows:
            last = self.parts.pop()
            self.num_rows -= len(last)

    def concat(self) -> np.ndarray:
        """Return all rows, and forget the parts."""
        empty = np.zeros((0, *self.row_shape), self.dtype)
        parts, self.parts = self.parts, []
        return np.concatenate([empty, *parts])
