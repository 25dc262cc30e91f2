"""Random numbers that depend on the sample, not on the batch, the process or the device."""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

# The increment and the two multipliers of SplitMix64, as signed 64-bit integers.
_INCREMENT = 0x9E3779B97F4A7C15 - 2**64
_MULTIPLIER_1 = 0xBF58476D1CE4E5B9 - 2**64
_MULTIPLIER_2 = 0x94D049BB133111EB - 2**64


def splitmix64(x: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
    """Hash 64-bit integers with the output function of SplitMix64.

    Source: Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014.
    """
    if not x.is_cpu:
        return _splitmix64_of_tensor(x)
    # numpy has unsigned integers, and takes a third of the time.
    bits: np.ndarray = x.numpy().view(np.uint64)
    bits = (bits ^ (bits >> 30)) * np.uint64(_MULTIPLIER_1 % 2**64)
    bits = (bits ^ (bits >> 27)) * np.uint64(_MULTIPLIER_2 % 2**64)
    return torch.from_numpy((bits ^ (bits >> 31)).view(np.int64))


def _splitmix64_of_tensor(x: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
    x = (x ^ _shift_right(x, 30)) * _MULTIPLIER_1
    x = (x ^ _shift_right(x, 27)) * _MULTIPLIER_2
    return x ^ _shift_right(x, 31)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Shift without sign extension; torch's `>>` copies the sign bit."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def sample_keys(seed: int, epoch: int, index: Int64[Tensor, " batch"]) -> Int64[Tensor, " batch"]:
    """Return one key for each sample: a pure function of (seed, epoch, index).

    Args:
        seed: Seed of the run.
        epoch: Index of the epoch.
        index: Index of each recording in the store.
    """
    seed_part, epoch_part = torch.tensor([[seed], [epoch]], device=index.device) * _INCREMENT
    epoch_key = splitmix64(splitmix64(seed_part) + epoch_part)
    return splitmix64(epoch_key + (index + 1) * _INCREMENT)


def second_view_keys(keys: Int64[Tensor, " batch"]) -> Int64[Tensor, " batch"]:
    """Return the keys of the second view of each sample: whatever is drawn from them differs from the first."""
    return SampleRng(keys, "second view").keys


class SampleRng:
    """A counter-based random number generator for each sample of a batch.

    The numbers of a sample depend on its key and on the order of the calls alone: not on the other samples, nor on
    how a batch is split over processes, nor on the device.

    Args:
        keys: Key of each sample, from `sample_keys`.
        purpose: What the numbers are for; generators of different purposes are independent.
    """

    def __init__(self, keys: Int64[Tensor, " batch"], purpose: str = "") -> None:
        self.keys = splitmix64(keys + zlib.crc32(purpose.encode())) if purpose else keys
        self.counter = 0

    def __len__(self) -> int:
        return len(self.keys)

    def uniform(self, *shape: int) -> Float[Tensor, "batch ..."]:
        """Draw float32 numbers from [0, 1), `(batch, *shape)`."""
        first, num = self.counter + 1, math.prod(shape)
        self.counter += num
        counters = torch.arange(first, first + num, device=self.keys.device) * _INCREMENT
        bits = splitmix64(self.keys[:, None] + counters)
        return _shift_right(bits, 40).float().mul_(2.0**-24).view(len(self), *shape)

    def normal(self, *shape: int) -> Float[Tensor, "batch ..."]:
        """Draw float32 numbers from the standard normal distribution, `(batch, *shape)` (Box and Muller, 1958)."""
        draw = self.uniform(*shape, 2)
        return (-2.0 * torch.log1p(-draw[..., 0])).sqrt() * torch.cos(2.0 * math.pi * draw[..., 1])

    def between(self, low: float, high: float, *shape: int) -> Float[Tensor, "batch ..."]:
        """Draw float32 numbers from [low, high), `(batch, *shape)`."""
        return low + (high - low) * self.uniform(*shape)

    def gumbel(self, *shape: int) -> Float[Tensor, "batch ..."]:
        """Draw float32 numbers from the standard Gumbel distribution, `(batch, *shape)`."""
        return -torch.log(-torch.log(self.uniform(*shape).clamp(min=2.0**-25)))

    def skip(self, index: Int64[Tensor, " row"], num: Int64[Tensor, " row"]) -> SampleRng:
        """Return generators that continue after the next `num` numbers of the samples `index`."""
        rng = SampleRng(self.keys[index] + num * _INCREMENT)
        rng.counter = self.counter
        return rng

    def for_tracks(self, clip_index: Int64[Tensor, " track"], person_index: Int64[Tensor, " track"]) -> SampleRng:
        """Return a generator for each track, from the key of its clip and the index of its person."""
        return SampleRng(splitmix64(self.keys[clip_index] + (person_index + 1) * _MULTIPLIER_1))
