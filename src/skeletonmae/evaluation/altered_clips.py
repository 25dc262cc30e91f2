"""Clips that a sensor would have recorded worse, or that end early; the recordings themselves are not changed."""

from __future__ import annotations

from abc import ABC
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from pydantic import Field, SerializeAsAny
from torch import Tensor

from skeletonmae.batches import (
    Batch,
    ClipReader,
    Loader,
    SampleRng,
    sample_keys,
)
from skeletonmae.config import Config
from skeletonmae.evaluation.altered_readers import DroppedFramesReader, FirstPartReader, LowRateReader
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import rotate_positions, rotation_matrix


class Alteration(Config, ABC):
    """A change of clips before any transform of the recipe. The base class changes nothing."""

    seed: int = 0
    """Seed of what is random; each recording has its own numbers."""

    def reader(self, reader: ClipReader) -> ClipReader:
        """Return a reader of changed clips."""
        return reader

    def __call__(self, batch: Batch) -> Batch:
        """Change every clip of a batch that was read."""
        return batch

    def rng(self, batch: Batch) -> SampleRng:
        """Return a random number generator for each clip: the same for every view of a recording."""
        keys = sample_keys(self.seed, 0, batch.recording)
        return SampleRng(torch.where(batch.recording < 0, batch.keys, keys), f"{type(self).__name__} {self.seed}")


class AlteredClips(ClipConfig):
    """Clips of a recipe with an alteration."""

    alteration: SerializeAsAny[Alteration]
    """What is changed."""

    @classmethod
    def of(cls, clips: ClipConfig, alteration: Alteration) -> AlteredClips:
        """Return the clips of `clips` with an alteration."""
        fields = {name: getattr(clips, name) for name in ClipConfig.model_fields}
        return cls(**fields, alteration=alteration)

    def loader(self, *args: Any, **settings: Any) -> Loader:
        """Build a loader of altered clips; see `ClipConfig.loader`."""
        loader = super().loader(*args, **settings)
        return replace(loader, reader=self.alteration.reader(loader.reader))

    def apply_transforms(self, batch: Batch, *, training: bool = False) -> Batch:
        """Alter a batch, then apply the transforms of the recipe."""
        return super().apply_transforms(self.alteration(batch), training=training)


class Noise(Alteration):
    """Gaussian noise on every joint of every frame."""

    level: float = Field(ge=0)
    """Standard deviation along each axis, as a share of the size of the person: the diagonal of the box around the
    observed joints, averaged over the frames."""

    def __call__(self, batch: Batch) -> Batch:
        """Add noise to every clip."""
        noise = self.rng(batch).normal(*batch.positions.shape[1:])
        return batch.with_positions(batch.positions + self.level * body_size(batch)[..., None, None, None] * noise)


class LostJoints(Alteration):
    """The same joints of a person are not observed in the whole clip."""

    share: float = Field(ge=0, lt=1)
    """Share of the joints, rounded to a number of joints."""

    def __call__(self, batch: Batch) -> Batch:
        """Lose random joints of every person."""
        num_persons, _, num_joints = batch.observed.shape[1:]
        is_kept = rank(self.rng(batch).uniform(num_persons, 1, num_joints)) >= round(self.share * num_joints)
        return batch.with_positions(batch.positions, batch.observed & is_kept)


class LostFrames(Alteration):
    """Nothing is observed in some frames of the clip. They are not bridged."""

    share: float = Field(ge=0, lt=1)
    """Share of the frames, rounded to a number of frames."""

    def __call__(self, batch: Batch) -> Batch:
        """Lose random frames of every clip."""
        num_frames = batch.observed.shape[2]
        is_kept = rank(self.rng(batch).uniform(num_frames)) >= round(self.share * num_frames)
        return batch.with_positions(batch.positions, batch.observed & is_kept[:, None, :, None])


class DroppedFrames(Alteration):
    """Nothing was recorded in some frames of the recording. The gaps are bridged as in any other recording."""

    share: float = Field(ge=0, lt=1)
    """Share of the frames of the recording, rounded to a number of frames."""

    def reader(self, reader: ClipReader) -> ClipReader:
        """Return a reader of recordings without these frames."""
        return DroppedFramesReader(reader, self.share, self.seed)


