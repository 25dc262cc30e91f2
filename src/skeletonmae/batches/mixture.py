"""Batches of several stores in turn, for models that read clips of different layouts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Int64

from skeletonmae.batches.batch import Batch
from skeletonmae.batches.loader import Loader
from skeletonmae.batches.prefetch import prefetch_batches


@dataclass(frozen=True, eq=False)
class MixedLoader:
    """Batches of several loaders. Each batch comes from one of them and is a pure function of (seed, epoch, step).

    An epoch has as many batches as the loaders have together. Each loader gets its share of them, rounded to whole
    batches and at least one, and its batches are spread evenly over the epoch. A loader goes on in the next epoch
    where it stopped, so that it shows each of its recordings equally often, whatever its share.

    Args:
        loaders: Loaders that divide every batch over the same processes.
        shares: Relative share of the batches of each loader.
        seed: Seed of the order.
        prefetch: Number of batches that a thread makes in advance; 0 for none.
    """

    loaders: tuple[Loader, ...]
    shares: tuple[float, ...]
    seed: int = 0
    prefetch: int = 2

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return max(sum(len(loader) for loader in self.loaders), len(self.loaders))

    @cached_property
    def batches_per_epoch(self) -> tuple[int, ...]:
        """Number of batches of each loader in an epoch."""
        return apportion(self.shares, len(self))

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from index `start` on."""
        batches = (self.batch(epoch, step) for step in range(start, len(self)))
        if not self.prefetch:
            return batches
        first = self.loaders[0]
        return prefetch_batches(batches, self.prefetch, first.device or first.reader.device)

    def batch(self, epoch: int, step: int) -> Batch:
        """Return batch number `step` of an epoch."""
        order = batch_order(self.seed, epoch, self.batches_per_epoch)
        source = int(order[step])
        num_before = epoch * self.batches_per_epoch[source] + int((order[:step] == source).sum())
        loader = self.loaders[source]
        return loader.batch(*divmod(num_before, len(loader)))


def apportion(shares: tuple[float, ...], total: int) -> tuple[int, ...]:
    """Divide a whole number in proportion to shares, by largest remainders; each part is at least 1.

    Args:
        shares: Positive numbers.
        total: The number to divide, at least that of the shares.
    """
    exact = np.array(shares) / sum(shares) * total
    parts = np.maximum(np.floor(exact), 1).astype(np.int64)
    while parts.sum() != total:
        too_few = parts.sum() < total
        # A part of 1 is never reduced.
        need = exact - parts if too_few else np.where(parts > 1, parts - exact, -np.inf)
        parts[need.argmax()] += 1 if too_few else -1
    return tuple(parts.tolist())


@lru_cache(maxsize=4)
def batch_order(seed: int, epoch: int, counts: tuple[int, ...]) -> Int64[np.ndarray, " batch"]:
    """Return the source of each batch of an epoch, each of them spread evenly, from a random start.

    Args:
        seed: Seed of the starts.
        epoch: Index of the epoch.
        counts: Number of batches of each source.
    """
    start = np.random.default_rng([seed, epoch, len(counts)]).random(len(counts))
    source = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = (number + start[source]) / np.array(counts)[source]
    order: Int64[np.ndarray, " batch"] = source[np.argsort(place, kind="stable")]
    order.flags.writeable = False
    return order
