"""Clips from the flat arrays of a store: one indexed read, with linear interpolation in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.sequences import SequenceStore, Shard


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
        self.flat = [
            tuple(torch.from_numpy(shard.arrays[name]).to(self.device) for name in ("positions", "observed"))
            for shard in store.shards
        ]
        joint = torch.arange(store.skeleton.num_joints, device=self.device)
        self.byte, self.bit = joint // 8, (joint % 8).to(torch.uint8)

    def __call__(
        self, windows: Windows
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
        shape = (len(local), num_persons, self.frames, store.skeleton.num_joints)
        positions = torch.zeros((*shape, store.axes), device=self.device)
        observed = torch.zeros(shape, dtype=torch.bool, device=self.device)
        sample, person = np.nonzero(np.arange(num_persons) < counts[:, None])
        for number in np.unique(shard_of[sample]):
            mine = shard_of[sample] == number
            s, p = sample[mine], person[mine]
            place = torch.from_numpy(s).to(self.device), torch.from_numpy(p).to(self.device)
            positions[place], observed[place] = self._read(
                store.shards[number], self.flat[number], tracks[s] + p, windows.first[s], windows.last[s]
            )
        return positions, observed

    def _read(
        self, shard: Shard, flat: tuple[Tensor, ...], track: np.ndarray, first: np.ndarray, last: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        begin = shard.arrays["track_rows"][track]
        length = shard.arrays["track_rows"][track + 1] - begin
        share = np.linspace(0.0, 1.0, self.frames)
        times = first[:, None] * (1 - share) + last[:, None] * share
        times = times - shard.arrays["track_starts"][track][:, None]
        times = times.round(6)  # a frame that is met is met exactly, not 1e-15 beside
        before = np.floor(times).astype(np.int64)
        weight = (times - before).astype(np.float32)
        ends = length[:, None] - 1
        inside = (times >= 0) & (times <= ends)
        rows = [begin[:, None] + np.clip(before + step, 0, ends) for step in (0, 1)]
        low, high = (torch.from_numpy(r.reshape(-1)).to(self.device) for r in rows)
        part = torch.from_numpy(weight).to(self.device)[..., None]
        shape = (len(track), self.frames, -1)
        seen = (self._bits(flat[1], low) & self._bits(flat[1], high).logical_or(part.view(-1, 1) == 0)).view(shape)
        seen &= torch.from_numpy(inside).to(self.device)[..., None]
        values = [flat[0].index_select(0, r).float().view(*shape, self.store.axes) for r in (low, high)]
        return torch.lerp(values[0], values[1], part[..., None]).masked_fill_(~seen[..., None], 0.0), seen

    def _bits(self, packed: Tensor, rows: Tensor) -> Tensor:
        return ((packed.index_select(0, rows)[:, self.byte] >> self.bit) & 1).bool()
