"""Recordings of a store that are exact copies of each other."""

from __future__ import annotations

import hashlib

import numpy as np

from skeletonmae.sequences.store import SequenceStore


def number_recordings(store: SequenceStore) -> np.ndarray:
    """Number the recordings of a store so that exact copies have the same number.

    Copies have the same coordinates in all frames of the same number of persons; names and labels do not matter.
    Every recording is read once.

    Returns:
        For each recording, the index of the first one with its coordinates, `(recording,)` int64.
    """
    first_index: dict[bytes, int] = {}
    numbers = np.empty(len(store), dtype=np.int64)
    for index in range(len(store)):
        shard, index_in_shard = store.locate(index)
        digest = hashlib.blake2b(digest_size=16)
        for frames, rows in shard.tracks(index_in_shard):
            digest.update(f"{frames} {shard.positions.dtype}".encode())
            digest.update(np.ascontiguousarray(shard.positions[rows]).tobytes())
            digest.update(np.ascontiguousarray(shard.observed_bits[rows]).tobytes())
        numbers[index] = first_index.setdefault(digest.digest(), index)
    return numbers
