"""Recordings that are there twice, and names that are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.copies import WORDS, How, copies, incomparable
from skeletonmae.validation.finding import Finding, Severity


class Duplicates(Check):
    """The same recording twice: a warning, and an error if the two have different labels.

    The same to the last bit, by a hash of the positions and flags of every track from its first to its last
    observed frame, so that neither empty frames around it nor the order of the persons hide it. Common frames, to
    the last bit at shoulders, elbows, wrists, hips, knees and ankles, by the sixteen smallest of the hashes of all
    frames, of which four must be the same: pieces of one recording, at half the frame rate, in another layout.
    Two labels are no error there, since actions may overlap. Nearly the same, by the distances between such
    joints over time: turned, mirrored, moved, scaled, rounded, converted, without the third axis.

    Distances may differ by 4 % of how much they move, which the most alike takes of one gesture by one person in
    five real sets do not reach (4.3 % and more). docs/validation.md says which planted copies are found.
    """

    name = "duplicates"

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """One finding for each recording that was there before."""
        contents, numbers = catalogue.contents, np.arange(len(catalogue))
        for number, before, how in copies(contents, numbers, contents, numbers):
            yield self._pair(catalogue, number, before, how)
        for what, many in incomparable(contents, contents):
            yield self.finding("note", what, recordings=many)

    def _pair(self, catalogue: Catalogue, number: int, before: int, how: How) -> Finding:
        name, labels = catalogue.names[number], [catalogue.labels[number], catalogue.labels[before]]
        what = f"{WORDS[how]} {catalogue.names[before]}"
        if None in labels or labels[0] == labels[1]:
            return self.finding("warning", what, name)
        severity: Severity = "warning" if how == "frames" else "error"
        return self.finding(severity, f"{what}, but its label is {labels[0]} and not {labels[1]}", name)


class Names(Check):
    """Two recordings of one name: a warning, as nothing that asks for one by its name can tell them apart."""

    name = "names"

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """One finding a name."""
        for name, count in Counter(catalogue.names).items():
            if count > 1:
                yield self.finding("warning", f"{count} recordings have this name", name, recordings=count)
