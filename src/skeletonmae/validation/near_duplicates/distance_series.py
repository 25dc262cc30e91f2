"""Distances between joints over time, which do not change when a body is turned, moved, scaled or mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int, UInt8

from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.derived import mirror_name
from skeletonmae.validation.block import RecordingBlock

NUM_SAMPLES = 40
"""Moments at which distances are sampled, evenly spaced from the first to the last frame."""
RESOLUTION = 1 / 48
"""Value of 1 in `DistanceSeries.values`, as a fraction of the body's scale; about 1 cm."""
MIN_FRAMES = 5
"""Shorter tracks have no distance series."""
MAX_PAIRS = 22
"""Joint pairs of a layout that is not a human body."""
LIMB_JOINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
CORE_JOINTS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in LIMB_JOINTS)
"""Joints that nearly all layouts of a human body have."""
SUBSTITUTE = {"wrist": "hand", "ankle": "foot"}
SAME_SIDE = ("shoulder hip", "wrist shoulder", "wrist hip", "elbow hip", "ankle hip", "knee shoulder")
OPPOSITE_SIDES = ("shoulder hip", "wrist shoulder", "ankle hip")
LEFT_TO_RIGHT = ("elbow", "wrist", "knee", "ankle")

JointPair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class DistanceSeries:
    """Distances between the same pairs of joints at 40 moments, for many tracks.

    Args:
        pairs: the pairs of joints.
        num_axes: 2 or 3.
        layouts: names of the layouts of the tracks.
        recording_index: index of each track's recording.
        num_frames: number of frames of each track.
        values: distances divided by the track's mean over the pairs that `num_scale_pairs` counts, in steps of
            `RESOLUTION`; 0 if never observed. The first view uses the first two axes, the last one all axes.
    """

    pairs: tuple[JointPair, ...]
    num_axes: int
    layouts: frozenset[str]
    recording_index: Int[np.ndarray, " track"]
    num_frames: Int[np.ndarray, " track"]
    values: UInt8[np.ndarray, "track view 40 pair"]

    @property
    def kind(self) -> tuple[object, ...]:
        """Series of the same kind can be concatenated."""
        return self.pairs, self.num_axes

    @classmethod
    def concat(cls, parts: Sequence[DistanceSeries]) -> DistanceSeries:
        """Concatenate the tracks of `parts`."""
        arrays = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("recording_index", "num_frames", "values")
        )
        layouts = frozenset().union(*(part.layouts for part in parts))
        return cls(parts[0].pairs, parts[0].num_axes, layouts, *arrays)

    def select(self, recordings: Int[np.ndarray, " recording"]) -> DistanceSeries:
        """The tracks of some recordings, given by index."""
        selected = np.isin(self.recording_index, recordings)
        arrays = self.recording_index[selected], self.num_frames[selected], self.values[selected]
        return DistanceSeries(self.pairs, self.num_axes, self.layouts, *arrays)


def distance_series(block: RecordingBlock, first_index: int = 0) -> Iterator[DistanceSeries]:
    """Yield the series of the tracks of at least 5 frames, if any; recordings count from `first_index`."""
    tracks = np.flatnonzero(block.track_lengths >= MIN_FRAMES)
    pairs = joint_pairs(block.skeleton)
    if not len(tracks) or not pairs:
        return
    start, end = np.array([[block.skeleton.index[joint] for joint in pair] for pair in pairs]).T
    observed = block.observed[:, start] & block.observed[:, end]
    squares = np.square(block.positions[:, start] - block.positions[:, end])
    in_plane = squares[..., 0] + squares[..., 1]
    views = [in_plane] if block.num_axes == 2 else [in_plane, in_plane + squares[..., 2]]
    distances = np.stack([_interpolate_missing(block, np.sqrt(view), observed) for view in views], 1)
    time = np.linspace(0, 1, NUM_SAMPLES) * (block.track_lengths[tracks, None] - 1)
    before = np.minimum(time.astype(np.int64), block.track_lengths[tracks, None] - 2)
    row = block.track_starts[tracks, None] + before
    weight = (time - before)[..., None, None].astype(np.float32)
    sampled = np.moveaxis(distances[row] * (1 - weight) + distances[row + 1] * weight, 2, 1)
    never_observed = np.repeat((block.sum_per_track(observed)[tracks] == 0)[:, None, None], NUM_SAMPLES, 2)
    sampled = np.ma.array(sampled, mask=np.broadcast_to(never_observed, sampled.shape))
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = sampled[..., : num_scale_pairs(pairs)].mean((2, 3), keepdims=True)
        relative = sampled / scale / RESOLUTION
    values = np.clip(np.rint(relative), 1, 255).filled(0).astype(np.uint8)
    yield DistanceSeries(
        pairs,
        block.num_axes,
        frozenset([block.skeleton.name]),
        block.recording_index[tracks] + first_index,
        block.track_lengths[tracks],
        values,
    )


