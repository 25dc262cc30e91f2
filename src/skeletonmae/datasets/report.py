"""The report that `prepare` writes: what is in the store, and which files were skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skeletonmae.config import Config
from skeletonmae.sequences import SequenceStore, SkeletonSequence

REPORT = "report.json"


class SkippedFile(Config):
    """A file, or a recording in it, that is not in the store."""

    file: str
    reason: str


class RecordingNote(Config):
    """A remark on a recording that is in the store but may not be what was intended."""

    recording: str
    message: str


class PrepareReport(Config):
    """The outcome of `prepare`, kept as `report.json` in the folder of the store."""

    dataset: str
    recordings: int
    frames: int
    classes: dict[str, int]
    """Number of recordings of each class."""
    unlabeled: int
    """Number of recordings without a label."""
    conversion: str = ""
    """How the joints were converted, one line per joint; empty if they were not."""
    skipped: tuple[SkippedFile, ...]
    notes: tuple[RecordingNote, ...]

    @classmethod
    def from_store(
        cls, store: SequenceStore, remarks: Sequence[SkippedFile | RecordingNote], dataset: str, conversion: str
    ) -> PrepareReport:
        """Count what is in `store`, and sort the remarks by kind, each kind in the given order."""
        unlabeled, *counts = np.bincount(store.labels + 1, minlength=len(store.classes) + 1).tolist()
        return cls(
            dataset=dataset,
            recordings=len(store),
            frames=int(store.num_frames.sum()),
            classes=dict(zip(store.classes, counts, strict=True)),
            unlabeled=unlabeled,
            conversion=conversion,
            skipped=tuple(remark for remark in remarks if isinstance(remark, SkippedFile)),
            notes=tuple(remark for remark in remarks if isinstance(remark, RecordingNote)),
        )


def recording_notes(sequence: SkeletonSequence) -> Iterator[RecordingNote]:
    """Yield what is unusual about a recording, including the notes of its reader."""
    if sequence.num_frames < 2:
        yield RecordingNote(recording=sequence.name, message="one frame" if sequence.num_frames else "no frame")
    if not sequence.observed.any():
        yield RecordingNote(recording=sequence.name, message="nothing observed")
    for note in sequence.notes:
        yield RecordingNote(recording=sequence.name, message=note)
