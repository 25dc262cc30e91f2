"""Content, subjects and names that are on both sides of a split, or in two stores."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.base import Check
from skeletonmae.validation.finding import Finding, Severity, join_names, pluralize
from skeletonmae.validation.near_duplicates import MATCH_TEXT, find_copies, incomparable_layouts
from skeletonmae.validation.recording_table import RecordingTable

FAMILIES = {"ntu60": "ntu", "ntu120": "ntu"}
"""Datasets that name the same recordings alike, and what they are part of; any other is a family of its own."""


class Leaks(Check):
    """Test recordings whose content is also in the training set: an error; nearly the same content: a warning.

    Content is compared as in `duplicates`; common frames are an error too. The training set includes recordings
    without a label that are pre-trained on. A subject on both sides is an error if the split is by subject, else a
    note; subjects are compared without capitals, leading zeros and spaces.

    With a second store, the one that was pre-trained on, the test recordings (all recordings if there is no split)
    must not be in it. If both are of one dataset, or of NTU RGB+D 60 and 120, common names are a warning, and
    common subjects a note, or a warning if the split is by subject.
    """

    name = "leaks"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one finding per leaked recording, and one for all common subjects."""
        test = np.flatnonzero(table.split == "test")
        train = np.flatnonzero(np.isin(table.split, ("train", "pretrain")))
        if len(train) and len(test):
            yield from self._content(table, test, table, train, "in the training set")
            severity: Severity = "error" if table.group_tag == "subject" else "note"
            yield from self._subjects(table, test, table, train, severity, "on both sides of the split")
        if table.against is not None:
            other = table.against
            index, other_index = test if len(test) else np.arange(len(table)), np.arange(len(other))
            where = "in the other store"
            yield from self._content(table, index, other, other_index, where)
            for message, num_recordings in incomparable_layouts(table.contents, other.contents):
                yield self.finding("note", message, recordings=num_recordings)
            if _families(table) & _families(other):
                common = sorted({table.names[number] for number in index} & set(other.names))
                if common:
                    message = f"names that are also {where}: {join_names(common)}"
                    yield self.finding("warning", message, recordings=len(common))
                severity = "warning" if table.group_tag == "subject" else "note"
                yield from self._subjects(table, index, other, other_index, severity, f"both here and {where}")

    def _content(
        self, table: RecordingTable, index: np.ndarray, other: RecordingTable, other_index: np.ndarray, where: str
    ) -> Iterator[Finding]:
        for match in find_copies(table.contents, index, other.contents, other_index):
            name = other.names[match.other_index]
            message = f"{MATCH_TEXT[match.kind]} {name}, which is {where}; remove one of the two"
            yield self.finding("warning" if match.kind == "near" else "error", message, table.names[match.index])

    def _subjects(
        self,
        table: RecordingTable,
        index: np.ndarray,
        other: RecordingTable,
        other_index: np.ndarray,
        severity: Severity,
        where: str,
    ) -> Iterator[Finding]:
        subjects, other_subjects = (
            {_normalize_subject(each.subjects[number]): None for number in numbers}
            for each, numbers in ((table, index), (other, other_index))
        )
        common = [name for name in subjects if name and name in other_subjects]
        if common:
            known = set(common)
            count = sum(_normalize_subject(table.subjects[number]) in known for number in index)
            message = f"{pluralize(len(common), 'subject')} {where}: {join_names(common)}"
            yield self.finding(severity, message, recordings=count)


def _families(table: RecordingTable) -> set[str]:
    return {FAMILIES.get(name, name) for name in table.datasets}


def _normalize_subject(subject: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)|\s", "", subject.casefold())
