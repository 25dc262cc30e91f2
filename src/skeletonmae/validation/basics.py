"""The checks of units, axes, lengths and frame rates, which take seconds whatever the size of a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import BLOCK_ROWS, iter_blocks
from skeletonmae.validation.finding import Finding
from skeletonmae.validation.frame_rate import FrameRate
from skeletonmae.validation.left_right import Mirrored
from skeletonmae.validation.lengths import Long, Short
from skeletonmae.validation.recording_table import RecordingTable
from skeletonmae.validation.result import CheckCount, FindingCounter, format_finding
from skeletonmae.validation.units import Units, Upright

BASIC_CHECKS: tuple[Check, ...] = (Short(), Long(), FrameRate(), Units(), Upright(), Mirrored())
NUM_EXTREMES = 100
"""Shortest and longest recordings of a large store that are read whatever the sample."""


def check_basics(
    store: SequenceStore, max_recordings: int = 2000
) -> tuple[tuple[CheckCount, ...], tuple[Finding, ...]]:
    """Check units, axes, lengths and frame rates of a store.

    Args:
        store: store to check.
        max_recordings: of a larger store, so many recordings are read, evenly spaced, and the shortest and
            longest ones.

    Returns:
        The counts and the findings, as in `Validation`.
    """
    checks = RunningChecks(store.classes)
    for recording in _read(store, _choose(store, max_recordings).tolist()):
        checks.add(recording)
    return checks.results()


class RunningChecks:
    """Checks recordings as they pass by, of which only a block at a time is held in memory.

    Args:
        classes: The class names that labels may have; any if empty.
        checks: What to check.
    """

    def __init__(self, classes: Sequence[str] = (), checks: Sequence[Check] = BASIC_CHECKS) -> None:
        self.checks = tuple(checks)
        self.table, self.counter = RecordingTable(classes, index_contents=False), FindingCounter()
        self.pending: list[SkeletonSequence] = []
        self.num_rows = 0

    def add(self, recording: SkeletonSequence) -> None:
        """Check one more recording."""
        self.pending.append(recording)
        self.num_rows += recording.num_persons * recording.num_frames + 1
        if self.num_rows > BLOCK_ROWS:
            self._check_pending()

    def results(self) -> tuple[tuple[CheckCount, ...], tuple[Finding, ...]]:
        """Return the counts and the findings of all recordings, as in `Validation`; nothing can be added then."""
        self._check_pending()
        for check in self.checks:
            for finding in check.check_all(self.table):
                self.counter.add(finding)
        return self.counter.sorted_results([check.name for check in self.checks])

    def _check_pending(self) -> None:
        for block in iter_blocks(self.pending):
            columns: dict[str, np.ndarray] = {}
            for check in self.checks:
                for finding in check.check_block(block):
                    self.counter.add(finding)
                columns |= check.measure(block)
            self.table.sides += [""] * len(block.recordings)
            self.table.add(block, columns)
        self.pending, self.num_rows = [], 0


def describe_warnings(counts: tuple[CheckCount, ...], findings: tuple[Finding, ...]) -> list[str]:
    """One line per check that found an error or a warning: the first finding, and how many more there are."""
    first = {(finding.check, finding.severity): finding for finding in reversed(findings)}
    lines = []
    for count in counts:
        if count.severity != "note":
            more = f" (and {count.findings - 1} more findings)" if count.findings > 1 else ""
            lines.append(f"{count.check}: {format_finding(first[count.check, count.severity])}{more}")
    return lines


def _choose(store: SequenceStore, max_recordings: int) -> np.ndarray:
    if len(store) <= max_recordings:
        return np.arange(len(store))
    by_length = np.argsort(store.num_frames, kind="stable")
    spaced = np.linspace(0, len(store) - 1, max_recordings).round().astype(np.int64)
    return np.unique(np.concatenate([spaced, by_length[:NUM_EXTREMES], by_length[-NUM_EXTREMES:]]))


def _read(store: SequenceStore, indices: Iterable[int]) -> Iterator[SkeletonSequence]:
    """Yield recordings of a store; a damaged one is left to `validate_store`."""
    for index in indices:
        try:
            recording = store[index]
        except InputError:
            continue
        yield recording
