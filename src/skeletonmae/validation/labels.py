"""Labels, classes and how they are balanced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import Finding, Severity, listed

FEW = 5
"""Recordings of a class under which it is named."""
UNEVEN, VERY_UNEVEN = 10, 100
"""The largest class over the smallest."""


class Labels(Check):
    """A label that is not among the classes: an error. Two labels that differ only in how they are written
    (capitals, spaces, `-` or `_`): a warning. No label: a note.
    """

    name = "labels"

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """What is wrong with the labels."""
        known = set(catalogue.classes)
        if known:
            for name, label in zip(catalogue.names, catalogue.labels, strict=True):
                if label is not None and label not in known:
                    expected = f"one of {len(known)} classes"
                    yield self.finding("error", f"label {label!r} is not {expected}", name)
        counts = Counter(label for label in catalogue.labels if label is not None)
        alike: dict[str, list[str]] = {}
        for label in counts:
            alike.setdefault("".join(c for c in label.casefold() if c not in " -_"), []).append(label)
        for labels in alike.values():
            if len(labels) > 1:
                what = f"these labels may be one: {listed([repr(label) for label in labels])}"
                yield self.finding("warning", what, recordings=min(counts[label] for label in labels))
        if missing := len(catalogue) - counts.total():
            what = f"no label in {missing} of {len(catalogue)} recordings"
            yield self.finding("note", what, recordings=missing)


class Mixture(Check):
    """Recordings of more than one layout, number of axes or unit: an error, since one store holds one of each."""

    name = "mixture"

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """Which kinds there are."""
        if len(kinds := catalogue.kinds) < 2:
            return
        said = [f"{num} of {name}, {axes} axes, {unit}" for (name, axes, unit), num in kinds.most_common()]
        what = f"{listed(said)}; to bring them together: --convert-to LAYOUT, --axes 2, --unit unknown"
        yield self.finding("error", what, recordings=len(catalogue) - max(kinds.values()))


class Classes(Check):
    """How many recordings a class has: none, or some for testing and none for training, is a warning.

    Fewer than 5, or the largest class 10 times the smallest, is a note; 100 times is a warning, since then an
    accuracy says next to nothing of the small classes.
    """

    name = "classes"

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """What is uneven."""
        counts = class_counts(catalogue)
        if not counts:
            return
        if missing := [name for name, (number, _, _) in counts.items() if not number]:
            yield self.finding("warning", f"no recording of {listed(missing)}", recordings=0)
        there = {name: number for name, (number, _, _) in counts.items() if number}
        if few := [f"{name} ({number})" for name, number in there.items() if number < FEW]:
            what = f"fewer than {FEW} recordings of {listed(few)}"
            yield self.finding("note", what, recordings=sum(n for n in there.values() if n < FEW))
        if len(there) > 1:
            most, least = max(there, key=there.__getitem__), min(there, key=there.__getitem__)
            if there[most] >= UNEVEN * there[least]:
                severity: Severity = "warning" if there[most] >= VERY_UNEVEN * there[least] else "note"
                what = f"{there[most]} recordings of {most}, {there[least]} of {least}"
                yield self.finding(severity, what, recordings=there[least])
        if (catalogue.split != "").any():
            untrained = [name for name, (_, train, test) in counts.items() if test and not train]
            untested = [name for name, (_, train, test) in counts.items() if train and not test]
            if untrained:
                number = sum(counts[name][2] for name in untrained)
                yield self.finding("warning", f"for testing only: {listed(untrained)}", recordings=number)
            if untested:
                number = sum(counts[name][1] for name in untested)
                yield self.finding("note", f"for training only: {listed(untested)}", recordings=number)


def class_counts(catalogue: Catalogue) -> dict[str, tuple[int, int, int]]:
    """Class -> recordings in all, for training, for testing; the known classes first."""
    found = dict.fromkeys((*catalogue.classes, *filter(None, catalogue.labels)))
    place = {name: number for number, name in enumerate(found)}
    label = np.array([place[name] if name else -1 for name in catalogue.labels], dtype=np.int64)
    sides = (slice(None), catalogue.split == "train", catalogue.split == "test")
    all_, train, test = (np.bincount(label[side] + 1, minlength=len(place) + 1)[1:].tolist() for side in sides)
    return dict(zip(place, zip(all_, train, test, strict=True), strict=True))
