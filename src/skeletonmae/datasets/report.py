"""The report that `prepare` writes: what is in the store, and which files were skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skeletonmae.config import Config
from skeletonmae.sequences import SequenceStore, SkeletonSequence

REPORT = "report.json"


SkipKind = Literal["unread", "unreadable", "mismatch", "duplicate_name", "single_frame"]
"""Not read by the dataset; read with an error; of another layout, unit or number of axes than the store; with the
name of another recording; a single frame of a recording."""


class SkippedFile(Config):
    """A file, or a recording in it, that is not in the store."""

    file: str
    reason: str
    kind: SkipKind = "unreadable"
    layout: str = ""
    """Of `mismatch`: layout, number of axes and unit of the recording."""


class RecordingNote(Config):
    """A remark on a recording that is in the store but may not be what was intended."""

    recording: str
    message: str


class LayoutConversion(Config):
    """How the joints of recordings with another layout were derived."""

    recording: str
    """The first recording with this layout."""
    text: str
    """`skeletons.Conversion.report`."""


class ReportFinding(Config):
    """What the checks of units, axes, lengths and frame rates found in the store."""

    check: str
    severity: str
    message: str
    recording: str = ""
    recordings: int = 1


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
    """How the joints were converted, one line per joint, for every layout that was met; empty if they were not."""
    skipped: tuple[SkippedFile, ...]
    """What could have held recordings and is not in the store."""
    ignored: tuple[SkippedFile, ...] = ()
    """Files that hold no recordings, such as hidden files, documents and pictures."""
    notes: tuple[RecordingNote, ...]
    findings: tuple[ReportFinding, ...] = ()
    """Added by the command `prepare`; `validate` makes many more checks."""

    @classmethod
    def from_store(
        cls,
        store: SequenceStore,
        remarks: Sequence[SkippedFile | RecordingNote | LayoutConversion],
        dataset: str,
        conversion: str,
        ignored: Sequence[SkippedFile] = (),
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
            ignored=tuple(ignored),
            skipped=tuple(remark for remark in remarks if isinstance(remark, SkippedFile)),
            notes=tuple(remark for remark in remarks if isinstance(remark, RecordingNote)),
        )

    def with_findings(self, findings: Iterable[Any]) -> PrepareReport:
        """Return the report with `findings` of `validation`, which may not be imported here."""
        keys = ReportFinding.model_fields
        rows = [ReportFinding(**{key: getattr(finding, key) for key in keys}) for finding in findings]
        return self.model_copy(update={"findings": tuple(rows)})


def skipped_file(path: Path, reason: str, root: Path) -> SkippedFile:
    """The line of the report about a file that was not read."""
    return SkippedFile(file=report_name(path, root), reason=replace_surrogates(reason), kind="unread")


def report_name(path: Path, root: Path) -> str:
    """The path of a file in the report: relative to the folder or archive that was read."""
    is_inside = path != root and path.is_relative_to(root)
    return replace_surrogates(path.relative_to(root) if is_inside else path)


def replace_surrogates(value: object) -> str:
    """Text that can be written as UTF-8; a file name may hold bytes that are none."""
    return str(value).encode(errors="replace").decode()


def recording_notes(sequence: SkeletonSequence) -> Iterator[RecordingNote]:
    """Yield what is unusual about a recording, including the notes of its reader."""
    if sequence.num_frames < 2:
        yield RecordingNote(recording=sequence.name, message="one frame" if sequence.num_frames else "no frame")
    if not sequence.observed.any():
        yield RecordingNote(recording=sequence.name, message="nothing observed")
    for note in sequence.notes:
        yield RecordingNote(recording=sequence.name, message=note)
