"""Search one set of recordings for copies of another: equal, with common frames, or nearly the same.

benchmarks/near_duplicates.md has the recall and the false matches over values of each constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

from skeletonmae.validation.near_duplicates.content_index import ContentIndex
from skeletonmae.validation.near_duplicates.distance_series import (
    NUM_SAMPLES,
    RESOLUTION,
    DistanceSeries,
    mirrored_pairs,
)
from skeletonmae.validation.near_duplicates.hashes import SKETCH_SIZE

MIN_SHARED_FRAMES = 4
"""Frame hashes that two sketches must have in common: about a quarter of all frames."""
NUM_NEIGHBORS = 8
"""Tracks that each track is compared with: those whose distances have the most similar mean and deviation."""
MIN_COMMON_PAIRS = 8
"""Pairs of joints that both tracks must have."""
MIN_OVERLAP = 0.6
"""Fraction of the samples that must overlap after alignment, so that no match rests on a few samples."""
MOTION_OFFSET = 0.02
"""Added to the motion, in trunk lengths (1 cm). A track that moves less than that cannot be compared."""
MAX_COARSE_DIFFERENCE = 0.5
"""Largest difference relative to the motion before alignment. Larger ones are not refined, to save time."""
MAX_NOISY_DIFFERENCE = 0.2
"""The same after alignment, noise of single frames included."""
MAX_DIFFERENCE = 0.04
"""The same after alignment, noise of single frames excluded."""
START_OFFSET = 4
"""Samples by which the coarse alignment shifts either end."""
NUM_ITERATIONS = 5
"""Gauss-Newton iterations of the alignment."""
MAX_LAG = 3
"""Samples over which the noise of one frame may extend."""
PAIRS_PER_BATCH = 512
LAST = NUM_SAMPLES - 1
TIME = np.arange(NUM_SAMPLES) - LAST / 2

MatchKind = Literal["same", "frames", "near"]
MATCH_TEXT: dict[MatchKind, str] = {
    "same": "the same as",
    "frames": "shares frames with",
    "near": "nearly the same as",
}
INCOMPARABLE = "layouts {} and {} have too few joints in common to search for nearly equal recordings"


@dataclass(frozen=True)
class Match:
    """A recording and another one that it is a copy of, by index."""

    index: int
    other_index: int
    kind: MatchKind


def find_copies(
    contents: ContentIndex,
    index: Int[np.ndarray, " recording"],
    other_contents: ContentIndex,
    other_index: Int[np.ndarray, " other"],
) -> list[Match]:
    """Find the recordings whose content is among other recordings, each once and with its best match.

    Args:
        contents: contents of the recordings to search for.
        index: which recordings of `contents` to search for.
        other_contents: contents of the recordings to search in.
        other_index: which recordings of `other_contents` to search in. If both arguments are the same objects as
            `contents` and `index`, each recording is compared with those before it; else the two sets of
            recordings must be disjoint.
    """
    within = contents is other_contents and index is other_index
    matches: dict[int, Match] = {}
    exact: tuple[tuple[MatchKind, np.ndarray], ...] = (
        ("same", _equal_hashes(contents.hashes[index], other_contents.hashes[other_index], within)),
        ("frames", _common_frames(contents.sketches[index], other_contents.sketches[other_index], within)),
    )
    for kind, pairs in exact:
        for position, other_position in pairs.tolist():
            match = Match(int(index[position]), int(other_index[other_position]), kind)
            matches.setdefault(match.index, match)
    remaining = np.setdiff1d(index, list(matches))
    candidates = [series.select(remaining if within else other_index) for series in other_contents.series]
    for series in candidates if within else [series.select(remaining) for series in contents.series]:
        for other_series in candidates:
            for number, other_number in _nearly_equal(series, other_series, within).tolist():
                matches.setdefault(number, Match(number, other_number, "near"))
    return [matches[number] for number in sorted(matches)]


def incomparable_layouts(contents: ContentIndex, other_contents: ContentIndex) -> list[tuple[str, int]]:
    """Layouts with too few common joints to find nearly equal content, as messages with a count of recordings."""
    within = contents is other_contents
    return sorted(
        (INCOMPARABLE.format(layout, other_layout), len(np.unique(series.recording_index)))
        for series in contents.series
        for other_series in other_contents.series
        if len(_common_pairs(series, other_series)[0]) < MIN_COMMON_PAIRS
        and (not within or series.pairs != other_series.pairs)
        for layout in series.layouts
        for other_layout in other_series.layouts
        if not within or layout < other_layout
    )


def _equal_hashes(hashes: np.ndarray, other_hashes: np.ndarray, within: bool) -> Int[np.ndarray, "match 2"]:
    """Positions of equal hashes, each with the first equal one in `other_hashes`; 0 equals nothing."""
    known, first = np.unique(other_hashes, return_index=True)
    if not len(known):
        return np.zeros((0, 2), np.int64)
    position = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    equal = np.flatnonzero((known[position] == hashes) & (hashes != 0))
    pairs = np.stack([equal, first[position[equal]]], 1)
    return pairs[pairs[:, 0] > pairs[:, 1]] if within else pairs


def _common_frames(sketches: np.ndarray, other_sketches: np.ndarray, within: bool) -> Int[np.ndarray, "match 2"]:
    """Positions of recordings with common frames, those with most of them first."""
    pairs = _equal_hashes(sketches.ravel(), other_sketches.ravel(), within) // SKETCH_SIZE
    pairs = pairs[pairs[:, 0] != pairs[:, 1]] if within else pairs
    pairs, count = np.unique(pairs, axis=0, return_counts=True)
    pairs, count = pairs[count >= MIN_SHARED_FRAMES], count[count >= MIN_SHARED_FRAMES]
    return pairs[np.argsort(-count, kind="stable")]


def _nearly_equal(series: DistanceSeries, other: DistanceSeries, within: bool) -> Int[np.ndarray, "match 2"]:
    """Indices of recordings that are nearly the same, the most similar first."""
    columns, other_columns = _common_pairs(series, other)
    if len(columns) < MIN_COMMON_PAIRS or not len(series.recording_index) or not len(other.recording_index):
        return np.zeros((0, 2), dtype=np.int64)
    view = -1 if series.num_axes == other.num_axes else 0
    values, other_values = series.values[:, view][..., columns], other.values[:, view][..., other_columns]
    mirror = mirrored_pairs([series.pairs[column] for column in columns])
    tracks = _candidate_tracks(values, other_values, mirror)
    tracks = np.unique(np.sort(tracks, axis=1), axis=0) if series is other else tracks
    recordings = np.stack([series.recording_index[tracks[:, 0]], other.recording_index[tracks[:, 1]]], 1)
    if within:
        recordings = np.sort(recordings, axis=1)[:, ::-1]
        is_distinct = recordings[:, 0] > recordings[:, 1]
        tracks, recordings = tracks[is_distinct], recordings[is_distinct]
    differences = [np.zeros(0)]
    for start in range(0, len(tracks), PAIRS_PER_BATCH):
        batch = tracks[start : start + PAIRS_PER_BATCH]
        a, b = values[batch[:, 0]], other_values[batch[:, 1]]
        num_frames = np.minimum(series.num_frames[batch[:, 0]], other.num_frames[batch[:, 1]])
        difference = relative_difference(a, b, num_frames)
        mirrored_difference = relative_difference(a[..., mirror], b, num_frames)
        differences.append(np.minimum(difference, mirrored_difference))
    difference = np.concatenate(differences)
    order = np.argsort(difference, kind="stable")
    return recordings[order[difference[order] < MAX_DIFFERENCE]]


def _common_pairs(series: DistanceSeries, other: DistanceSeries) -> tuple[list[int], list[int]]:
    """Columns of the joint pairs that both have, in both."""
    other_column = {pair: column for column, pair in enumerate(other.pairs)}
    columns = [column for column, pair in enumerate(series.pairs) if pair in other_column]
    return columns, [other_column[series.pairs[column]] for column in columns]


def _candidate_tracks(
    values: np.ndarray, other_values: np.ndarray, mirror: np.ndarray
) -> Int[np.ndarray, "candidate 2"]:
    """Pairs of tracks to compare: nearest neighbors in the means and deviations of the distances over time.

    A distance and its mirror image enter as their sum and absolute difference, which mirroring does not change.
    """
    from scipy.spatial import cKDTree  # slow to import

    keys, other_keys = (np.concatenate([each.mean(1), each.std(1)], 1) for each in (values, other_values))
    known, other_known = (np.tile(each[:, 0] > 0, 2) for each in (values, other_values))
    typical = other_keys.sum(0) / np.maximum(other_known.sum(0), 1)  # unknown values are 0
    mirror = np.concatenate([mirror, mirror + len(mirror)])

    def mirror_invariant(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
        filled = np.where(known, keys, typical)
        return np.concatenate([filled + filled[:, mirror], np.abs(filled - filled[:, mirror])], 1)

    tree = cKDTree(mirror_invariant(other_keys, other_known))
    num_neighbors = min(NUM_NEIGHBORS, len(other_values))
    _, neighbors = tree.query(mirror_invariant(keys, known), k=range(1, num_neighbors + 1))
    return np.stack([np.repeat(np.arange(len(values)), num_neighbors), neighbors.ravel()], 1)


def relative_difference(
    values: UInt8[np.ndarray, "candidate 40 pair"],
    other_values: UInt8[np.ndarray, "candidate 40 pair"],
    num_frames: Int[np.ndarray, " candidate"],
) -> Float[np.ndarray, " candidate"]:
    """Root mean square difference of aligned distance series, divided by how much they move.

    The time of one series is shifted and stretched until it fits the other best, by Gauss-Newton from the best of
    nine coarse alignments. Noise of single frames is excluded: the mean square is estimated by the product of the
    differences at two moments that are too far apart to share a frame.

    Args:
        values: `DistanceSeries.values` of one view; 0 where unknown.
        other_values: the values to compare with.
        num_frames: number of frames of the shorter of the two tracks.

    Returns:
        The relative difference; infinite for series that clearly differ or hardly move.
    """
    known = (values[:, 0] > 0) & (other_values[:, 0] > 0)
    count = np.maximum(known.sum(1), 1)
    a, b = (np.float32(RESOLUTION) * each * known[:, None] for each in (values, other_values))
    motion = np.sqrt(a.var(1).sum(1) / count) + MOTION_OFFSET
    alignment, error = _coarse_align(a, b)
    is_similar = (
        (known.sum(1) >= MIN_COMMON_PAIRS)
        & (motion > 2 * MOTION_OFFSET)
        & (np.sqrt(error / count) < MAX_COARSE_DIFFERENCE * motion)
    )
    difference = np.full(len(a), np.inf)
    if is_similar.any():
        a, b, alignment, num_frames = a[is_similar], b[is_similar], alignment[is_similar], num_frames[is_similar]
        scale = np.sqrt(count[is_similar]) * motion[is_similar]
        inverse = np.stack([LAST / 2 + (LAST / 2 - alignment[:, 0]) / alignment[:, 1], 1 / alignment[:, 1]], 1)
        forward, backward = _refine(a, b, alignment, num_frames, scale), _refine(b, a, inverse, num_frames, scale)
        difference[is_similar] = np.where(np.isfinite(backward), np.maximum(forward, backward), forward)
    return difference


def _coarse_align(a: np.ndarray, b: np.ndarray) -> tuple[Float[np.ndarray, "candidate 2"], np.ndarray]:
    """The best of nine alignments (center, speed), and its mean square residual at every fourth sample."""
    ends = [
        (begin, end)
        for begin in (-START_OFFSET, 0, START_OFFSET)
        for end in (LAST - START_OFFSET, LAST, LAST + START_OFFSET)
    ]
    alignments = np.array([((begin + end) / 2, (end - begin) / LAST) for begin, end in ends])
    errors = []
    for alignment in alignments:
        residual, _, inside = _residual(a[:, ::4], b, np.tile(alignment, (len(a), 1)), TIME[::4])
        errors.append(_mean_square(residual, inside))
    return alignments[np.argmin(errors, axis=0)], np.min(errors, axis=0)


def _refine(
    a: np.ndarray, b: np.ndarray, alignment: np.ndarray, num_frames: np.ndarray, scale: np.ndarray
) -> Float[np.ndarray, " candidate"]:
    """Relative difference after Gauss-Newton iterations that start at `alignment`."""
    for _ in range(NUM_ITERATIONS):
        residual, slope, _ = _residual(a, b, alignment, TIME)
        jacobian = np.stack([slope, slope * TIME[:, None]], -1)
        normal = np.einsum("nktp,nktq->npq", jacobian, jacobian) + np.diag([1e-3, 1e-1])
        gradient = np.einsum("nktp,nkt->np", jacobian, residual)
        alignment = alignment - np.linalg.solve(normal, gradient[..., None])[..., 0]
    residual, _, inside = _residual(a, b, alignment, TIME)
    lags = np.clip(np.ceil(1.5 * NUM_SAMPLES / num_frames), 1, MAX_LAG)
    mean_square = np.zeros(len(a))
    for lag in range(1, MAX_LAG + 1):
        product = (residual[:, lag:] * residual[:, :-lag]).sum((1, 2))
        count = (inside[:, lag:] & inside[:, :-lag]).sum(1)
        mean_square = np.where(lags == lag, product / np.maximum(count, 1), mean_square)
    is_aligned = (inside.mean(1) >= MIN_OVERLAP) & (
        np.sqrt(_mean_square(residual, inside)) < MAX_NOISY_DIFFERENCE * scale
    )
    return np.where(is_aligned, np.sqrt(np.maximum(mean_square, 0)) / scale, np.inf)


def _mean_square(residual: np.ndarray, inside: np.ndarray) -> Float[np.ndarray, " candidate"]:
    mean: np.ndarray = np.square(residual).sum((1, 2)) / np.maximum(inside.sum(1), 1)
    return mean


def _residual(
    a: np.ndarray, b: np.ndarray, alignment: Float[np.ndarray, "candidate 2"], time: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interpolate `b` at the aligned times of `a`.

    Returns:
        The difference from `a` and the slope of `b`, both 0 outside `b`; and which times are inside.
    """
    aligned = alignment[:, :1] + alignment[:, 1:] * time
    inside = (aligned > -0.5) & (aligned < LAST + 0.5)
    before = np.clip(aligned, 0, LAST - 1).astype(np.int64)
    weight = np.clip(aligned - before, 0, 1)[..., None].astype(np.float32)
    candidate = np.arange(len(a))[:, None]
    lower = b[candidate, before]
    slope = (b[candidate, before + 1] - lower) * inside[..., None]
    return (lower - a) * inside[..., None] + slope * weight, slope, inside
