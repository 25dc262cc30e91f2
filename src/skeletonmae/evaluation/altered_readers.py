"""Readers of clips of which frames were not recorded: a lower rate, dropped frames, an early end."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64, Integer
from torch import Tensor

from skeletonmae.batches import (
    ClipReader,
    SampledFrames,
    Tracks,
    Windows,
)
from skeletonmae.batches.clip_reader import TrackArrays
from skeletonmae.batches.rows import TrackTable


class LowRateReader(ClipReader):
    """Reads recordings as if they had only the frames 0, `step`, 2 `step`, ...; times count these frames."""

    def __init__(self, reader: ClipReader, step: int) -> None:
        vars(self).update(vars(reader))
        self.step = step

    def blocks(self, windows: Windows | SampledFrames) -> Iterator[tuple[slice, Tracks]]:
        """Interpolate between the frames that are kept; after the last of them, the clip stands still."""
        index = windows.recording_index
        times = windows.frame_times(np.arange(len(index)), self.num_frames).round(6)  # as `surrounding_frames`
        last = (self.store.num_frames[index] - 1).clip(min=0)[:, None] // self.step
        return super().blocks(SampledFrames(index, np.minimum(times / self.step, last)))

    def _find_tracks(self, recording_index: np.ndarray) -> tuple[TrackTable, Int64[np.ndarray, " clip"]]:
        tracks, num_tracks = super()._find_tracks(recording_index)
        return replace(tracks, max_gap=tracks.max_gap // self.step, fps=tracks.fps / self.step), num_tracks

    def _read_shard(
        self, shard: int, tracks: TrackTable, times: Float64[np.ndarray, "track frame"]
    ) -> TrackArrays:
        first = -(-tracks.first_frame // self.step)  # counted in frames that are kept
        last = (tracks.first_frame + tracks.last_row - tracks.first_row) // self.step
        is_kept = last >= first
        num_rows = np.where(is_kept, last - first + 1, 1)
        end = np.cumsum(num_rows)
        number = np.arange(num_rows.sum()) - np.repeat(end - num_rows, num_rows)
        start = tracks.first_row + np.where(is_kept, first * self.step - tracks.first_frame, 0)
        rows = self._to_device(np.repeat(start, num_rows) + number * self.step)
        kept = replace(
            tracks,
            first_row=end - num_rows,
            last_row=end - 1,
            # A track between two frames that are kept begins after all times.
            first_frame=np.where(is_kept, first, np.iinfo(np.int32).max),
        )
        reader = copy.copy(self)
        reader.shard_tensors = list(self.shard_tensors)
        positions, bits = self.shard_tensors[shard]
        reader.shard_tensors[shard] = positions.index_select(0, rows), bits.index_select(0, rows)
        return ClipReader._read_shard(reader, shard, kept, times)


class DroppedFramesReader(ClipReader):
    """Reads recordings in which no joint of any person was observed in some of the frames."""

    def __init__(self, reader: ClipReader, share: float, seed: int) -> None:
        vars(self).update(vars(reader))
        self.shard_tensors = [
            (positions, self._without_frames(shard, bits, share, seed))
            for shard, (positions, bits) in enumerate(reader.shard_tensors)
        ]
        self.shard_is_complete = [is_complete and not share for is_complete in reader.shard_is_complete]

    def _without_frames(self, shard: int, bits: Tensor, share: float, seed: int) -> Tensor:
        """Return the bits of the observed joints of a shard, without those of random frames of each recording."""
        first_recording = 0 if shard == 0 else int(self.store.shard_ends[shard - 1])
        recordings = np.arange(first_recording, int(self.store.shard_ends[shard]))
        first_track, end_track = self.store.shards[shard].check_recordings(recordings - first_recording)
        arrays, is_lost = self.store.shards[shard].arrays, np.zeros(len(bits), dtype=bool)
        for recording, first, end in zip(
            recordings.tolist(), first_track.tolist(), end_track.tolist(), strict=True
        ):
            num_frames = int(self.store.num_frames[recording])
            is_frame_lost = np.zeros(num_frames, dtype=bool)
            order = np.random.default_rng((seed, recording)).permutation(num_frames)
            is_frame_lost[order[: round(share * num_frames)]] = True
            for track in range(first, end):
                row, end_row = int(arrays["track_rows"][track]), int(arrays["track_rows"][track + 1])
                start = int(arrays["track_starts"][track])
                is_lost[row:end_row] = is_frame_lost[start : start + end_row - row]
        return bits * self._to_device(~is_lost)[:, None]


class FirstPartReader(ClipReader):
    """Reads recordings as if they had only their first frames."""

    def __init__(self, reader: ClipReader, share: float, stretch: bool) -> None:
        vars(self).update(vars(reader))
        self.share, self.stretch = share, stretch

    def num_recorded_frames(self, recording_index: Integer[np.ndarray, " clip"]) -> Integer[np.ndarray, " clip"]:
        """Return the number of frames of the part."""
        num_frames = self.store.num_frames[recording_index]
        num_kept: Integer[np.ndarray, " clip"] = np.floor(self.share * num_frames + 1e-6).astype(np.int64)
        num_kept = np.minimum(num_kept.clip(min=1), num_frames)
        return num_kept

    def blocks(self, windows: Windows | SampledFrames) -> Iterator[tuple[slice, Tracks]]:
        """Read the part; without `stretch`, at the speed of a clip of the whole recording."""
        index = windows.recording_index
        if self.stretch:
            return super().blocks(windows)
        scale = self.store.num_frames[index] / self.num_recorded_frames(index).clip(min=1)
        if isinstance(windows, Windows):
            duration = np.maximum((windows.last - windows.first + 1) * scale - 1, 0)
            return super().blocks(Windows(index, windows.first, windows.first + duration))
        first = windows.times[:, :1]
        times = first + (windows.times - first) * scale[:, None]
        return super().blocks(SampledFrames(index, np.floor(times.round(6))))

    def _find_tracks(self, recording_index: np.ndarray) -> tuple[TrackTable, Int64[np.ndarray, " clip"]]:
        tracks, num_tracks = super()._find_tracks(recording_index)
        last_frame = self.num_recorded_frames(recording_index)[tracks.clip] - 1
        last_row = np.minimum(tracks.last_row, tracks.first_row + last_frame - tracks.first_frame)
        # A track that begins after the part keeps one row, which no time of a clip reaches.
        first_frame = np.where(tracks.first_frame > last_frame, np.iinfo(np.int32).max, tracks.first_frame)
        last_row = np.maximum(last_row, tracks.first_row)
        return replace(tracks, first_frame=first_frame, last_row=last_row), num_tracks