class LostPerson(Alteration):
    """One of the persons is not observed, in clips that show two or more."""

    def __call__(self, batch: Batch) -> Batch:
        """Lose a random person of every clip with several."""
        present = batch.present
        draw = self.rng(batch).uniform(present.shape[1]).masked_fill(~present, -1.0)
        lost = torch.nn.functional.one_hot(draw.argmax(1), present.shape[1]).bool()
        is_kept = ~(lost & (present.sum(1) > 1)[:, None])
        return batch.with_positions(batch.positions, batch.observed & is_kept[:, :, None, None])


class TurnedCamera(Alteration):
    """The camera stands elsewhere and looks at the same persons."""

    degrees: float
    """Angle about the vertical axis, in either direction. In 2D, the image is turned."""

    def __call__(self, batch: Batch) -> Batch:
        """Turn every clip about its center, half of them to the left and half to the right."""
        side = (self.rng(batch).uniform() < 0.5) * 2.0 - 1.0
        angle = torch.deg2rad(side * self.degrees)
        if batch.positions.shape[-1] == 2:
            return turn(batch, rotation_matrix("z", angle)[:, :2, :2])
        return turn(batch, rotation_matrix("y", angle))


class TiltedCamera(Alteration):
    """The camera looks from further above or below; 3D only."""

    degrees: float
    """Angle about the axis from left to right, in either direction."""

    def __call__(self, batch: Batch) -> Batch:
        """Tilt every clip about its center, half of them up and half down."""
        side = (self.rng(batch).uniform() < 0.5) * 2.0 - 1.0
        return turn(batch, rotation_matrix("x", torch.deg2rad(side * self.degrees)))


class LowFrameRate(Alteration):
    """A camera that records fewer frames per second; clips are interpolated between those."""

    step: int = Field(ge=1)
    """Every `step`-th recorded frame is kept, from the first on. Gaps are bridged between frames that are kept."""

    def reader(self, reader: ClipReader) -> ClipReader:
        """Return a reader of the frames that are kept."""
        return LowRateReader(reader, self.step)


class FirstPart(Alteration):
    """A recording that ends early. Clips are chosen in the part, and nothing depends on the frames after it."""

    share: float = Field(gt=0, le=1)
    """Share of the frames of the recording, from its first, rounded down, but at least one."""
    stretch: bool = True
    """Resample the part to all frames of a clip; otherwise nothing is observed in the frames that follow it."""

    def reader(self, reader: ClipReader) -> ClipReader:
        """Return a reader of the first part of each recording."""
        return FirstPartReader(reader, self.share, self.stretch)


def body_size(batch: Batch) -> Float[Tensor, "batch person"]:
    """Return the diagonal of the box around the observed joints of each person, averaged over the frames.

    The size of an absent person is 0.
    """
    is_seen = batch.observed[..., None]
    low = batch.positions.masked_fill(~is_seen, torch.inf).amin(3)
    high = batch.positions.masked_fill(~is_seen, -torch.inf).amax(3)
    is_pose = batch.observed.any(3)
    diagonal = torch.linalg.vector_norm((high - low).masked_fill(~is_pose[..., None], 0.0), dim=3)
    mean: Tensor = diagonal.sum(2) / is_pose.sum(2).clamp(min=1)
    return mean


def turn(batch: Batch, matrix: Float[Tensor, "batch axis axis"]) -> Batch:
    """Rotate every clip about the mean of its observed positions."""
    num_observed = batch.observed.sum((1, 2, 3)).clamp(min=1)
    center = (batch.positions.sum((1, 2, 3)) / num_observed[:, None])[:, None, None, None]
    turned: Tensor = rotate_positions(batch.positions - center, matrix) + center
    return batch.with_positions(turned)


def rank(draw: Float[Tensor, "*any item"]) -> Tensor:
    """Return the rank of each number along the last axis, from 0; equal numbers keep their order."""
    order = torch.argsort(draw, dim=-1, stable=True)
    return torch.argsort(order, dim=-1, stable=True)
