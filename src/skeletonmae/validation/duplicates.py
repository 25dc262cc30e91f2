"""Recordings that occur twice, and names that do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.base import Check
from skeletonmae.validation.finding import Finding, Severity, join_names
from skeletonmae.validation.near_duplicates import MATCH_TEXT, Match, find_copies, incomparable_layouts
from skeletonmae.validation.recording_table import RecordingTable


class Duplicates(Check):
    """Recordings with the same content: a warning, and an error if their labels differ.

    Recordings are the same if the hashes of the positions and flags of all tracks are equal; unobserved frames
    before and after, and the order of the persons, do not matter. Recordings share frames if at least four of
    their sixteen smallest frame hashes are equal: pieces of one recording, at half the frame rate, in another
    layout. Differing labels are no error then, since actions may overlap. Recordings are nearly the same if the
    distances between their shoulders, elbows, wrists, hips, knees and ankles over time differ by less than 4 % of
    how much they move: turned, mirrored, moved, scaled, rounded, converted, without the third axis.

    In five real datasets the most similar takes of one gesture by one person differ by 4.3 % and more.
    docs/validation.md lists which planted copies are found.
    """

    name = "duplicates"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one finding per recording that copies an earlier one."""
        contents, index = table.contents, np.arange(len(table))
        for match in find_copies(contents, index, contents, index):
            yield self._pair(table, match)
        for message, num_recordings in incomparable_layouts(contents, contents):
            yield self.finding("note", message, recordings=num_recordings)

    def _pair(self, table: RecordingTable, match: Match) -> Finding:
        name, label, other_label = (
            table.names[match.index],
            table.labels[match.index],
            table.labels[match.other_index],
        )
        other = table.names[match.other_index]
        if table.paths and other == name:
            other = f"the one in {table.paths[match.other_index]} (this one is in {table.paths[match.index]})"
        message = f"{MATCH_TEXT[match.kind]} {other}"
        if None in (label, other_label) or label == other_label:
            advice = "look at both" if match.kind == "near" else "remove one of the two"
            return self.finding("warning", f"{message}; {advice}", name)
        severity: Severity = "warning" if match.kind == "frames" else "error"
        labels = f"but its label is {label} and not {other_label}"
        return self.finding(severity, f"{message}, {labels}; correct one label, or remove one recording", name)


class Names(Check):
    """Recordings with the same name: a warning, since a name no longer identifies one of them."""

    name = "names"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one finding per duplicated name."""
        paths: dict[str, list[str]] = {name: [] for name, count in Counter(table.names).items() if count > 1}
        for name, path in zip(table.names, table.paths, strict=False):
            if name in paths:
                paths[name].append(str(path))
        for name, count in Counter(table.names).items():
            if count > 1:
                where = f" ({join_names(list(dict.fromkeys(paths[name])))})" if paths[name] else ""
                message = f"{count} recordings have this name{where}; rename them"
                yield self.finding("warning", message, name, recordings=count)
