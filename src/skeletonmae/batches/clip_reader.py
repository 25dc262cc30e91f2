"""Clips from the flat arrays of a store: one indexed read, with linear interpolation in time."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Integer
from torch import Tensor

from skeletonmae.batches.gaps import bridge_gaps
from skeletonmae.batches.rows import SampledRows, TrackTable, interpolate_rows, needed_rows, sampled_rows
from skeletonmae.batches.tracks import Tracks
from skeletonmae.batches.unobserved import set_unobserved_to_zero_
from skeletonmae.batches.windows import SampledFrames, Windows
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.clip_sampling import longest_bridged_gap

BLOCK_BYTES = 2**24
"""Size of the positions of a block of clips on the CPU, which fits in the cache that the cores share. In smaller
blocks, the time that each operation takes to start counts: with blocks of 1 MiB, reading takes twice as long."""


class TrackArrays(NamedTuple):
    """Tracks as arrays. Positions are 0 where not observed; bridged joints count as observed."""

    positions: Float[Tensor, "track frame joint axis"]
    observed: Bool[Tensor, "track frame joint"]
    bridged: Bool[Tensor, "track frame joint"]


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
        on_cpu = self.device.type == "cpu"
        if on_cpu:
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
        num_joints = store.skeleton.num_joints
        self.all_bits = np.packbits(np.ones(num_joints, dtype=bool), bitorder="little")
        joint = torch.arange(num_joints, device=self.device)
        self.byte_of_joint, self.bit_of_joint = joint // 8, (joint % 8).to(torch.uint8)
        # A GPU is asked only once whether everything is observed, because each answer stops it.
        all_bits = torch.from_numpy(self.all_bits).to(self.device)
        self.shard_is_complete = [not on_cpu and bool((bits == all_bits).all()) for _, bits in self.shard_tensors]
        track_bytes = 4 * num_frames * num_joints * store.axes
        self.tracks_per_block = max(1, BLOCK_BYTES // track_bytes) if on_cpu else sys.maxsize

    def num_recorded_frames(self, recording_index: Integer[np.ndarray, " clip"]) -> Integer[np.ndarray, " clip"]:
        """Return the number of frames of recordings, in which the moments of clips are chosen."""
        num_frames: Integer[np.ndarray, " clip"] = self.store.num_frames[recording_index]
        return num_frames

    def __call__(self, windows: Windows | SampledFrames) -> Tracks:
        """Read all tracks of all clips, also those without an observed joint in the clip.

        A clip frame between two recorded frames is their linear interpolation, and is observed if both are. A
        joint that is missing in one of them, or at a recorded frame, is interpolated between the last observed
        frame before and the first one after, if not too many frames are missing in between: it is bridged.
        """
        return Tracks.concat([tracks for _, tracks in self.blocks(windows)])

    def blocks(self, windows: Windows | SampledFrames) -> Iterator[tuple[slice, Tracks]]:
        """Read a few clips at a time, so that whatever is done with them finds them in the processor's cache.

        On a GPU, and if there are no clips, there is one block.

        Yields:
            Which clips of the batch a block contains, and their tracks.
        """
        table, num_tracks = self._find_tracks(windows.recording_index)
        first_track = np.cumsum(num_tracks) - num_tracks
        num_blocks = max(1, -(-len(table.clip) // self.tracks_per_block))
        begin = np.searchsorted(first_track, np.arange(num_blocks) * (len(table.clip) / num_blocks))
        ends = [*np.unique(begin).tolist(), len(num_tracks)]
        for first, last in itertools.pairwise(ends):
            in_block = slice(*np.searchsorted(table.clip, [first, last]))
            block = table.select(in_block)
            times = windows.frame_times(block.clip, self.num_frames)
            arrays = self._read_tracks(block, times)
            clip, person = self._to_device(block.clip - first), self._to_device(block.person)
            duration = ((times[:, -1] - times[:, 0]) / block.fps).astype(np.float32)
            tracks = Tracks(
                arrays.positions,
                arrays.observed,
                clip,
                person,
                num_clips=last - first,
                skeleton=self.store.skeleton,
                bridged=arrays.bridged,
                num_persons=max(1, int(num_tracks.max(initial=0))),
                duration=self._to_device(duration),
            )
            yield slice(first, last), tracks

    def _find_tracks(self, recording_index: np.ndarray) -> tuple[TrackTable, Int64[np.ndarray, " clip"]]:
        """Return the tracks to read of the recordings, and their number for each recording."""
        shard_ends = self.store.shard_ends
        shard_index = np.searchsorted(shard_ends, recording_index, side="right")
        index_in_shard = recording_index - np.concatenate([[0], shard_ends[:-1]])[shard_index]
        first_track, end_track, max_gap = np.zeros((3, len(recording_index)), dtype=np.int64)
        fps = np.full(len(recording_index), np.nan, dtype=np.float32)
        for shard in np.unique(shard_index):
            in_shard = shard_index == shard
            checked = self.store.shards[shard].check_recordings(index_in_shard[in_shard])
            first_track[in_shard], end_track[in_shard] = checked
            fps[in_shard] = self.store.shards[shard].arrays["fps"][index_in_shard[in_shard]]
            if self.bridge_seconds:
                max_gap[in_shard] = longest_bridged_gap(fps[in_shard], self.bridge_seconds)
        num_persons = (end_track - first_track).clip(max=self.max_persons)
        clip, person = np.nonzero(np.arange(num_persons.max(initial=0)) < num_persons[:, None])
        shard_of_track, track = shard_index[clip], first_track[clip] + person
        first_row, last_row, first_frame = np.zeros((3, len(clip)), dtype=np.int64)
        for shard in np.unique(shard_of_track):
            in_shard = shard_of_track == shard
            arrays, tracks = self.store.shards[shard].arrays, track[in_shard]
            first_row[in_shard] = arrays["track_rows"][tracks]
            last_row[in_shard] = arrays["track_rows"][tracks + 1] - 1
            first_frame[in_shard] = arrays["track_starts"][tracks]
        table = TrackTable(
            clip, person, shard_of_track, first_row, last_row, first_frame, max_gap[clip], fps[clip]
        )
        return table, num_persons

    def _read_tracks(self, tracks: TrackTable, times: Float64[np.ndarray, "track frame"]) -> TrackArrays:
        """Read tracks at the given times, counted in frames of their recordings."""
        shards = np.unique(tracks.shard).tolist() or [0]
        if len(shards) == 1:
            return self._read_shard(shards[0], tracks, times)
        parts, order = [], []
        for shard in shards:
            in_shard = np.flatnonzero(tracks.shard == shard)
            parts.append(self._read_shard(shard, tracks.select(in_shard), times[in_shard]))
            order.append(in_shard)
        back = self._to_device(np.argsort(np.concatenate(order)))
        return TrackArrays(*(torch.cat(values).index_select(0, back) for values in zip(*parts, strict=True)))

    def _read_shard(
        self, shard: int, tracks: TrackTable, times: Float64[np.ndarray, "track frame"]
    ) -> TrackArrays:
        """Read tracks of one shard."""
        shape = (*times.shape, self.store.skeleton.num_joints)
        rows = sampled_rows(tracks, times)
        low, high, weight, in_range = (self._to_device(values.reshape(-1)) for values in rows)
        positions, bits = self.shard_tensors[shard]
        frame_bits = bits.index_select(0, low) & bits.index_select(0, high)
        bridged = torch.zeros(shape, dtype=torch.bool, device=self.device)
        if rows.in_range.all() and self._is_complete(shard, frame_bits):
            frames = interpolate_rows(positions, low, high, weight)
            return TrackArrays(frames.view(*shape, self.store.axes), ~bridged, bridged)
        if not tracks.max_gap.any() or self.shard_is_complete[shard]:
            observed = self._unpack_bits(frame_bits * in_range[:, None])
        else:
            positions, row_observed, row_bridged, low, high = self._bridge_rows(shard, rows, tracks)
            flags = row_observed.view(torch.uint8) | (row_bridged.view(torch.uint8) << 1)
            flags_low, flags_high = flags.index_select(0, low), flags.index_select(0, high)
            observed = (flags_low & flags_high & in_range[:, None]).view(torch.bool)
            bridged = ((flags_low | flags_high) >> 1).view(torch.bool) & observed
        observed = observed.view(shape)
        frames = interpolate_rows(positions, low, high, weight).view(*shape, self.store.axes)
        return TrackArrays(set_unobserved_to_zero_(frames, observed), observed, bridged.view(shape))

    def _bridge_rows(
        self, shard: int, sampled: SampledRows, tracks: TrackTable
    ) -> tuple[
        Float[Tensor, "row joint axis"],
        Bool[Tensor, "row joint"],
        Bool[Tensor, "row joint"],
        Int64[Tensor, " frame"],
        Int64[Tensor, " frame"],
    ]:
        """Copy the rows that the sampled frames need, and bridge the gaps in them.

        Returns:
            Of the rows: positions, whether each joint is observed, whether it is bridged. Of the sampled frames:
            the positions of the rows at or before them, and at or after them.
        """
        needed = needed_rows(sampled, tracks)
        rows, low, high, max_gap, num_before, num_after = (self._to_device(v.reshape(-1)) for v in needed)
        positions, bits = (values.index_select(0, rows) for values in self.shard_tensors[shard])
        positions, observed = positions.float(), self._unpack_bits(bits)
        longest = int(needed.max_gap.max(initial=0))
        bridged = bridge_gaps(
            positions, observed, max_gap, num_before, num_after, longest, dense=not positions.is_cpu
        )
        return positions, observed, bridged, low, high

    def _is_complete(self, shard: int, bits: Integer[Tensor, "frame byte"]) -> bool:
        """Whether every joint is observed; on a GPU, whether that is known without looking at the bits."""
        if not bits.is_cpu:
            return self.shard_is_complete[shard]
        return bool((bits.numpy() == self.all_bits).all())

    def _unpack_bits(self, bits: Integer[Tensor, "row byte"]) -> Bool[Tensor, "row joint"]:
        if not bits.is_cpu:
            return ((bits[:, self.byte_of_joint] >> self.bit_of_joint) & 1).bool()
        flags = np.unpackbits(bits.numpy(), axis=1, count=len(self.byte_of_joint), bitorder="little")
        return torch.from_numpy(flags).view(torch.bool)

    def _to_device(self, array: np.ndarray) -> Tensor:
        return to_device(torch.from_numpy(array), self.device)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor to a device; a copy to a GPU does not wait for what the GPU computes."""
    if device.type == "cuda" and not tensor.is_cuda:
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
