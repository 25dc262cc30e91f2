"""What is kept of every recording that was validated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.near_duplicates import ContentIndex


class RecordingTable:
    """Names, labels and measurements of all recordings: a few kilobytes each, never the coordinates.

    Args:
        classes: the class names that labels may have; any if empty.
        group_tag: a tag whose values must not be on both sides of the split, such as `subject`.
        against: table of other recordings, which must share nothing with these.
        index_contents: whether to index the coordinates, which the checks for equal content need.
    """

    def __init__(
        self,
        classes: Sequence[str] = (),
        *,
        group_tag: str | None = None,
        against: RecordingTable | None = None,
        index_contents: bool = True,
    ) -> None:
        self.classes, self.group_tag, self.against = tuple(classes), group_tag, against
        self.index_contents = index_contents
        self.names: list[str] = []
        self.paths: Sequence[Path] = ()
        """The file of each recording; empty if they are not known."""
        self.labels: list[str | None] = []
        self.subjects: list[str] = []
        self.sides: list[str] = []
        self.datasets: frozenset[str] = frozenset()
        self.contents = ContentIndex()
        self.num_frames = 0
        self.kinds: Counter[tuple[str, int, str]] = Counter()
        """Number of recordings of each layout, number of axes and unit."""
        self._columns: dict[str, list[np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.names)

    def add(self, block: RecordingBlock, columns: dict[str, np.ndarray]) -> None:
        """Add the recordings of `block` with the measurements in `columns`: `(recording, ...)` arrays by name."""
        for index, recording in enumerate(block.recordings):
            self.names.append(block.recording_name(index))
            self.labels.append(recording.label)
            self.subjects.append(recording.tags.get("subject", ""))
            self.num_frames += recording.num_frames
            self.kinds[recording.skeleton.name, recording.positions.shape[3], recording.unit] += 1
        if self.index_contents:
            self.contents.add(block)
        for name, values in columns.items():
            self._columns.setdefault(name, []).append(values)

    def column(self, name: str) -> np.ndarray:
        """The measurement `name` of all recordings."""
        parts = self._columns.get(name, [np.zeros(0)])
        if len(parts) > 1:
            self._columns[name] = parts = [np.concatenate(parts)]
        return parts[0]

    @cached_property
    def split(self) -> np.ndarray:
        """Side of each recording: `train`, `test`, `pretrain` or empty. Read it only after all were added."""
        return np.array(self.sides, dtype="<U8")
