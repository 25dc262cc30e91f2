"""What `prepare` says of the files it met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skeletonmae.config import Config
from skeletonmae.sequences import SequenceStore, SkeletonSequence

REPORT = "report.json"


class Dropped(Config):
    """A file, or a recording in it, that is not in the store."""

    file: str
    reason: str


class Odd(Config):
    """A recording that is in the store and may not be what was meant."""

    recording: str
    what: str


class Report(Config):
    """What became of the files; kept as `report.json` in the store's folder."""

    dataset: str
    recordings: int
    frames: int
    classes: dict[str, int]
    """Recordings of each class."""
    unlabelled: int
    conversion: str = ""
    """How the joints were converted, a line a joint; empty if they were not."""
    dropped: tuple[Dropped, ...]
    odd: tuple[Odd, ...]

    @classmethod
    def of(cls, store: SequenceStore, notes: Sequence[Dropped | Odd], dataset: str, conversion: str) -> Report:
        """What is in the store, and what was noted on the way, in its order."""
        unlabelled, *counts = np.bincount(store.labels + 1, minlength=len(store.classes) + 1).tolist()
        return cls(
            dataset=dataset,
            recordings=len(store),
            frames=int(store.num_frames.sum()),
            classes=dict(zip(store.classes, counts, strict=True)),
            unlabelled=unlabelled,
            conversion=conversion,
            dropped=tuple(note for note in notes if isinstance(note, Dropped)),
            odd=tuple(note for note in notes if isinstance(note, Odd)),
        )


def odd(sequence: SkeletonSequence) -> Iterator[Odd]:
    """What is odd about a recording, its reader's notes included."""
    if sequence.num_frames < 2:
        yield Odd(recording=sequence.name, what="one frame" if sequence.num_frames else "no frame")
    if not sequence.observed.any():
        yield Odd(recording=sequence.name, what="nothing observed")
    for note in sequence.notes:
        yield Odd(recording=sequence.name, what=note)
