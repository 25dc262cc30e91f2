"""What a recording shows, in one number that is the same for the same, and in a few that are near for the like."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from jaxtyping import Float, UInt64
from scipy.spatial import cKDTree

from skeletonmae.validation.block import Block

MOMENTS = 4
"""Weights over time, and values over joints."""
NUMBERS = MOMENTS**2
"""Of a signature."""
NEAR = 0.005
"""Distance of signatures under which two recordings are nearly the same."""


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


def signatures(block: Block) -> Float[np.ndarray, "recording 16"]:
    """Sixteen numbers that noise, rounding, place, scale, persons' order and frame rate change little.

    Bodies are centred in each frame and divided by their size, then projected at random from all joints to four
    values, and those averaged over time with four cosines. NaN where nobody is.
    """
    rows, joints, axes = block.positions.shape
    count = np.maximum(block.observed.sum(1), 1).astype(np.float32)
    centred = block.positions - (block.positions.sum(1) / count[:, None])[:, None]
    centred *= block.observed[..., None]
    values = centred.reshape(rows, joints * axes) @ _projection(joints * axes)
    moment = (np.arange(rows) - block.starts[block.track] + 0.5) / block.lengths[block.track]
    weights = np.cos(np.pi * moment[:, None] * np.arange(MOMENTS)).astype(np.float32)
    means = block.sums(weights[:, :, None] * values[:, None]) / block.lengths[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        means /= block.size[:, None, None]
    found = np.zeros((len(block.recordings), NUMBERS))
    found[np.bincount(block.owner, minlength=len(found)) == 0] = np.nan
    np.add.at(found, block.owner, means.reshape(-1, NUMBERS))
    return found.astype(np.float32)


def nearest(
    asked: Float[np.ndarray, "recording 16"], known: Float[np.ndarray, "other 16"], *, itself: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The recordings that have a near one among the others, and which that is.

    Args:
        asked: signatures to look up.
        known: signatures to look among.
        itself: whether they are the same, so that the nearest is the recording itself.
    """
    mine, its = (np.flatnonzero(np.isfinite(each).all(1)) for each in (asked, known))
    none = np.zeros(0, dtype=np.int64)
    if not len(mine) or len(its) <= itself:
        return none, none
    answer = cKDTree(known[its]).query(asked[mine], k=[1, 2] if itself else [1], distance_upper_bound=NEAR)
    distance, which = (np.asarray(each) for each in answer)
    if itself:  # of equals, either may come first
        first = which[:, 0] == np.arange(len(mine))
        distance, which = (np.where(first, each[:, 1], each[:, 0])[:, None] for each in (distance, which))
    found = np.flatnonzero(np.isfinite(distance[:, 0]))
    return mine[found], its[which[found, 0]]


@cache
def _projection(size: int) -> Float[np.ndarray, "value 4"]:
    drawn = np.random.default_rng(size).standard_normal((size, MOMENTS)) / np.sqrt(size)
    projection: np.ndarray = drawn.astype(np.float32)
    return projection
