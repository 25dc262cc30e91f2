"""Random numbers that belong to a sample, not to a batch, a process or a device."""

from __future__ import annotations

import math
import zlib

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


def _shift(x: Tensor, bits: int) -> Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
    """Scatter 64-bit integers so that neighbours have nothing in common.

    Source: Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014 (SplitMix64).
    """
    x = (x ^ _shift(x, 30)) * _FIRST
    x = (x ^ _shift(x, 27)) * _SECOND
    return x ^ _shift(x, 31)


def sample_keys(seed: int, epoch: int, index: Int64[Tensor, " batch"]) -> Int64[Tensor, " batch"]:
    """One key for each sample: a pure function of (seed, epoch, index)."""
    seed_part, epoch_part = torch.tensor([seed, epoch], device=index.device) * _GOLDEN
    run = mix(mix(seed_part) + epoch_part)
    return mix(run + (index + 1) * _GOLDEN)


class SampleRandom:
    """A stream of random numbers for each sample of a batch.

    What a sample draws depends on its key and on the order of the calls alone: not on the other samples, nor on
    how a batch is split over processes, nor on the device.

    Args:
        keys: from `sample_keys`.
        purpose: what the numbers are for; streams of different purposes have nothing in common.
    """

    def __init__(self, keys: Int64[Tensor, " batch"], purpose: str = "") -> None:
        self.keys = mix(keys + zlib.crc32(purpose.encode())) if purpose else keys
        self.drawn = 0

    def __len__(self) -> int:
        return len(self.keys)

    def uniform(self, *shape: int) -> Float[Tensor, "batch ..."]:
        """Numbers in [0, 1), `(batch, *shape)` float32."""
        num = math.prod(shape)
        place = torch.arange(self.drawn + 1, self.drawn + num + 1, device=self.keys.device)
        self.drawn += num
        bits = mix(self.keys[:, None] + place * _GOLDEN)
        return (_shift(bits, 40).float() * 2.0**-24).view(len(self), *shape)

    def normal(self, *shape: int) -> Float[Tensor, "batch ..."]:
        """Numbers of mean 0 and variance 1, `(batch, *shape)` float32 (Box and Muller, 1958)."""
        draw = self.uniform(*shape, 2)
        return (-2.0 * torch.log1p(-draw[..., 0])).sqrt() * torch.cos(2.0 * math.pi * draw[..., 1])

    def between(self, low: float, high: float, *shape: int) -> Float[Tensor, "batch ..."]:
        """Numbers in [low, high), `(batch, *shape)` float32."""
        return low + (high - low) * self.uniform(*shape)

    def gumbel(self, *shape: int) -> Float[Tensor, "batch ..."]:
        """Standard Gumbel noise, `(batch, *shape)` float32."""
        return -torch.log(-torch.log(self.uniform(*shape).clamp(min=2.0**-25)))

    def of_tracks(self, sample: Int64[Tensor, " track"], person: Int64[Tensor, " track"]) -> SampleRandom:
        """A stream for each track, from the sample it is in and the person it is."""
        return SampleRandom(mix(self.keys[sample] + (person + 1) * _FIRST))
