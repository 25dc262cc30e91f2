"""Hashes of whole recordings and of their frames, which are equal only for content that is equal to the bit."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import UInt64

from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.near_duplicates.distance_series import CORE_JOINTS

SKETCH_SIZE = 16
"""Frame hashes kept per recording: the smallest ones, so that recordings with common frames keep the same ones."""


def content_hashes(block: RecordingBlock) -> UInt64[np.ndarray, " recording"]:
    """Hash of the positions and flags of each recording's tracks; 0 if it has none.

    The order of the persons and the frames at which they enter and leave do not matter.
    """
    flags = np.packbits(block.observed, axis=1)
    hashes = np.zeros(len(block.recordings), dtype=np.uint64)
    for track, recording in enumerate(block.recording_index.tolist()):
        rows = block.track_rows(track)
        digest = hashlib.blake2b(block.positions[rows].tobytes(), digest_size=8)
        digest.update(flags[rows].tobytes())
        # Summing makes the hash independent of the order of the persons.
        hashes[recording] += np.uint64(int.from_bytes(digest.digest(), "little") >> 8)
    return hashes


def frame_sketches(block: RecordingBlock) -> UInt64[np.ndarray, "recording 16"]:
    """The sixteen smallest frame hashes of each recording (a bottom-k sketch), padded with 0.

    A frame's hash covers the positions of one person's `CORE_JOINTS` to the last bit, so it does not depend on the
    layout. Which hashes are kept depends on their values alone, so a piece of a recording keeps many of the same.
    """
    index = block.skeleton.index
    slots = [slot for slot, joint in enumerate(CORE_JOINTS) if joint in index]
    joints = [index[CORE_JOINTS[slot]] for slot in slots]
    if len(joints) < len(CORE_JOINTS) // 2:
        slots = joints = list(range(len(index)))
    rows = np.flatnonzero(block.observed[:, joints].sum(1) > len(joints) // 2)
    bits = (
        np.ascontiguousarray(block.positions[rows][:, joints])
        .reshape(len(rows), len(joints) * block.num_axes)
        .view(np.uint32)
    )
    shape = (max(slots) + 1, block.num_axes)  # a joint has its own factors, whatever other joints the layout has
    odd = np.random.default_rng(0).integers(1, 2**63, shape, dtype=np.uint64) | np.uint64(1)
    hashes = (bits.astype(np.uint64) * odd[slots].ravel()).sum(1, dtype=np.uint64)
    hashes = (hashes ^ (hashes >> np.uint64(29))) * odd[0, 0] >> np.uint64(
        8
    )  # all bits must affect the highest ones
    recording = block.recording_index[block.track_index[rows]]
    order = np.lexsort((hashes, recording))
    hashes, recording = hashes[order], recording[order]
    is_first = np.ones(len(hashes), dtype=bool)
    is_first[1:] = (hashes[1:] != hashes[:-1]) | (recording[1:] != recording[:-1])
    hashes, recording = hashes[is_first], recording[is_first]
    rank = np.arange(len(recording)) - np.searchsorted(recording, recording)
    sketches = np.zeros((len(block.recordings), SKETCH_SIZE), dtype=np.uint64)
    is_kept = rank < SKETCH_SIZE
    sketches[recording[is_kept], rank[is_kept]] = hashes[is_kept]
    return sketches
