"""How long the bones are in comparison with the shortest tree that connects the same joints."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.skeletons import VOCABULARY, Skeleton
from skeletonmae.validation.block import RecordingBlock

NUM_FRAMES = 16
"""Frames of a track that are measured, at equal distances."""
MAX_CHUNK_CELLS = 2**21
"""Distances that are held in memory at once."""
MIN_JOINTS = 5
"""Observed joints of a side with which its order can be measured."""


@lru_cache(maxsize=1)  # the check of the layout needs it twice for each block
def excess_length(block: RecordingBlock) -> Float[np.ndarray, " track"]:
    """How much longer the bones are than the shortest tree that connects the same joints, as a fraction.

    Joints are as far apart as on average over frames. The two sides of the body are measured separately, each with
    the joints in the middle, and averaged: seen from the side, left and right joints coincide, so that a tree of
    both would run from one to the other. A joint whose parent was never observed is connected to its nearest
    observed ancestor. NaN for tracks of which neither side has 5 observed joints.
    """
    joints, parent = _tree_joints(block.skeleton), _parents(block.skeleton)
    names = [block.skeleton.joints[joint] for joint in joints]
    num_joints, num_tracks = len(joints), len(block.track_starts)
    total, count = np.zeros(num_tracks), np.zeros(num_tracks)
    per_chunk = max(1, MAX_CHUNK_CELLS // (NUM_FRAMES * num_joints**2))
    for start in range(0, num_tracks, per_chunk):
        chunk = slice(start, start + per_chunk)
        rows = _sampled_rows(block, chunk)
        positions, observed = block.positions[rows][:, :, joints], block.observed[rows][:, :, joints]
        apart = _mean_distances(positions, observed)
        for other_side in ("left_", "right_"):
            is_known = observed.any(1) & np.array([not name.startswith(other_side) for name in names])
            excess = _excess(apart, is_known, parent)
            total[chunk] += np.nan_to_num(excess)
            count[chunk] += np.isfinite(excess)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _excess(
    apart: Float[np.ndarray, "track joint joint"],
    is_known: Bool[np.ndarray, "track joint"],
    parent: Int[np.ndarray, " joint"],
) -> Float[np.ndarray, " track"]:
    ancestor = _observed_ancestors(parent, is_known)
    lengths = np.take_along_axis(apart, ancestor[..., None], axis=2)[..., 0]
    bones = np.where(is_known & (ancestor != np.arange(len(parent))), lengths, 0).sum(1)
    shortest = _shortest_tree(apart, is_known)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where((is_known.sum(1) >= MIN_JOINTS) & (shortest > 0), bones / shortest, np.nan)
    return np.where(np.isfinite(ratio), ratio - 1, np.nan)


@cache
def _tree_joints(skeleton: Skeleton) -> Int[np.ndarray, " joint"]:
    """Indices of the joints of the body: all but a root that is not a joint, such as the origin of a scene."""
    is_joint = [joint != skeleton.root or joint in VOCABULARY for joint in skeleton.joints]
    return np.flatnonzero(is_joint)


@cache
def _parents(skeleton: Skeleton) -> Int[np.ndarray, " joint"]:
    """Parent of each of `_tree_joints`, among them; its own index where the parent is not one of them."""
    joints = _tree_joints(skeleton)
    position = {int(joint): index for index, joint in enumerate(joints)}
    parents = skeleton.parent_index[joints].tolist()
    return np.array([position.get(parent, index) for index, parent in enumerate(parents)])


def _sampled_rows(block: RecordingBlock, tracks: slice) -> Int[np.ndarray, "track frame"]:
    first, length = block.track_starts[tracks, None], block.track_lengths[tracks, None]
    rows: np.ndarray = first + np.round(np.linspace(0, 1, NUM_FRAMES) * (length - 1)).astype(np.int64)
    return rows


def _mean_distances(
    positions: Float[np.ndarray, "track frame joint axis"], observed: Bool[np.ndarray, "track frame joint"]
) -> Float[np.ndarray, "track joint joint"]:
    """Mean distance of each pair of joints over the frames that show both; infinite if none does."""
    total = np.zeros((len(positions), positions.shape[2], positions.shape[2]))
    count = np.zeros(total.shape)
    for frame in range(positions.shape[1]):
        both = observed[:, frame, :, None] & observed[:, frame, None]
        apart = positions[:, frame, :, None] - positions[:, frame, None]
        total += np.sqrt(np.einsum("...a,...a->...", apart, apart)) * both
        count += both
    return np.where(count > 0, total / np.maximum(count, 1), np.inf)


def _observed_ancestors(
    parent: Int[np.ndarray, " joint"], is_known: Bool[np.ndarray, "track joint"]
) -> Int[np.ndarray, "track joint"]:
    """Nearest observed ancestor of each joint. Without one, the first observed joint of the track without one."""
    ancestor = np.broadcast_to(parent, is_known.shape)
    for _ in range(len(parent)):
        unknown = ~np.take_along_axis(is_known, ancestor, axis=1)
        following = np.where(unknown, parent[ancestor], ancestor)
        if (following == ancestor).all():
            break
        ancestor = following
    is_top = ~np.take_along_axis(is_known, ancestor, axis=1) | (ancestor == np.arange(len(parent)))
    first_top = (is_top & is_known).argmax(1)
    return np.where(is_top, first_top[:, None], ancestor)


def _shortest_tree(
    apart: Float[np.ndarray, "track joint joint"], is_known: Bool[np.ndarray, "track joint"]
) -> Float[np.ndarray, " track"]:
    """Length of the minimum spanning tree of the observed joints of each track (Prim's algorithm)."""
    track = np.arange(len(apart))
    added = is_known.argmax(1)
    is_left = is_known.copy()
    is_left[track, added] = False
    nearest = apart[track, added]
    length = np.zeros(len(apart))
    for _ in range(apart.shape[1] - 1):
        candidates = np.where(is_left, nearest, np.inf)
        added = candidates.argmin(1)
        remains = is_left.any(1)
        length += np.where(remains, candidates[track, added], 0)
        is_left[track, added] = False
        nearest = np.minimum(nearest, apart[track, added])
    return length
