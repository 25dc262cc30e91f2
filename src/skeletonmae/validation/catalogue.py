"""What is kept of every recording that went by: a name, a label and a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from skeletonmae.validation.block import Block
from skeletonmae.validation.contents import Contents


class Catalogue:
    """The memory of a validation: at most some kilobytes a recording, never its coordinates.

    Args:
        classes: the names of actions that may come; empty if any may.
        apart: a tag of which no value may be on both sides of the split, such as `subject`.
        against: what was kept of other recordings, which should share nothing with these.
    """

    def __init__(
        self, classes: Sequence[str] = (), *, apart: str | None = None, against: Catalogue | None = None
    ) -> None:
        self.classes, self.apart, self.against = tuple(classes), apart, against
        self.names: list[str] = []
        self.labels: list[str | None] = []
        self.subjects: list[str] = []
        self.sides: list[str] = []
        self.datasets: frozenset[str] = frozenset()
        self.contents = Contents()
        self.frames = 0
        self.kinds: Counter[tuple[str, int, str]] = Counter()
        """Recordings of each layout, number of axes and unit."""
        self._columns: dict[str, list[np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.names)

    def add(self, block: Block, columns: dict[str, np.ndarray]) -> None:
        """Keep what `columns` says of each recording of `block`: `(recording, ...)` arrays by name."""
        for place, one in enumerate(block.recordings):
            self.names.append(block.name(place))
            self.labels.append(one.label)
            self.subjects.append(one.tags.get("subject", ""))
            self.frames += one.num_frames
            self.kinds[one.skeleton.name, one.positions.shape[3], one.unit] += 1
        self.contents.add(block)
        for name, values in columns.items():
            self._columns.setdefault(name, []).append(values)

    def column(self, name: str) -> np.ndarray:
        """What was measured under `name`, of all recordings."""
        parts = self._columns.get(name, [np.zeros(0)])
        if len(parts) > 1:
            self._columns[name] = parts = [np.concatenate(parts)]
        return parts[0]

    @cached_property
    def split(self) -> np.ndarray:
        """The side of each recording, `train`, `test`, `pretrain` or nothing; for when all are there."""
        return np.array(self.sides, dtype="<U8")
