"""What is kept of each recording to find it again: hashes, and how far apart joints are over time."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import UInt64

from skeletonmae.validation.block import Block
from skeletonmae.validation.outlines import CORE, Outlines, outlines

SKETCH = 16
"""Hashes of frames that are kept of a recording: the smallest, so that two with common frames keep the same."""


class Contents:
    """What many recordings show: at most 2 kilobytes a person of each, whatever their length."""

    def __init__(self) -> None:
        self._digests: list[np.ndarray] = []
        self._sketches: list[np.ndarray] = []
        self._outlines: dict[tuple[object, ...], list[Outlines]] = {}
        self._count = 0

    def add(self, block: Block) -> None:
        """Keep what the recordings of `block` show."""
        self._digests.append(digests(block))
        self._sketches.append(sketches(block))
        for one in outlines(block, self._count):
            self._outlines.setdefault(one.kind, []).append(one)
        self._count += len(block.recordings)

    @property
    def digests(self) -> UInt64[np.ndarray, " recording"]:
        """Of the whole content; 0 where nobody is."""
        return np.concatenate([np.zeros(0, np.uint64), *self._digests])

    @property
    def sketches(self) -> UInt64[np.ndarray, "recording 16"]:
        """Of some frames; 0 where there are no more."""
        return np.concatenate([np.zeros((0, SKETCH), np.uint64), *self._sketches])

    @property
    def outlines(self) -> list[Outlines]:
        """Of all persons, one for each set of joints and number of axes."""
        for kind, parts in self._outlines.items():
            self._outlines[kind] = [Outlines.joined(parts)]
        return [one for (one,) in self._outlines.values()]


def digests(block: Block) -> UInt64[np.ndarray, " recording"]:
    """A hash of the positions and flags of each recording's tracks, from the first to the last observed frame.

    The order of the persons and when a person comes and goes do not count; 0 where nobody is.
    """
    bits = np.packbits(block.observed, axis=1)
    found = np.zeros(len(block.recordings), dtype=np.uint64)
    for track, place in enumerate(block.owner.tolist()):
        rows = block.rows(track)
        digest = hashlib.blake2b(block.positions[rows].tobytes(), digest_size=8)
        digest.update(bits[rows].tobytes())
        found[place] += np.uint64(int.from_bytes(digest.digest(), "little") >> 8)  # a sum needs no order
    return found


def sketches(block: Block) -> UInt64[np.ndarray, "recording 16"]:
    """The sixteen smallest hashes of the frames of each recording; 0 where there are fewer.

    A frame's hash is of the positions of the core joints of one person, to the last bit, so that it is the same in
    other layouts. Which frames are kept depends on them alone: a piece of a recording keeps many of the same.
    """
    index = block.skeleton.index
    slots = [slot for slot, joint in enumerate(CORE) if joint in index]
    places = [index[CORE[slot]] for slot in slots]
    if len(places) < len(CORE) // 2:
        slots = places = list(range(len(index)))
    rows = np.flatnonzero(block.observed[:, places].sum(1) > len(places) // 2)
    bits = (
        np.ascontiguousarray(block.positions[rows][:, places])
        .reshape(len(rows), len(places) * block.axes)
        .view(np.uint32)
    )
    shape = (max(slots) + 1, block.axes)  # a joint has its own factors, whatever others the layout has
    odd = np.random.default_rng(0).integers(1, 2**63, shape, dtype=np.uint64) | np.uint64(1)
    value = (bits.astype(np.uint64) * odd[slots].ravel()).sum(1, dtype=np.uint64)
    value = (value ^ (value >> np.uint64(29))) * odd[0, 0] >> np.uint64(8)  # the highest bits must depend on all
    owner = block.owner[block.track[rows]]
    order = np.lexsort((value, owner))
    value, owner = value[order], owner[order]
    first = np.ones(len(value), dtype=bool)
    first[1:] = (value[1:] != value[:-1]) | (owner[1:] != owner[:-1])
    value, owner = value[first], owner[first]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    found = np.zeros((len(block.recordings), SKETCH), dtype=np.uint64)
    kept = rank < SKETCH
    found[owner[kept], rank[kept]] = value[kept]
    return found
