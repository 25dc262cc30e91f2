"""Recordings that are there twice, and names that are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.block import Block
from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.check import Check
from skeletonmae.validation.contents import NUMBERS, digests, nearest, signatures
from skeletonmae.validation.finding import Finding


class Duplicates(Check):
    """The same recording twice: a warning, and an error if the two have different labels.

    The same to the last bit, by a hash of the positions and flags of every track from its first to its last
    observed frame, so that neither empty frames around it nor the order of the persons hide it. Nearly the same
    (rounded to float16, moved, scaled, another frame rate, noise of a few millimetres): by sixteen numbers that
    such changes move by less than 0.005; the two most alike of a real set's recordings, the same gesture of the
    same person, are 0.015 apart.
    """

    name = "duplicates"

    def measure(self, block: Block) -> dict[str, np.ndarray]:
        """What the recordings show, as a hash and as sixteen numbers."""
        return {"digest": digests(block), "signature": signatures(block)}

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """One finding for each recording that was there before."""
        first = first_of_each(catalogue.column("digest"))
        for number in np.flatnonzero(first != np.arange(len(first))).tolist():
            yield self._pair(catalogue, number, int(first[number]), "the same as")
        unique = np.flatnonzero(first == np.arange(len(first)))
        signature = catalogue.column("signature").reshape(-1, NUMBERS)[unique]
        for pair in zip(*nearest(signature, signature, itself=True), strict=True):
            one, other = sorted(int(unique[place]) for place in pair)
            if pair[0] > pair[1]:
                yield self._pair(catalogue, other, one, "nearly the same as")

    def _pair(self, catalogue: Catalogue, number: int, before: int, how: str) -> Finding:
        name, labels = catalogue.names[number], [catalogue.labels[number], catalogue.labels[before]]
        what = f"{how} {catalogue.names[before]}"
        if None not in labels and labels[0] != labels[1]:
            return self.finding("error", f"{what}, but its label is {labels[0]} and not {labels[1]}", name)
        return self.finding("warning", what, name)


class Names(Check):
    """Two recordings of one name: a warning, as nothing that asks for one by its name can tell them apart."""

    name = "names"

    def conclude(self, catalogue: Catalogue) -> Iterator[Finding]:
        """One finding a name."""
        for name, count in Counter(catalogue.names).items():
            if count > 1:
                yield self.finding("warning", f"{count} recordings have this name", name, recordings=count)


def first_of_each(digest: np.ndarray) -> np.ndarray:
    """For each recording, the first one with the same content: itself if it is the first, or shows nobody."""
    _, first, code = np.unique(digest, return_index=True, return_inverse=True)
    return np.where(digest == 0, np.arange(len(digest)), first[code])
