"""What is on both sides of a split, or in two stores that should share nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.copies import WORDS, copies, incomparable
from skeletonmae.validation.finding import Finding, Severity, listed, many

FAMILY = {"ntu60": "ntu", "ntu120": "ntu"}
"""Dataset -> what it is a part of, where all parts use the same names; others are by themselves."""


class Leaks(Check):
    """Recordings for testing whose content is among those for training: an error; nearly so: a warning.

    The same content, or nearly the same, as for duplicates. A subject on both sides is an error where the split
    is meant to be by subject, else a note; names of subjects are compared without capitals, leading zeros and
    spaces.

    For training is also what has no label and is pre-trained on. Common frames are an error too.

    Against a second store (the one to pre-train on), recordings here must not be there: those for testing if
    there is a split, else all. If both are of one dataset, or of NTU RGB+D 60 and 120, which name the same
    recordings alike, shared names are a warning, shared subjects a note, and a warning where the split is by
    subject.
    """

    name = "leaks"

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """One finding a recording, one for all subjects."""
        test = np.flatnonzero(catalogue.split == "test")
        train = np.flatnonzero(np.isin(catalogue.split, ("train", "pretrain")))
        if len(train) and len(test):
            yield from self._content(catalogue, test, catalogue, train, "for training")
            severity: Severity = "error" if catalogue.apart == "subject" else "note"
            yield from self._subjects(catalogue, test, catalogue, train, severity, "on both sides of the split")
        if catalogue.against is not None:
            other = catalogue.against
            mine, its = test if len(test) else np.arange(len(catalogue)), np.arange(len(other))
            where = "in the other store"
            yield from self._content(catalogue, mine, other, its, where)
            for what, many_here in incomparable(catalogue.contents, other.contents):
                yield self.finding("note", what, recordings=many_here)
            if _families(catalogue) & _families(other):
                shared = sorted({catalogue.names[number] for number in mine} & set(other.names))
                if shared:
                    what = f"names that are {where} too: {listed(shared)}"
                    yield self.finding("warning", what, recordings=len(shared))
                severity = "warning" if catalogue.apart == "subject" else "note"
                yield from self._subjects(catalogue, mine, other, its, severity, f"here and {where}")

    def _content(
        self, here: Catalogue, mine: np.ndarray, there: Catalogue, its: np.ndarray, where: str
    ) -> Iterator[Finding]:
        for number, other, how in copies(here.contents, mine, there.contents, its):
            what = f"{WORDS[how]} {there.names[other]}, which is {where}"
            yield self.finding("warning" if how == "near" else "error", what, here.names[number])

    def _subjects(
        self, here: Catalogue, mine: np.ndarray, there: Catalogue, its: np.ndarray, severity: Severity, where: str
    ) -> Iterator[Finding]:
        subjects = [
            {_plain(each.subjects[n]): None for n in places} for each, places in ((here, mine), (there, its))
        ]
        shared = [name for name in subjects[0] if name and name in subjects[1]]
        if shared:
            known = set(shared)
            count = sum(_plain(here.subjects[number]) in known for number in mine)
            what = f"{many(len(shared), 'subject')} {where}: {listed(shared)}"
            yield self.finding(severity, what, recordings=count)


def _families(catalogue: Catalogue) -> set[str]:
    return {FAMILY.get(name, name) for name in catalogue.datasets}


def _plain(subject: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)|\s", "", subject.casefold())
