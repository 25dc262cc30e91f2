"""Clips from the flat arrays of a store: one indexed read, with linear interpolation in time."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from skeletonmae.sequences import SequenceStore, Shard

BLOCK = 2**20  # bytes of positions made at a time: they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Windows:
    """Which part of which recordings: `first` and `last` are frames, fractions allowed.

    Args:
        recording: place in the store.
        first: the frame in which the clip begins.
        last: the frame in which it ends, itself included.
    """

    recording: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def times(self, clips: np.ndarray, frames: int) -> Float64[np.ndarray, "clip frame"]:
        """When the frames of some clips are, evenly from first to last."""
        share = np.linspace(0.0, 1.0, frames)
        first, last = self.first[clips, None], self.last[clips, None]
        times: Float64[np.ndarray, "clip frame"] = first * (1 - share) + last * share
        return times


@dataclass(frozen=True, eq=False)
class Moments:
    """Single frames of recordings.

    Args:
        recording: place in the store.
        frame: numbers of the frames, fractions allowed; as many as a clip has.
    """

    recording: np.ndarray
    frame: Float64[np.ndarray, "clip frame"]

    def times(self, clips: np.ndarray, frames: int) -> Float64[np.ndarray, "clip frame"]:  # noqa: ARG002
        """When the frames of some clips are."""
        times: Float64[np.ndarray, "clip frame"] = self.frame[clips]
        return times


class Gatherer:
    """Reads clips of a store, from its memory map or from a copy in device memory.

    Args:
        store: where from.
        frames: how many frames a clip is resampled to.
        max_persons: at most so many persons a clip, the first ones of the recording.
        device: if given, the arrays are copied there once and clips are made there.
    """

    def __init__(
        self,
        store: SequenceStore,
        frames: int,
        max_persons: int = 2,
        device: torch.device | str | None = None,
    ) -> None:
        self.store, self.frames, self.max_persons = store, frames, max_persons
        self.device = torch.device(device or "cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the map is for reading only: nothing here writes to it
            self.flat = [
                tuple(torch.from_numpy(shard.arrays[name]).to(self.device) for name in ("positions", "observed"))
                for shard in store.shards
            ]
        joint = torch.arange(store.skeleton.num_joints, device=self.device)
        self.byte, self.bit = joint // 8, (joint % 8).to(torch.uint8)
        on_cpu, size = self.device.type == "cpu", 4 * frames * store.skeleton.num_joints * store.axes
        self.block = max(1, BLOCK // size) if on_cpu else sys.maxsize

    def __call__(
        self, windows: Windows | Moments
    ) -> tuple[Float[Tensor, "batch person frame joint axis"], Bool[Tensor, "batch person frame joint"]]:
        """Positions (float32, 0 where not observed) and observed flags of the clips.

        A frame between two recorded ones is their linear interpolation, and observed if both are.
        """
        store = self.store
        shard_of = np.searchsorted(store.shard_ends, windows.recording, side="right")
        begins = np.concatenate([[0], store.shard_ends[:-1]])
        local = windows.recording - begins[shard_of]
        counts = np.zeros(len(local), dtype=np.int64)
        tracks = np.zeros(len(local), dtype=np.int64)
        for number in np.unique(shard_of):
            mine = shard_of == number
            index = store.shards[number].arrays["recordings"]
            tracks[mine] = index[local[mine]]
            counts[mine] = index[local[mine] + 1] - tracks[mine]
        counts = counts.clip(max=self.max_persons)
        num_persons = max(1, int(counts.max(initial=0)))
        sample, person = np.nonzero(np.arange(num_persons) < counts[:, None])
        row = sample * num_persons + person
        shape = (len(local) * num_persons, self.frames, store.skeleton.num_joints)
        new = torch.empty if len(row) == shape[0] else torch.zeros
        positions = new((*shape, store.axes), device=self.device)
        observed = new(shape, dtype=torch.bool, device=self.device)
        for number in np.unique(shard_of[sample]):
            mine = np.flatnonzero(shard_of[sample] == number)
            for part in np.array_split(mine, -(-len(mine) // self.block)):
                s, place = sample[part], torch.from_numpy(row[part]).to(self.device)
                values, seen = self._read(
                    store.shards[number],
                    self.flat[number],
                    tracks[s] + person[part],
                    windows.times(s, self.frames),
                )
                positions.index_copy_(0, place, values)
                observed.index_copy_(0, place, seen)
        persons = (len(local), num_persons)
        return positions.view(*persons, *positions.shape[1:]), observed.view(*persons, *observed.shape[1:])

    def _read(
        self, shard: Shard, flat: tuple[Tensor, ...], track: np.ndarray, times: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        begin = shard.arrays["track_rows"][track][:, None]
        end = shard.arrays["track_rows"][track + 1][:, None] - begin - 1
        times -= shard.arrays["track_starts"][track][:, None]
        times = times.round(6)  # a frame that is met is met exactly, not 1e-15 beside
        before = np.floor(times)
        weight = (times - before).astype(np.float32)
        inside = (times >= 0) & (times <= end)
        low = begin + np.clip(before.astype(np.int64), 0, end)
        high = np.minimum(low + (weight > 0), begin + end)  # a frame that is met needs no second one
        low, high, part, there = (
            torch.from_numpy(array.reshape(-1)).to(self.device) for array in (low, high, weight, inside)
        )
        values = flat[0].index_select(0, low).float()
        values.flatten(1).lerp_(flat[0].index_select(0, high).float().flatten(1), part[:, None])
        bits = flat[1].index_select(0, low) & flat[1].index_select(0, high)
        seen = self._unpack(bits * there[:, None])
        if self.device.type != "cpu" or not seen.all():  # a GPU would have to wait for the answer
            values.masked_fill_(~seen[..., None], 0.0)
        shape = (len(track), self.frames, len(self.byte))
        return values.view(*shape, self.store.axes), seen.view(shape)

    def _unpack(self, bits: Tensor) -> Tensor:
        if self.device.type == "cpu":
            flags = np.unpackbits(bits.numpy(), axis=1, count=len(self.byte), bitorder="little")
            return torch.from_numpy(flags).view(torch.bool)
        return ((bits[:, self.byte] >> self.bit) & 1).bool()
