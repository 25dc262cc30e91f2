"""Batches for training and evaluation: which clips, in which order, cropped where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int32, Integer

from skeletonmae.batches.batch import Batch
from skeletonmae.batches.clip_reader import ClipReader, to_device
from skeletonmae.batches.prefetch import prefetch_batches
from skeletonmae.batches.random import SampleRng, sample_keys, second_view_keys
from skeletonmae.batches.windows import SampledFrames, Windows
from skeletonmae.sequences.clip_sampling import (
    Sampling,
    crop_ends,
    drawn_frame_times,
    evenly_spaced_frames,
    segment_times,
)


@dataclass(frozen=True, eq=False)
class Loader:
    """Batches of the recordings in `index`. Each batch is a pure function of (seed, epoch, step).

    In training, the order is shuffled in every epoch and clips are sampled at random; otherwise the order is that
    of `index` and clips are centered. An epoch contains every recording exactly once: it is cut into batches of
    nearly equal size, and every process takes its share of each.

    Args:
        reader: Reads the clips.
        labels: Class index of every recording of the store.
        index: Indices of the recordings to load.
        batch_size: Maximum number of clips per batch, over all processes together.
        sampling: How the frames of a clip are chosen. In training, `crop` takes a random part and `segments` a
            random frame of each segment; otherwise the middle part and the middle frame (Wang et al., *Temporal
            Segment Networks*, ECCV 2016). `random_frames` takes random frames in training, otherwise evenly spaced
            ones.
        crop: Minimum and maximum length of a crop, as shares of the recording. Outside training, the maximum is
            used.
        training: Random order and random clips.
        seed: Seed of the order, the clips, and every other random number of a clip.
        rank: Index of this process.
        world_size: Number of processes.
        transform: Applied to every clip. It is called with a part of a batch at a time, which stays in the
            processor's cache; what it does to a clip must not depend on the others.
        prefetch: Number of batches that a thread makes in advance; 0 for none.
        num_views: With 2, each batch has a `second_view`, cropped and transformed by other random numbers.
        recording: Number of each recording of the store, the same for copies; by default its index.
        device: Where the batches are needed; by default on the device of the reader.
        first_number: Added to the index of each recording before random numbers are drawn for it, for a store that
            holds a part of a larger collection.
    """

    reader: ClipReader
    labels: np.ndarray
    index: np.ndarray
    batch_size: int
    sampling: Sampling = "crop"
    crop: tuple[float, float] = (1.0, 1.0)
    training: bool = False
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    transform: Callable[[Batch], Batch] | None = None
    prefetch: int = 2
    num_views: Literal[1, 2] = 1
    recording: np.ndarray | None = None
    device: torch.device | None = None
    first_number: int = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self.index) // self.batch_size)

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from index `start` on."""
        batches = (self.batch(epoch, step) for step in range(start, len(self)))
        if not self.prefetch:
            return batches
        return prefetch_batches(batches, self.prefetch, self.device or self.reader.device)

    def batch(self, epoch: int, step: int) -> Batch:
        """Return batch number `step` of an epoch."""
        num_recordings = len(self.index)
        begin, end = (num_recordings * k // len(self) for k in (step, step + 1))
        order = self._order_of_epoch(epoch)[begin:end] if self.training else np.arange(begin, end)
        recording_index = self.index[order[self.rank :: self.world_size]]
        keys = sample_keys(self.seed, epoch, torch.from_numpy(recording_index + self.first_number))
        batch = self._view(recording_index, keys)
        if self.num_views == 1:
            return batch
        return batch.with_second_view(self._view(recording_index, second_view_keys(keys)))

    def clip(self, recording: int, epoch: int = 0) -> Batch:
        """Return the clip that a recording has in an epoch, as a batch without a second view.

        Args:
            recording: Its index in the store.
            epoch: The epoch.
        """
        index = np.array([recording], dtype=np.int64)
        return self._view(index, sample_keys(self.seed, epoch, torch.from_numpy(index + self.first_number)))

    @cached_property
    def _order_of_epoch(self) -> Callable[[int], Int32[np.ndarray, " recording"]]:
        """Returns the order of an epoch, which is drawn once and not for every batch."""
        return lru_cache(maxsize=1)(lambda epoch: epoch_order(self.seed, epoch, len(self.index)))

    def _view(self, recording_index: Integer[np.ndarray, " clip"], keys: torch.Tensor) -> Batch:
        """Read and transform a clip of each recording; all that is drawn follows from its key."""
        samplers: dict[Sampling, Callable[[np.ndarray, torch.Tensor], Windows | SampledFrames]] = {
            "crop": self._crops,
            "segments": self._segments,
            "random_frames": self._random_frames,
        }
        windows = samplers[self.sampling](recording_index, keys)
        number = recording_index if self.recording is None else self.recording[recording_index]
        label, recording = (
            torch.from_numpy(values.astype(np.int64)) for values in (self.labels[recording_index], number)
        )
        read_on = self.reader.device
        label, keys, recording = (to_device(values, read_on) for values in (label, keys, recording))
        blocks = (
            Batch.from_tracks(tracks.present(), label[clips], keys[clips], recording[clips])
            for clips, tracks in self.reader.blocks(windows)
        )
        if self.device in (None, read_on):
            return Batch.concat([self._transformed(block) for block in blocks])
        return self._transformed(Batch.concat(list(blocks)).to(self.device))

    def _transformed(self, batch: Batch) -> Batch:
        return self.transform(batch) if self.transform else batch

    def _crops(self, recording_index: Integer[np.ndarray, " clip"], keys: torch.Tensor) -> Windows:
        """Take one part of each recording: random length and position in training, the middle part otherwise."""
        if self.training:
            draw = SampleRng(keys, "crop").uniform(2).numpy().astype(np.float64)
            length_draw, position_draw = draw[:, 0], draw[:, 1]
        else:
            length_draw, position_draw = np.ones(len(keys)), np.full(len(keys), 0.5)
        min_share, max_share = self.crop
        share = min_share + (max_share - min_share) * length_draw
        num_frames = self.reader.num_recorded_frames(recording_index)
        return Windows(recording_index, *crop_ends(num_frames, share, position_draw))

    def _segments(self, recording_index: Integer[np.ndarray, " clip"], keys: torch.Tensor) -> SampledFrames:
        """Take one frame of each segment of each recording: a random one in training, the middle one otherwise."""
        num_segments = self.reader.num_frames
        if self.training:
            position_in_segment = SampleRng(keys, "segments").uniform(num_segments).numpy().astype(np.float64)
        else:
            position_in_segment = np.full((len(keys), num_segments), 0.5)
        times = segment_times(self.reader.num_recorded_frames(recording_index), position_in_segment)
        return SampledFrames(recording_index, times)

    def _random_frames(self, recording_index: Integer[np.ndarray, " clip"], keys: torch.Tensor) -> SampledFrames:
        """Take random frames of each recording in training, evenly spaced ones otherwise."""
        num_frames = self.reader.num_recorded_frames(recording_index)
        if not self.training:
            return SampledFrames(recording_index, evenly_spaced_frames(num_frames, self.reader.num_frames))
        position = SampleRng(keys, "frames").uniform(self.reader.num_frames).numpy().astype(np.float64)
        return SampledFrames(recording_index, drawn_frame_times(num_frames, position))


def epoch_order(seed: int, epoch: int, num_recordings: int) -> Int32[np.ndarray, " recording"]:
    """Return the shuffled order of an epoch."""
    order = np.arange(num_recordings, dtype=np.int32)
    np.random.default_rng([seed, epoch]).shuffle(order)
    order.flags.writeable = False
    return order
