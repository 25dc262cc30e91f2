"""Clips from the flat arrays of a store: one indexed read, with linear interpolation in time."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Integer
from torch import Tensor

from skeletonmae.batches.gaps import GapBridge
from skeletonmae.sequences import SequenceStore, Shard
from skeletonmae.sequences.clip_sampling import evenly_spaced, longest_bridged_gap, surrounding_frames

CHUNK_BYTES = 2**20
"""Size of the positions that are interpolated at once on the CPU, so that they stay in its cache."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The part of a recording that each clip covers. Times are in frames of the recording and may be fractional.

    Args:
        recording_index: Index of each recording in the store.
        first: Time at which the clip begins.
        last: Time at which the clip ends, inclusive.
    """

    recording_index: Integer[np.ndarray, " clip"]
    first: Float64[np.ndarray, " clip"]
    last: Float64[np.ndarray, " clip"]

    def frame_times(self, clips: np.ndarray, num_frames: int) -> Float64[np.ndarray, "clip frame"]:
        """Return `num_frames` evenly spaced times, from first to last, for each of `clips`."""
        return evenly_spaced(self.first[clips], self.last[clips], num_frames)


@dataclass(frozen=True, eq=False)
class SampledFrames:
    """Single frames of each recording, as in Temporal Segment Networks.

    Args:
        recording_index: Index of each recording in the store.
        times: The frames of each clip, as many as a clip has.
    """

    recording_index: Integer[np.ndarray, " clip"]
    times: Float64[np.ndarray, "clip frame"]

    def frame_times(self, clips: np.ndarray, num_frames: int) -> Float64[np.ndarray, "clip frame"]:  # noqa: ARG002
        """Return the times of the frames of each of `clips`."""
        times: Float64[np.ndarray, "clip frame"] = self.times[clips]
        return times


class ClipArrays(NamedTuple):
    """Clips as arrays. Positions are 0 where not observed; bridged joints count as observed."""

    positions: Float[Tensor, "batch person frame joint axis"]
    observed: Bool[Tensor, "batch person frame joint"]
    bridged: Bool[Tensor, "batch person frame joint"]


class ClipReader:
    """Reads clips of a store, from its memory map or from a copy in device memory.

    Args:
        store: The store to read.
        num_frames: Number of frames that each clip is resampled to.
        max_persons: Maximum number of persons per clip; the first ones of the recording are read.
        device: Where clips are made; if it is a GPU, the arrays of the store are copied there once.
        bridge_seconds: Longest gap in which joints that were not observed are interpolated; 0 bridges nothing.
    """

    def __init__(
        self,
        store: SequenceStore,
        num_frames: int,
        max_persons: int = 2,
        device: torch.device | str | None = None,
        bridge_seconds: float = 0.0,
    ) -> None:
        self.bridge_seconds = bridge_seconds
        self.store, self.num_frames, self.max_persons = store, num_frames, max_persons
        self.device = torch.device(device or "cpu")
        if self.device.type == "cpu":
            store.expect_random_reads()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the memory map is read-only, and nothing here writes to it
            self.shard_tensors = [
                (
                    torch.from_numpy(shard.arrays["positions"]).to(self.device),
                    torch.from_numpy(shard.arrays["observed"]).to(self.device),
                )
                for shard in store.shards
            ]
        joint = torch.arange(store.skeleton.num_joints, device=self.device)
        self.byte_of_joint, self.bit_of_joint = joint // 8, (joint % 8).to(torch.uint8)
        track_bytes = 4 * num_frames * store.skeleton.num_joints * store.axes
        on_cpu = self.device.type == "cpu"
        self.tracks_per_chunk = max(1, CHUNK_BYTES // track_bytes) if on_cpu else sys.maxsize

    def __call__(self, windows: Windows | SampledFrames) -> ClipArrays:
        """Read clips.

        A clip frame between two recorded frames is their linear interpolation, and is observed if both are. A
        joint that is missing in one of them, or at a recorded frame, is interpolated between the last observed
        frame before and the first one after, if not too many frames are missing in between: it is bridged.
        """
        shard_index, first_track, num_tracks, max_gap = self._find_tracks(windows.recording_index)
        num_clips = len(shard_index)
        num_present = num_tracks.clip(max=self.max_persons)
        num_persons = max(1, int(num_present.max(initial=0)))
        # One entry for each track to read: its clip, its person, and its row in the result.
        clip_index, person_index = np.nonzero(np.arange(num_persons) < num_present[:, None])
        row = clip_index * num_persons + person_index
        num_rows, num_joints = num_clips * num_persons, self.store.skeleton.num_joints
        new = torch.empty if len(row) == num_rows else torch.zeros  # without absent persons, every row is written
        positions = new((num_rows, self.num_frames, num_joints, self.store.axes), device=self.device)
        observed = new((num_rows, self.num_frames, num_joints), dtype=torch.bool, device=self.device)
        bridged = torch.zeros(observed.shape, dtype=torch.bool, device=self.device)
        for shard in np.unique(shard_index[clip_index]):
            in_shard = np.flatnonzero(shard_index[clip_index] == shard)
            for chunk in np.array_split(in_shard, -(-len(in_shard) // self.tracks_per_chunk)):
                clips = clip_index[chunk]
                chunk_positions, chunk_observed, chunk_bridged = self._read_tracks(
                    int(shard),
                    first_track[clips] + person_index[chunk],
                    windows.frame_times(clips, self.num_frames),
                    max_gap[clips],
                )
                chunk_row = torch.from_numpy(row[chunk]).to(self.device)
                positions.index_copy_(0, chunk_row, chunk_positions)
                observed.index_copy_(0, chunk_row, chunk_observed)
                if chunk_bridged is not None:
                    bridged.index_copy_(0, chunk_row, chunk_bridged)
        arrays = (array.view(num_clips, num_persons, *array.shape[1:]) for array in (positions, observed, bridged))
        return ClipArrays(*arrays)

    def _find_tracks(
        self, recording_index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Int64[np.ndarray, " clip"]]:
        """Return the shard, the first track there, the number of tracks and the longest gap to bridge."""
        shard_ends = self.store.shard_ends
        shard_index = np.searchsorted(shard_ends, recording_index, side="right")
        index_in_shard = recording_index - np.concatenate([[0], shard_ends[:-1]])[shard_index]
        first_track = np.zeros(len(recording_index), dtype=np.int64)
        end_track = np.zeros(len(recording_index), dtype=np.int64)
        max_gap = np.zeros(len(recording_index), dtype=np.int64)
        for shard in np.unique(shard_index):
            in_shard = shard_index == shard
            checked = self.store.shards[shard].check_recordings(index_in_shard[in_shard])
            first_track[in_shard], end_track[in_shard] = checked
            if self.bridge_seconds:
                fps = self.store.shards[shard].arrays["fps"][index_in_shard[in_shard]]
                max_gap[in_shard] = longest_bridged_gap(fps, self.bridge_seconds)
        return shard_index, first_track, end_track - first_track, max_gap

    def _read_tracks(
        self,
        shard_index: int,
        track: Int64[np.ndarray, " track"],
        times: Float64[np.ndarray, "track frame"],
        max_gap: Int64[np.ndarray, " track"],
    ) -> tuple[
        Float[Tensor, "track frame joint axis"],
        Bool[Tensor, "track frame joint"],
        Bool[Tensor, "track frame joint"] | None,
    ]:
        """Read tracks of one shard at the given times, counted in frames of their recordings.

        Returns:
            Positions, whether each joint is observed, and whether it is bridged; None if nothing is.
        """
        shard = self.store.shards[shard_index]
        low, high, weight, in_range = (
            torch.from_numpy(array.reshape(-1)).to(self.device) for array in _interpolation(shard, track, times)
        )
        shard_positions, shard_observed = self.shard_tensors[shard_index]
        positions = shard_positions.index_select(0, low).float()
        positions.flatten(1).lerp_(shard_positions.index_select(0, high).float().flatten(1), weight[:, None])
        bits = shard_observed.index_select(0, low) & shard_observed.index_select(0, high)
        observed = self._unpack_bits(bits * in_range[:, None])
        bridged = None
        if self.device.type != "cpu" or not observed.all():  # on a GPU, the test would cost a synchronization
            positions.masked_fill_(~observed[..., None], 0.0)
            if max_gap.any():
                ends = (shard.arrays["track_rows"][track], shard.arrays["track_rows"][track + 1] - 1, max_gap)
                first_row, last_row, gap = (
                    torch.from_numpy(np.repeat(array, self.num_frames)).to(self.device) for array in ends
                )
                bridge = GapBridge(shard_positions, shard_observed, first_row, last_row, gap)
                bridged = bridge(positions, observed, low, high, weight, in_range)
        frames = (len(track), self.num_frames)
        return (
            positions.view(*frames, *positions.shape[1:]),
            observed.view(*frames, *observed.shape[1:]),
            None if bridged is None else bridged.view(*frames, *bridged.shape[1:]),
        )

    def _unpack_bits(self, bits: Tensor) -> Bool[Tensor, "row joint"]:
        if self.device.type == "cpu":
            flags = np.unpackbits(bits.numpy(), axis=1, count=len(self.byte_of_joint), bitorder="little")
            return torch.from_numpy(flags).view(torch.bool)
        return ((bits[:, self.byte_of_joint] >> self.bit_of_joint) & 1).bool()


def _interpolation(
    shard: Shard, track: Int64[np.ndarray, " track"], times: Float64[np.ndarray, "track frame"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what to interpolate for each frame of each track, `(track, frame)`.

    Returns:
        The rows of the shard before and after the time, the weight of the second, and whether the time lies within
        the track.
    """
    track_rows = shard.arrays["track_rows"]
    first_row = track_rows[track][:, None]
    last_frame = track_rows[track + 1][:, None] - first_row - 1  # of the track, counted from its own first
    times_in_track = times - shard.arrays["track_starts"][track][:, None]
    low, high, weight, in_range = surrounding_frames(times_in_track, last_frame)
    return first_row + low, first_row + high, weight, in_range
