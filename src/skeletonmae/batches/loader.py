"""Batches for training and evaluation: which clips, in which order, cropped where."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int32

from skeletonmae.batches.batch import Batch
from skeletonmae.batches.gather import Gatherer, Moments, Windows
from skeletonmae.batches.random import SampleRandom, sample_keys


@dataclass(frozen=True, eq=False)
class Loader:
    """Batches of the recordings in `index`, each a pure function of (seed, epoch, step).

    In training the order is shuffled in every epoch and a random part of each recording is taken; else the
    order is that of `index` and the middle part is taken. An epoch holds every recording exactly once: it is
    cut into batches of nearly equal size, and every process takes its share of each.

    Args:
        gather: reads the clips.
        labels: of every recording of the store, as the model numbers them.
        index: the recordings to go through.
        batch_size: at most so many clips a batch, all processes together.
        crop: smallest and largest share of a recording that a clip covers. Outside training: the largest. None
            divides the recording into as many segments as a clip has frames and takes one frame of each: a random
            one in training, else the middle one (Wang et al., *Temporal Segment Networks*, ECCV 2016).
        training: random order and crops.
        seed: of order, crops and whatever else is random in a clip.
        rank: the number of this process.
        world: how many processes there are.
        transform: applied to every batch.
        ahead: how many batches are made in advance by a thread; 0 for none.
    """

    gather: Gatherer
    labels: np.ndarray
    index: np.ndarray
    batch_size: int
    crop: tuple[float, float] | None = (1.0, 1.0)
    training: bool = False
    seed: int = 0
    rank: int = 0
    world: int = 1
    transform: Callable[[Batch], Batch] | None = None
    ahead: int = 2

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.index) // self.batch_size)

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on."""
        batches = (self.batch(epoch, step) for step in range(start, len(self)))
        return prefetch(batches, self.ahead) if self.ahead else batches

    def batch(self, epoch: int, step: int) -> Batch:
        """Batch number `step` of an epoch."""
        num = len(self.index)
        low, high = (num * k // len(self) for k in (step, step + 1))
        order = shuffled(self.seed, epoch, num)[low:high] if self.training else np.arange(low, high)
        recording = self.index[order[self.rank :: self.world]]
        keys = sample_keys(self.seed, epoch, torch.from_numpy(recording))
        positions, observed = self.gather(self._windows(recording, keys))
        device = self.gather.device
        label = torch.from_numpy(self.labels[recording].astype(np.int64)).to(device)
        batch = Batch(positions, observed, label, keys.to(device), self.gather.store.skeleton)
        return self.transform(batch) if self.transform else batch

    def _windows(self, recording: np.ndarray, keys: torch.Tensor) -> Windows | Moments:
        frames = self.gather.store.num_frames[recording].astype(np.float64)
        if self.crop is None:
            num = self.gather.frames
            draw = SampleRandom(keys, "segments").uniform(num).numpy() if self.training else np.full(num, 0.5)
            return Moments(recording, np.floor((np.arange(num) + draw.astype(np.float64)) * frames[:, None] / num))
        if self.training:
            draw = SampleRandom(keys, "crop").uniform(2).numpy().astype(np.float64)
        else:
            draw = np.array([[1.0, 0.5]])
        share = self.crop[0] + (self.crop[1] - self.crop[0]) * draw[:, 0]
        length = np.maximum(frames * share, np.minimum(frames, 1.0))
        first = (frames - length) * draw[:, 1]
        return Windows(recording, first, first + np.maximum(length - 1.0, 0.0))


@lru_cache(maxsize=1)
def shuffled(seed: int, epoch: int, num: int) -> Int32[np.ndarray, " recording"]:
    """The order in which an epoch goes through so many recordings: drawn once, not for every batch."""
    order = np.arange(num, dtype=np.int32)
    np.random.default_rng([seed, epoch]).shuffle(order)
    order.flags.writeable = False
    return order


def prefetch(batches: Iterator[Batch], ahead: int) -> Iterator[Batch]:
    """The same batches, up to `ahead` of them made in advance by a thread."""
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for batch in batches:
                put(batch)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that asked for the batch
            put(error)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