@cache
def joint_pairs(skeleton: Skeleton) -> tuple[JointPair, ...]:
    """The pairs of a layout: those of `CORE_JOINTS` for a human body, else at most 22 pairs of distant joints.

    The first four pairs of a body are its trunk. A hand stands in for a missing wrist, and a foot for a missing
    ankle, but such a pair does not equal the pair of a layout that has wrists and ankles.
    """
    index = skeleton.index
    names = {f"{side}_{joint}": f"{side}_{joint}" for side in ("left", "right") for joint in LIMB_JOINTS}
    for side in ("left", "right"):
        for joint, substitute in SUBSTITUTE.items():
            if f"{side}_{joint}" not in index:
                names[f"{side}_{joint}"] = f"{side}_{substitute}"
    opposite = {"left": "right", "right": "left"}
    wanted = [
        (names[f"{side}_{first}"], names[f"{opposite[side] if crossed else side}_{second}"])
        for pair, crossed in (
            *((SAME_SIDE[0], False), (OPPOSITE_SIDES[0], True)),
            *((pair, False) for pair in SAME_SIDE[1:]),
            *((pair, True) for pair in OPPOSITE_SIDES[1:]),
        )
        for first, second in [pair.split()]
        for side in ("left", "right")
    ] + [(names[f"left_{joint}"], names[f"right_{joint}"]) for joint in LEFT_TO_RIGHT]
    available = tuple(pair for pair in wanted if pair[0] in index and pair[1] in index)
    if is_human_body(available):
        return available
    joints, half = skeleton.joints, len(skeleton.joints) // 2
    chosen = np.unique(np.linspace(0, len(joints) - 1, min(len(joints), MAX_PAIRS)).astype(int)).tolist()
    distant = [(joints[joint], joints[(joint + half) % len(joints)]) for joint in chosen]
    return tuple({frozenset(pair): pair for pair in distant if pair[0] != pair[1]}.values())


def is_human_body(pairs: Sequence[JointPair]) -> bool:
    """Whether the pairs include the trunk, elbows and knees of a human body."""
    return (
        len(pairs) >= 10 and pairs[0] == ("left_shoulder", "left_hip") and ("left_knee", "left_shoulder") in pairs
    )


def num_scale_pairs(pairs: Sequence[JointPair]) -> int:
    """Number of first pairs that define the scale: the four of the trunk, or all of another layout."""
    return 4 if is_human_body(pairs) else len(pairs)


def mirrored_pairs(pairs: Sequence[JointPair]) -> Int[np.ndarray, " pair"]:
    """Index of the mirror image of each pair; the identity if any pair has no mirror image."""
    index = {frozenset(pair): number for number, pair in enumerate(pairs)}
    mirror = [index.get(frozenset(mirror_name(joint) for joint in pair)) for pair in pairs]
    return np.array(range(len(pairs)) if None in mirror else mirror, dtype=np.int64)


def _interpolate_missing(
    block: RecordingBlock, values: np.ndarray, observed: np.ndarray
) -> Float[np.ndarray, "row pair"]:
    """Interpolate unobserved values over the rows of the same track in which the pair was observed."""
    if observed.all():
        return values
    time = np.arange(len(values)) + 1e9 * block.track_index  # so far apart that no track reaches into the next
    for pair in np.flatnonzero(~observed.all(0) & observed.any(0)).tolist():
        known = observed[:, pair]
        values[:, pair] = np.interp(time, time[known], values[known, pair])
    return values
