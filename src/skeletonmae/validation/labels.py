"""Labels, and how many recordings each class has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.base import Check
from skeletonmae.validation.finding import Finding, Severity, join_names
from skeletonmae.validation.recording_table import RecordingTable

MIN_PER_CLASS = 5
"""A class with fewer recordings is reported."""
IMBALANCED, SEVERELY_IMBALANCED = 10, 100
"""Size of the largest class over that of the smallest."""


class Labels(Check):
    """A label that is not one of the classes: an error. Labels that differ only in capitals, spaces, `-` or `_`: a
    warning. Recordings without a label: a note.
    """

    name = "labels"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield what is wrong with the labels."""
        classes = set(table.classes)
        if classes:
            for name, label in zip(table.names, table.labels, strict=True):
                if label is not None and label not in classes:
                    problem = f"the label {label!r} is not one of the {len(classes)} classes"
                    message = f"{problem}; correct it, or remove it to use the recording for pre-training only"
                    yield self.finding("error", message, name)
        counts = Counter(label for label in table.labels if label is not None)
        spellings: dict[str, list[str]] = {}
        for label in counts:
            spellings.setdefault("".join(c for c in label.casefold() if c not in " -_"), []).append(label)
        for labels in spellings.values():
            if len(labels) > 1:
                listed = join_names([repr(label) for label in labels])
                message = f"these labels may be spellings of one class: {listed}; if so, use one of them"
                yield self.finding("warning", message, recordings=min(counts[label] for label in labels))
        if num_unlabeled := len(table) - counts.total():
            message = (
                f"{num_unlabeled} of {len(table)} recordings have no label; they can be used for pre-training only"
            )
            yield self.finding("note", message, recordings=num_unlabeled)


class MixedRecordings(Check):
    """Recordings of more than one layout, number of axes or unit: an error, since a store holds one of each."""

    name = "mixture"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one finding that lists what is mixed."""
        if len(kinds := table.kinds) < 2:
            return
        listed = [
            f"{count} of {layout}, {axes} axes, {unit}" for (layout, axes, unit), count in kinds.most_common()
        ]
        message = f"{join_names(listed)}; to make them equal, use --convert-to LAYOUT, --axes 2 or --unit unknown"
        yield self.finding("error", message, recordings=len(table) - max(kinds.values()))


class Classes(Check):
    """A class without recordings, or with some on the test side and none on the training side: a warning.

    Fewer than 5 recordings, or a largest class 10 times the size of the smallest, is a note; 100 times is a
    warning, since accuracy then says next to nothing about the small classes.
    """

    name = "classes"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield missing, small and imbalanced classes."""
        counts = class_counts(table)
        if not counts:
            return
        if missing := [name for name, (total, _, _) in counts.items() if not total]:
            message = f"no recording of {join_names(missing)}; results will not cover all classes"
            yield self.finding("warning", message, recordings=0)
        present = {name: total for name, (total, _, _) in counts.items() if total}
        if small := [f"{name} ({total})" for name, total in present.items() if total < MIN_PER_CLASS]:
            message = (
                f"fewer than {MIN_PER_CLASS} recordings of {join_names(small)}; their accuracies prove little"
            )
            num_recordings = sum(total for total in present.values() if total < MIN_PER_CLASS)
            yield self.finding("note", message, recordings=num_recordings)
        if len(present) > 1:
            largest, smallest = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
            ratio = present[largest] / present[smallest]
            if ratio >= IMBALANCED:
                severity: Severity = "warning" if ratio >= SEVERELY_IMBALANCED else "note"
                counts_text = f"{present[largest]} recordings of {largest}, but {present[smallest]} of {smallest}"
                message = f"{counts_text}; compare accuracies of each class"
                yield self.finding(severity, message, recordings=present[smallest])
        if (table.split != "").any():
            test_only = [name for name, (_, train, test) in counts.items() if test and not train]
            train_only = [name for name, (_, train, test) in counts.items() if train and not test]
            if test_only:
                num_recordings = sum(counts[name][2] for name in test_only)
                listed = join_names(test_only)
                message = f"classes on the test side only: {listed}; they cannot be learned, choose another split"
                yield self.finding("warning", message, recordings=num_recordings)
            if train_only:
                num_recordings = sum(counts[name][1] for name in train_only)
                message = f"classes on the training side only: {join_names(train_only)}"
                yield self.finding("note", message, recordings=num_recordings)


def class_counts(table: RecordingTable) -> dict[str, tuple[int, int, int]]:
    """Number of recordings of each class: in all, for training, for testing. The known classes come first."""
    names = dict.fromkeys((*table.classes, *filter(None, table.labels)))
    index = {name: number for number, name in enumerate(names)}
    labels = np.array([index[name] if name else -1 for name in table.labels], dtype=np.int64)
    sides = (slice(None), table.split == "train", table.split == "test")
    total, train, test = (np.bincount(labels[side] + 1, minlength=len(index) + 1)[1:].tolist() for side in sides)
    return dict(zip(index, zip(total, train, test, strict=True), strict=True))
