"""How recordings become the clips that a model is given."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator

from skeletonmae.batches import Batch, Gatherer, Loader
from skeletonmae.config import Config, one_of
from skeletonmae.sequences import SequenceStore
from skeletonmae.transforms.geometry import Center, FaceForward
from skeletonmae.transforms.streams import Stream, to_stream
from skeletonmae.transforms.table import TRANSFORMS, Transform

AnyTransform: Any = one_of(TRANSFORMS)


class ClipConfig(Config):
    """Length, crop, stream and transforms of the clips."""

    frames: int = Field(64, ge=1, le=100_000)
    """Every clip is brought to so many frames."""
    sampling: Literal["crop", "segments"] = "crop"
    """`crop`: a part of the recording, resampled by linear interpolation in time. `segments`: the whole recording
    in `frames` equal segments, of each one recorded frame, in training a random one, else the middle one."""
    crop: tuple[float, float] = (0.5, 1.0)
    """Of `crop`: in training a clip covers a random part of the recording, of a length between these shares."""
    test_crop: float = Field(0.95, gt=0, le=1)
    """Of `crop`: else it covers the middle part, of this share."""
    max_persons: int = Field(2, ge=1)
    """The first so many persons of a recording are looked at."""
    stream: Stream = "joint"
    """Positions; bones (a joint minus its parent); or motion (the next frame minus this one)."""
    transforms: tuple[AnyTransform, ...] = (Center(), FaceForward())
    """Applied to every clip, in this order."""
    augment: tuple[AnyTransform, ...] = ()
    """Applied after those, in training only."""

    @model_validator(mode="after")
    def _crop_is_a_range(self) -> Self:
        if not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise ValueError(f"crop must be two shares, the smaller first, above 0 and at most 1; got {self.crop}")
        return self

    def loader(
        self,
        store: SequenceStore,
        index: np.ndarray,
        *,
        batch_size: int,
        labels: np.ndarray | None = None,
        training: bool = False,
        seed: int = 0,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world: int = 1,
    ) -> Loader:
        """Batches of the recordings `index` of `store`.

        Args:
            store: where they are.
            index: which they are.
            batch_size: clips of a batch, all processes together.
            labels: of every recording, as the model numbers them; the store's own numbers if not given.
            training: shuffled, cropped at random, augmented.
            seed: of all that is random.
            device: where the batches go. The arrays are copied to a GPU if they take less than a quarter of it.
            rank: the number of this process.
            world: how many processes there are.
        """

        def finish(batch: Batch) -> Batch:
            return self.finish(batch.to(device), training=training)

        return Loader(
            Gatherer(store, self.frames, self.max_persons, home_of(store, torch.device(device))),
            store.labels if labels is None else labels,
            index,
            batch_size,
            crop=None
            if self.sampling == "segments"
            else self.crop
            if training
            else (self.test_crop, self.test_crop),
            training=training,
            seed=seed,
            rank=rank,
            world=world,
            transform=finish,
        )

    def finish(self, batch: Batch, *, training: bool = False) -> Batch:
        """Transforms, augmentation (in training) and stream."""
        steps: tuple[Transform, ...] = self.transforms + (self.augment if training else ())
        for step in steps:
            batch = step(batch)
        return to_stream(batch, self.stream)


def home_of(store: SequenceStore, device: torch.device) -> torch.device:
    """Where the arrays of a store are best kept: on the GPU if they are small beside its memory."""
    if device.type != "cuda":
        return torch.device("cpu")
    size = sum(shard.arrays[name].nbytes for shard in store.shards for name in ("positions", "observed"))
    return device if size < torch.cuda.get_device_properties(device).total_memory / 4 else torch.device("cpu")
