"""The settings that turn recordings into the clips of a model."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from skeletonmae.batches import Batch, ClipReader, Loader
from skeletonmae.config import tagged_union
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.clip_sampling import ClipSampling
from skeletonmae.transforms.depth import with_third_axis
from skeletonmae.transforms.geometry import Center, FaceForward
from skeletonmae.transforms.registry import TRANSFORMS, Transform
from skeletonmae.transforms.streams import Stream, to_stream

AnyTransform: Any = tagged_union(TRANSFORMS)


class ClipConfig(ClipSampling):
    """Length, sampling, stream and transforms of the clips."""

    axes: Literal["recorded", 3] = "recorded"
    """Axes of the clips: those of the recordings, or always three. With 3, a 2D clip gets the directions of 3D
    clips and a third coordinate that counts as not observed, for models that read both."""
    stream: Stream = "joint"
    """Joint positions, bones (a joint minus its parent) or motion (the next frame minus this one)."""
    transforms: tuple[AnyTransform, ...] = (Center(), FaceForward())
    """Transforms of every clip, in this order."""
    augment: tuple[AnyTransform, ...] = ()
    """Transforms that follow those in training only."""
    final_transforms: tuple[AnyTransform, ...] = ()
    """Transforms of every clip that follow the augmentation."""

    def loader(
        self,
        store: SequenceStore,
        index: np.ndarray,
        *,
        batch_size: int,
        training: bool = False,
        seed: int = 0,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world_size: int = 1,
        num_views: Literal[1, 2] = 1,
        recording: np.ndarray | None = None,
    ) -> Loader:
        """Build a loader of the recordings `index` of `store`.

        Args:
            store: The store to read.
            index: Indices of the recordings.
            batch_size: Number of clips per batch, over all processes together.
            training: Whether to shuffle, to crop at random and to augment.
            seed: Seed of all random numbers.
            device: Where the batches are needed. The arrays of the store are copied to a GPU if they take less
                than a quarter of its memory.
            rank: Index of this process.
            world_size: Number of processes.
            num_views: With 2, each batch has a `second_view`, cropped and augmented by other random numbers.
            recording: Number of each recording of the store, the same for copies; by default its index.
        """

        def transform(batch: Batch) -> Batch:
            return self.apply_transforms(batch, training=training)

        return Loader(
            reader=ClipReader(
                store,
                self.frames,
                self.max_persons,
                storage_device(store, torch.device(device)),
                self.bridge_seconds,
            ),
            labels=store.labels,
            index=index,
            batch_size=batch_size,
            sampling=self.sampling,
            crop=self.crop if training else (self.test_crop, self.test_crop),
            training=training,
            seed=seed,
            rank=rank,
            world_size=world_size,
            transform=transform,
            num_views=num_views,
            recording=recording,
            device=torch.device(device),
        )

    def apply_transforms(self, batch: Batch, *, training: bool = False) -> Batch:
        """Apply the transforms, the augmentation (in training only), the final ones and the stream to a batch."""
        if self.axes == 3:
            batch = with_third_axis(batch)
        augment: tuple[Transform, ...] = self.augment if training else ()
        for transform in (*self.transforms, *augment, *self.final_transforms):
            batch = transform(batch)
        return to_stream(batch, self.stream)


def storage_device(store: SequenceStore, device: torch.device) -> torch.device:
    """Return where to keep the arrays of a store: on the GPU if they take less than a quarter of its memory."""
    if device.type != "cuda":
        return torch.device("cpu")
    num_bytes = sum(shard.arrays[name].nbytes for shard in store.shards for name in ("positions", "observed"))
    gpu_bytes = torch.cuda.get_device_properties(device).total_memory
    return device if num_bytes < gpu_bytes / 4 else torch.device("cpu")
