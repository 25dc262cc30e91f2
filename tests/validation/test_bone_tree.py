"""The excess length of the bones is compared with a brute-force search, and does not depend on how a body stands."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.bone_tree import excess_length

NAMES = ("pelvis", "spine", "neck", "head", "left_hip", "left_knee", "right_hip", "right_knee")
PARENTS = {
    "spine": "pelvis", "neck": "spine", "head": "neck", "left_hip": "pelvis", "left_knee": "left_hip",
    "right_hip": "pelvis", "right_knee": "right_hip",
}  # fmt: skip
PARTS = {"torso": NAMES[:4], "left_leg": NAMES[4:6], "right_leg": NAMES[6:]}
MIRROR = {name: name for name in NAMES[:4]} | {
    "left_hip": "right_hip", "right_hip": "left_hip", "left_knee": "right_knee", "right_knee": "left_knee"
}  # fmt: skip
EIGHT = Skeleton("eight", NAMES, PARENTS, ("pelvis",), PARTS, MIRROR)
Make = Callable[..., SkeletonSequence]


def shortest_tree(points: np.ndarray) -> float:
    """Length of the shortest of all trees, by trying every set of edges."""
    edges = list(combinations(range(len(points)), 2))
    lengths = []
    for chosen in combinations(edges, len(points) - 1):
        reached = {0}
        for _ in chosen:
            reached |= {joint for edge in chosen if reached & set(edge) for joint in edge}
        if len(reached) == len(points):
            lengths.append(sum(float(np.linalg.norm(points[a] - points[b])) for a, b in chosen))
    return min(lengths)


def one_frame(positions: np.ndarray, observed: Any = None) -> RecordingBlock:
    recording = SkeletonSequence.from_positions(positions[None, None], EIGHT, observed=observed)
    return RecordingBlock.from_recordings([recording])


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_excess_over_the_shortest_of_all_trees(seed: int, axes: int) -> None:
    """The mean of both sides."""
    positions = np.random.default_rng(seed).normal(size=(8, axes)).astype(np.float32)
    expected = []
    for other_side in ("left", "right"):
        joints = [joint for joint in EIGHT.joints if not joint.startswith(other_side)]
        bones = [(joint, EIGHT.parents[joint]) for joint in joints if joint in EIGHT.parents]
        length = sum(np.linalg.norm(positions[EIGHT.index[a]] - positions[EIGHT.index[b]]) for a, b in bones)
        expected.append(length / shortest_tree(positions[[EIGHT.index[joint] for joint in joints]]) - 1)
    np.testing.assert_allclose(excess_length(one_frame(positions)), [np.mean(expected)], rtol=1e-5, atol=1e-6)


def test_sides_that_coincide_have_no_excess() -> None:
    """As in an image of somebody who stands sideways."""
    heights = np.array([0, 1, 2, 3, -1, -2, -1, -2], np.float32)
    positions = np.stack([heights * 0 + 1, heights, heights * 0 + 5], axis=1)
    np.testing.assert_allclose(excess_length(one_frame(positions)), [0], atol=1e-6)


@pytest.mark.parametrize(("lost", "is_known"), [([], True), ([4], True), ([3, 4], True), ([2, 3], False)])
def test_a_side_needs_five_observed_joints(lost: list[int], is_known: bool) -> None:
    """One side is enough; bones to a joint that was never observed lead to its parent's parent."""
    positions = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    observed = np.ones((1, 1, 8), dtype=bool)
    observed[..., lost] = False
    assert np.isfinite(excess_length(one_frame(positions, observed))).all() == is_known


def test_many_tracks_are_measured_as_each_alone(make_recording: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = [make_recording(seed, persons=seed % 3 + 1, frames=9 + seed) for seed in range(6)]
    alone = [excess_length(RecordingBlock.from_recordings([recording])) for recording in recordings]
    monkeypatch.setattr("skeletonmae.validation.bone_tree.MAX_CHUNK_CELLS", 30_000)  # a few tracks per chunk
    together = excess_length(RecordingBlock.from_recordings(recordings))
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-6)
    assert np.isfinite(together).all()
