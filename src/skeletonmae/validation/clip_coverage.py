"""How much of the clips of recordings is observed, as a model will see them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from skeletonmae.sequences.clip_sampling import ClipSampling, longest_bridged_gap, surrounding_frames
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding
from skeletonmae.validation.recording_table import RecordingTable

MIN_CLIP_SHARE = 0.5
"""Share of the joints of a clip that must be observed. With less, most of what a model sees is missing."""
MAX_CHUNK_CELLS = 2**22
"""Joints of sampled frames that are held in memory at once."""


class Clips(Check):
    """A recording whose clip shows no joint: an error; one with less than half of its joints observed: a warning.

    The clip is the one that evaluation and prediction use, after resampling and the bridging of short gaps. Of
    several persons, the one with the most observed joints counts. Recordings without any observed joint are
    reported by `empty`.
    """

    name = "clips"

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one finding per such recording."""
        share, recorded = table.column("clip_share"), table.column("recorded_share")
        for index in np.flatnonzero(share < MIN_CLIP_SHARE).tolist():
            as_recorded = f"{recorded[index]:.0%} of the joints were recorded"
            if share[index] == 0:
                yield self.finding("error", f"no joint is observed in its clip; {as_recorded}", table.names[index])
            else:
                message = f"{share[index]:.0%} of the joints are observed in its clip; {as_recorded}"
                yield self.finding("warning", message, table.names[index])


def measure_clips(block: RecordingBlock, sampling: ClipSampling) -> dict[str, np.ndarray]:
    """Measure which share of the joints is observed, of the best observed person.

    Args:
        block: the recordings.
        sampling: how they become clips.

    Returns:
        `recorded_share`, of all frames of each recording, and `clip_share`, of the frames of its clip:
        `(recording,)` each, and NaN for a recording without any observed joint.
    """
    recording = block.recording_index
    first_track = np.searchsorted(recording, recording)
    in_clip = np.flatnonzero(np.arange(len(recording)) - first_track < sampling.max_persons)
    num_frames = np.array([one.num_frames for one in block.recordings], dtype=np.int64)[recording]
    observed = block.observed | block.zero  # as it was recorded, which is what a model sees
    recorded_share = block.sum_per_track(observed).sum(1) / np.maximum(num_frames * observed.shape[1], 1)
    columns = {}
    for name, share in {
        "recorded_share": recorded_share[in_clip],
        "clip_share": _clip_share(block, observed, num_frames, in_clip, sampling),
    }.items():
        values = np.full(len(block.recordings), np.nan)
        np.fmax.at(values, recording[in_clip], share)
        columns[name] = values
    return columns


def _clip_share(
    block: RecordingBlock, observed: np.ndarray, num_frames: np.ndarray, tracks: np.ndarray, sampling: ClipSampling
) -> Float[np.ndarray, " track"]:
    """Share of the joints that is observed or bridged in the clip of each of `tracks`."""
    row = np.arange(len(observed))[:, None]
    # The last row at or before each row, and the first at or after it, in which the joint was observed.
    previous = np.maximum.accumulate(np.where(observed, row, -1))
    following = np.minimum.accumulate(np.where(observed, row, len(row))[::-1])[::-1]
    max_gap = longest_bridged_gap(block.fps.astype(np.float32), sampling.bridge_seconds)
    cells_per_track = sampling.frames * observed.shape[1]
    num_chunks = -(-len(tracks) * cells_per_track // MAX_CHUNK_CELLS) or 1
    shares = [np.zeros(0)]
    for chunk in np.array_split(tracks, min(num_chunks, max(len(tracks), 1))):
        first_row, length = block.track_starts[chunk, None], block.track_lengths[chunk, None]
        times = sampling.test_times(num_frames[chunk]) - block.start_frame[chunk, None]
        low, high, _, in_range = surrounding_frames(times, length - 1)
        before, after = previous[first_row + low], following[first_row + high]
        is_observed = (before >= first_row[..., None]) & (after < (first_row + length)[..., None])
        is_observed &= (after - before - 1 <= max_gap[chunk, None, None]) & in_range[..., None]
        shares.append(is_observed.mean((1, 2)))
    return np.concatenate(shares)
