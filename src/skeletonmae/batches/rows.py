"""The rows of a shard that sampled frames are made of, and their interpolation in time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Shaped
from torch import Tensor
from torch.nn import functional

from skeletonmae.sequences.clip_sampling import surrounding_frames


@dataclass(frozen=True, eq=False)
class TrackTable:
    """Where the tracks to read are.

    Args:
        clip: Index of the clip that each track belongs to, in ascending order.
        person: Index of the person in that clip.
        shard: Index of the shard.
        first_row: First row of the track in the shard.
        last_row: Last row of the track.
        first_frame: Frame of the recording in which the track begins.
        max_gap: Largest number of missing frames that is bridged.
        fps: Frames per second of the recording, in which times are counted; NaN where it is unknown.
    """

    clip: Int64[np.ndarray, " track"]
    person: Int64[np.ndarray, " track"]
    shard: Int64[np.ndarray, " track"]
    first_row: Int64[np.ndarray, " track"]
    last_row: Int64[np.ndarray, " track"]
    first_frame: Int64[np.ndarray, " track"]
    max_gap: Int64[np.ndarray, " track"]
    fps: Float[np.ndarray, " track"]

    def select(self, tracks: np.ndarray | slice) -> TrackTable:
        """Return the table of some of the tracks."""
        return TrackTable(*(getattr(self, field.name)[tracks] for field in fields(self)))


class SampledRows(NamedTuple):
    """What to interpolate for each frame of each track.

    Args:
        low: Row of the shard at or before the time of the frame; within a track, they are in ascending order.
        high: Row at or after it: the same one, or the next.
        weight: Weight of the second row.
        in_range: Whether the time lies within the track.
    """

    low: Int64[np.ndarray, "track frame"]
    high: Int64[np.ndarray, "track frame"]
    weight: Float[np.ndarray, "track frame"]
    in_range: Bool[np.ndarray, "track frame"]


def sampled_rows(tracks: TrackTable, times: Float64[np.ndarray, "track frame"]) -> SampledRows:
    """Return the rows of each track at the given times, which are counted in frames of its recording."""
    first_row = tracks.first_row[:, None]
    last_frame = tracks.last_row[:, None] - first_row  # of the track, counted from its own first
    low, high, weight, in_range = surrounding_frames(times - tracks.first_frame[:, None], last_frame)
    return SampledRows(low + first_row, high + first_row, weight, in_range)


class NeededRows(NamedTuple):
    """The rows of some tracks that bridge gaps in sampled frames, each of them once.

    Args:
        rows: Index of each row in its shard. The rows of one track follow those of the one before.
        low: Position in `rows` of `SampledRows.low`.
        high: Position in `rows` of `SampledRows.high`.
        max_gap: Largest number of missing rows that is bridged, for each row; 0 if no frame is sampled there.
        num_before: Number of rows of the same track that precede each row.
        num_after: Number of rows of the same track that follow it.
    """

    rows: Int64[np.ndarray, " row"]
    low: Int64[np.ndarray, "track frame"]
    high: Int64[np.ndarray, "track frame"]
    max_gap: Int64[np.ndarray, " row"]
    num_before: Int64[np.ndarray, " row"]
    num_after: Int64[np.ndarray, " row"]


def needed_rows(sampled: SampledRows, tracks: TrackTable) -> NeededRows:
    """Collect the rows up to `max_gap` before and after each sampled frame, within its track."""
    low, max_gap = sampled.low, tracks.max_gap[:, None]
    high = np.where(sampled.in_range, sampled.high, low)  # in ascending order before the track begins, too
    begin = np.maximum(low - max_gap, tracks.first_row[:, None])
    last = np.minimum(high + max_gap, tracks.last_row[:, None])
    np.maximum(begin[:, 1:], last[:, :-1] + 1, out=begin[:, 1:])  # each row once
    length = last + 1 - begin
    end = np.cumsum(length).reshape(length.shape)
    position = np.arange(length.sum())
    rows = position + np.repeat((begin + length - end).reshape(-1), length.reshape(-1))
    from_last = end - 1 - last
    low, high = low + from_last, high + from_last
    max_gap_of_row = np.zeros(len(rows), dtype=np.int64)
    for sampled_position in (low, high):
        max_gap_of_row[sampled_position] = max_gap
    num_rows = length.sum(1)
    track_end = np.cumsum(num_rows)
    num_before = position - np.repeat(track_end - num_rows, num_rows)
    num_after = np.repeat(track_end - 1, num_rows) - position
    return NeededRows(rows, low, high, max_gap_of_row, num_before, num_after)


def interpolate_rows(
    rows: Shaped[Tensor, "row joint axis"],
    low: Int64[Tensor, " frame"],
    high: Int64[Tensor, " frame"],
    weight: Float[Tensor, " frame"],
) -> Float[Tensor, "frame joint axis"]:
    """Return `(1 - weight) * rows[low] + weight * rows[high]` in float32."""
    if rows.dtype != torch.float32:
        rows = rows.index_select(0, torch.cat([low, high])).float()
        low, high = torch.arange(len(rows), device=rows.device).view(2, -1)
    # The weighted sum of two rows in one pass takes a third of the time of two copies and `lerp`.
    pairs, weights = torch.stack([low, high], 1), torch.stack([1 - weight, weight], 1)
    frames = functional.embedding_bag(pairs, rows.flatten(1), mode="sum", per_sample_weights=weights)
    return frames.view(len(low), *rows.shape[1:])
