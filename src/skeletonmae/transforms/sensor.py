"""Faults of a sensor that last for a moment, and noise that is not the same in every recording."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor

from skeletonmae.batches import Batch, SampleRng, Tracks
from skeletonmae.batches.constants import constant
from skeletonmae.batches.unobserved import set_unobserved_to_zero_
from skeletonmae.config import Config
from skeletonmae.transforms.chosen import change_tracks
from skeletonmae.transforms.depth import set_depth_to_zero_


class SensorNoise(Config):
    """Add noise to every joint and frame of random clips, as much as the sensor of each clip makes.

    A clip draws its own standard deviation. Along the third axis, that of the depth, noise is larger, and values
    may come in coarse steps.
    """

    kind: Literal["sensor_noise"] = "sensor_noise"
    probability: float = Field(0.3, ge=0, le=1)
    """Probability that a clip has noise."""
    sigma: tuple[float, float] = (0.005, 0.05)
    """Minimum and maximum standard deviation, in the unit of the positions: body sizes after `normalize_size`.
    Small values are as likely as large ones, in proportion."""
    depth_factor: float = Field(2.0, ge=0)
    """How much larger the noise of the third coordinate is."""
    depth_steps: tuple[float, float] = (0.0, 0.1)
    """Minimum and maximum size of the steps of the third coordinate; 0 for none."""

    @model_validator(mode="after")
    def _check_ranges(self) -> SensorNoise:
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma must be two numbers above 0 in increasing order; got {self.sigma}")
        if not 0 <= self.depth_steps[0] <= self.depth_steps[1]:
            raise ValueError(f"depth_steps must be two numbers in increasing order; got {self.depth_steps}")
        return self

    def __call__(self, batch: Batch) -> Batch:
        """Add noise to some of the clips."""
        draw = batch.rng("sensor_noise").uniform(3)
        tracks = batch.tracks
        is_chosen = (draw[:, 0] < self.probability)[tracks.clip_index]

        def change(chosen: Tracks) -> Tracks:
            rng = SampleRng(batch.keys, "sensor_noise of persons").for_tracks(
                chosen.clip_index, chosen.person_index
            )
            return self._add_noise(chosen, draw.index_select(0, chosen.clip_index), rng)

        return change_tracks(batch, is_chosen, change)

    def _add_noise(self, tracks: Tracks, draw: Float[Tensor, "track draw"], rng: SampleRng) -> Tracks:
        """Add noise to tracks, with the numbers of their clips and their own."""
        shape = tracks.positions.shape
        sigma = self.sigma[0] * (self.sigma[1] / self.sigma[0]) ** draw[:, 1]
        noise = normal_numbers(rng, *shape[1:]) * sigma[:, None, None, None]
        if shape[-1] == 3:
            noise[..., 2] *= self.depth_factor
        positions = noise.add_(tracks.positions)
        if shape[-1] == 3 and self.depth_steps[1]:
            step = (self.depth_steps[0] + (self.depth_steps[1] - self.depth_steps[0]) * draw[:, 2]).clamp(min=1e-6)
            step = step[:, None, None]
            positions[..., 2] = (positions[..., 2] / step).round_() * step
        positions = set_depth_to_zero_(positions, tracks.has_depth)
        return replace(tracks, positions=set_unobserved_to_zero_(positions, tracks.observed))


def normal_numbers(rng: SampleRng, *shape: int) -> Float[Tensor, "sample ..."]:
    """Draw float32 numbers from the standard normal distribution; both numbers of each pair of Box and Muller."""
    num = math.prod(shape)
    radius, angle = rng.uniform(2, (num + 1) // 2).unbind(1)
    radius, angle = (-2.0 * torch.log1p(-radius)).sqrt_(), angle * (2.0 * math.pi)
    pairs = torch.cat([radius * angle.cos(), radius * angle.sin()], 1)
    return pairs[:, :num].reshape(len(pairs), *shape)


class _Moment(Config):
    """A fault of random persons that begins at a random frame."""

    probability: float = Field(0.1, ge=0, le=1)
    """Probability that a person has the fault."""
    length: tuple[float, float] = (0.05, 0.4)
    """Minimum and maximum length of the fault, as a share of the clip."""

    @model_validator(mode="after")
    def _check_length(self) -> _Moment:
        if not 0 <= self.length[0] <= self.length[1] <= 1:
            raise ValueError(f"length must be two shares in increasing order, from 0 to 1; got {self.length}")
        return self

    def _frames(self, draw: Float[Tensor, "track 3"], num_frames: int) -> Bool[Tensor, "track frame"]:
        """Return the frames of the fault of each person: which persons, the length, and the beginning."""
        length = (self.length[0] + (self.length[1] - self.length[0]) * draw[:, 1]) * num_frames
        first = draw[:, 2] * (num_frames - length)
        frame = torch.arange(num_frames, device=draw.device)
        is_in = (frame >= first[:, None]) & (frame < (first + length.clamp(min=1))[:, None])
        return is_in & (draw[:, :1] < self.probability)


class LoseParts(_Moment):
    """Lose sight of a part of the body, such as an arm, for a moment."""

    kind: Literal["lose_parts"] = "lose_parts"

    def __call__(self, batch: Batch) -> Batch:
        """Lose a part of some persons."""
        tracks, skeleton = batch.tracks, batch.skeleton
        draw = batch.track_rng("lose_parts").uniform(4)
        frames = self._frames(draw[:, :3], tracks.positions.shape[1])
        part = (draw[:, 3] * len(skeleton.parts)).long()
        part_of_joint = constant(tuple(skeleton.part_index.tolist()), torch.int64, part.device)
        is_lost = frames[:, :, None] & (part_of_joint == part[:, None])[:, None]
        return batch.with_tracks(tracks.positions, tracks.observed & ~is_lost)


class LoseFrames(_Moment):
    """Lose sight of a whole person for a moment."""

    kind: Literal["lose_frames"] = "lose_frames"

    def __call__(self, batch: Batch) -> Batch:
        """Lose frames of some persons."""
        tracks = batch.tracks
        draw = batch.track_rng("lose_frames").uniform(3)
        is_lost = self._frames(draw, tracks.positions.shape[1])
        return batch.with_tracks(tracks.positions, tracks.observed & ~is_lost[:, :, None])


class SwapSides(_Moment):
    """Exchange the left and the right joints of a person for a moment, as pose estimators do."""

    kind: Literal["swap_sides"] = "swap_sides"

    def __call__(self, batch: Batch) -> Batch:
        """Exchange the sides of some persons."""
        draw = batch.track_rng("swap_sides").uniform(3)
        tracks = batch.tracks
        mirror = constant(tuple(batch.skeleton.mirror_index.tolist()), torch.int64, draw.device)
        frames = self._frames(draw, tracks.positions.shape[1])

        def change(chosen: Tracks) -> Tracks:
            is_swapped = frames_of(chosen)[:, :, None]
            observed, bridged = (
                flags.index_select(2, mirror).where(is_swapped, flags)
                for flags in (chosen.observed, chosen.bridged)
            )
            positions = chosen.positions.index_select(2, mirror).where(is_swapped[..., None], chosen.positions)
            return replace(chosen, positions=positions, observed=observed, bridged=bridged)

        is_chosen = frames.any(1)

        def frames_of(chosen: Tracks) -> Bool[Tensor, "track frame"]:
            return frames if len(chosen) == len(frames) else frames[is_chosen]

        return change_tracks(batch, is_chosen, change)


class LosePerson(Config):
    """Lose one of several persons of random clips, for the whole clip."""

    kind: Literal["lose_person"] = "lose_person"
    probability: float = Field(0.1, ge=0, le=1)
    """Probability that a clip with several persons loses one."""

    def __call__(self, batch: Batch) -> Batch:
        """Lose a person in some of the clips."""
        tracks = batch.tracks
        draw = batch.rng("lose_person").uniform(2)
        num_persons = torch.zeros(tracks.num_clips, dtype=torch.int64, device=draw.device)
        num_persons.index_add_(0, tracks.clip_index, torch.ones_like(tracks.clip_index))
        first = num_persons.cumsum(0) - num_persons
        number = torch.arange(len(tracks), device=draw.device) - first[tracks.clip_index]
        lost = (draw[:, 1] * num_persons).long()
        loses = (draw[:, 0] < self.probability) & (num_persons > 1)
        is_lost = loses[tracks.clip_index] & (number == lost[tracks.clip_index])
        return batch.with_tracks(tracks.positions, tracks.observed & ~is_lost[:, None, None])
