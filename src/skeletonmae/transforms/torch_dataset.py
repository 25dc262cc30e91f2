"""A store as a map-style dataset of torch, for training loops of your own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from skeletonmae.batches import Loader
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore
from skeletonmae.transforms.clips import ClipConfig


class Clip(TypedDict):
    """A clip of a recording; the default `collate_fn` of torch's `DataLoader` stacks clips.

    Keys:
        positions: `(person, frame, joint, axis)` float32; 0 where not observed and for absent persons.
        observed: `(person, frame, joint)` bool.
        label: Index of its label in the classes of the store; -1 if it is unlabeled.
        index: Index of the recording in the store.
    """

    positions: Tensor
    observed: Tensor
    label: int
    index: int


class SkeletonDataset(Dataset[Clip]):
    """Clips of the recordings of a store, as a map-style dataset of torch.

    For example::

        from torch.utils.data import DataLoader
        from skeletonmae import SkeletonDataset

        dataset = SkeletonDataset("stores/mine", training=True)
        for epoch in range(10):
            dataset.set_epoch(epoch)
            for batch in DataLoader(dataset, batch_size=32, shuffle=True):
                print(batch["positions"].shape, batch["label"])  # clip, person, frame, joint, axis

    What is random about a clip follows from the seed, the epoch and the recording. The package's own training
    reads whole batches at once (`ClipConfig.loader`), which is faster.

    Args:
        store: A store, or its folder.
        clips: Length, sampling, stream and transforms of clips. By default 64 frames, centered and facing forward.
        index: Indices of the recordings. By default all of them.
        training: Whether to crop at random and to augment.
        seed: Seed of what is random.

    Raises:
        InputError: It is not a store, or there is no such recording.
    """

    def __init__(
        self,
        store: SequenceStore | Path | str,
        clips: ClipConfig | None = None,
        *,
        index: Sequence[int] | np.ndarray | None = None,
        training: bool = False,
        seed: int = 0,
    ) -> None:
        self.store = store if isinstance(store, SequenceStore) else SequenceStore.open(store)
        self.clips = clips or ClipConfig()
        self.index = np.arange(len(self.store)) if index is None else np.asarray(index, dtype=np.int64)
        if len(self.index) and not 0 <= self.index.min() <= self.index.max() < len(self.store):
            expected = f"0 to {len(self.store) - 1}"
            got = f"{self.index.min()} to {self.index.max()}"
            raise InputError("there is no such recording", where="index", expected=expected, got=got)
        self.training, self.seed, self.epoch = training, seed, 0

    @cached_property
    def _loader(self) -> Loader:
        return self.clips.loader(self.store, self.index, batch_size=1, training=self.training, seed=self.seed)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the loader, which each worker builds for itself."""
        return {name: value for name, value in vars(self).items() if name != "_loader"}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels."""
        return self.store.classes

    def set_epoch(self, epoch: int) -> None:
        """Draw other random numbers, as in another epoch. Call it before the workers of a `DataLoader` start."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.index)

    def __getitem__(self, item: int) -> Clip:
        """Return the clip of recording number `item` of the index."""
        recording = int(self.index[item])  # an index from the end counts as in a list
        batch = self._loader.clip(recording, self.epoch)
        num_persons, tracks = self.clips.max_persons, batch.tracks
        positions = torch.zeros((num_persons, *tracks.positions.shape[1:]))
        observed = torch.zeros((num_persons, *tracks.observed.shape[1:]), dtype=torch.bool)
        positions[tracks.person_index], observed[tracks.person_index] = tracks.positions, tracks.observed
        return {
            "positions": positions,
            "observed": observed,
            "label": int(self.store.labels[recording]),
            "index": recording,
        }
