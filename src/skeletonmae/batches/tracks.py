"""The persons of a batch who are present, concatenated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from skeletonmae.batches.unobserved import any_observed
from skeletonmae.skeletons import Skeleton

PER_TRACK = ("positions", "observed", "clip_index", "person_index", "bridged", "has_depth", "duration")
ROOT = ("root", "root_observed")
"""Fields with one entry per track that are None unless the motion of the body is kept apart from its pose."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """The persons of a batch who are present, concatenated.

    Args:
        positions: Coordinates of each person; 0 where not observed.
        observed: Whether each joint was observed, or bridged.
        clip_index: Index of the clip that each track belongs to, in ascending order.
        person_index: Index of the person in that clip.
        num_clips: Number of clips of the batch, including those without any track.
        skeleton: The joint layout.
        bridged: Which observed joints are interpolated in a short gap. By default none.
        num_persons: Number of persons that padded arrays have room for; by default as many as there are.
        has_depth: Whether the clip was recorded in 3D. By default it is, if there are three axes; a 2D clip with
            three axes has 0 as the third.
        duration: Seconds from the first frame of the clip to the last; NaN where it is unknown, which is the
            default.
        root: Path of the body, which the transform `root_motion` takes out of the positions; 0 where not observed.
            By default None: the path is part of the positions.
        root_observed: In which frames the path was observed; None if `root` is.
    """

    positions: Float[Tensor, "track frame joint axis"]
    observed: Bool[Tensor, "track frame joint"]
    clip_index: Int64[Tensor, " track"]
    person_index: Int64[Tensor, " track"]
    num_clips: int
    skeleton: Skeleton
    bridged: Bool[Tensor, "track frame joint"] = None  # type: ignore[assignment]  # set in __post_init__
    num_persons: int = 0
    has_depth: Bool[Tensor, " track"] = None  # type: ignore[assignment]  # set in __post_init__, like the next
    duration: Float[Tensor, " track"] = None  # type: ignore[assignment]
    root: Float[Tensor, "track frame axis"] | None = None
    root_observed: Bool[Tensor, "track frame"] | None = None

    def __post_init__(self) -> None:
        if self.bridged is None:
            object.__setattr__(self, "bridged", torch.zeros_like(self.observed))
        if not self.num_persons:
            object.__setattr__(self, "num_persons", int(self.person_index.max()) + 1 if len(self) else 1)
        device = self.positions.device
        if self.has_depth is None:
            has_depth = torch.full((len(self),), self.positions.shape[-1] == 3, device=device)
            object.__setattr__(self, "has_depth", has_depth)
        if self.duration is None:
            object.__setattr__(self, "duration", torch.full((len(self),), math.nan, device=device))

    def __len__(self) -> int:
        return len(self.clip_index)

    @property
    def per_track(self) -> tuple[str, ...]:
        """Names of the tensors with one entry per track."""
        return PER_TRACK if self.root is None else (*PER_TRACK, *ROOT)

    @classmethod
    def concat(cls, parts: Sequence[Tracks]) -> Tracks:
        """Concatenate the tracks of several batches, whose clips follow each other."""
        tensors = {name: [getattr(part, name) for part in parts] for name in parts[0].per_track}
        num_clips = 0
        for index, part in enumerate(parts):
            tensors["clip_index"][index] = part.clip_index + num_clips
            num_clips += part.num_clips
        joined = {name: torch.cat(values) for name, values in tensors.items()}
        num_persons = max(part.num_persons for part in parts)
        return cls(num_clips=num_clips, skeleton=parts[0].skeleton, num_persons=num_persons, **joined)

    def present(self) -> Tracks:
        """Return the tracks that have at least one observed joint."""
        is_present = any_observed(self.observed.flatten(1))
        if is_present.is_cpu and is_present.all():
            return self
        return self.select(is_present.nonzero().squeeze(1))

    def select_clips(self, clips: Bool[Tensor, " batch"] | Int64[Tensor, " clip"]) -> Tracks:
        """Return the tracks of some of the clips, in the order in which these are given.

        Args:
            clips: Which clips, or their indices.
        """
        clips = clips.nonzero().squeeze(1) if clips.dtype == torch.bool else clips
        num_tracks = torch.bincount(self.clip_index, minlength=self.num_clips)
        first = num_tracks.cumsum(0) - num_tracks
        num_selected = num_tracks[clips]
        clip_index = torch.arange(len(clips), device=clips.device).repeat_interleave(num_selected)
        begin = num_selected.cumsum(0) - num_selected
        row = first[clips][clip_index] + torch.arange(len(clip_index), device=clips.device) - begin[clip_index]
        return replace(self.select(row), clip_index=clip_index, num_clips=len(clips))

    def select(self, row: Int64[Tensor, " row"]) -> Tracks:
        """Return some of the tracks, by their indices in ascending order."""
        return replace(self, **{name: getattr(self, name).index_select(0, row) for name in self.per_track})

    def pad(self, values: Shaped[Tensor, "track ..."]) -> Shaped[Tensor, "batch person ..."]:
        """Return values of each track as values of each person of each clip; 0 for absent persons."""
        padded = values.new_zeros((self.num_clips * self.num_persons, *values.shape[1:]))
        padded.index_copy_(0, self.clip_index * self.num_persons + self.person_index, values)
        return padded.view(self.num_clips, self.num_persons, *values.shape[1:])

    def of_first_person(
        self, has_value: Bool[Tensor, " track"], values: Float[Tensor, "track feature"]
    ) -> Float[Tensor, "track feature"]:
        """Return for each track the values of the first person of its clip that has any; 0 if none has.

        Args:
            has_value: Which tracks have values.
            values: The values.
        """
        num_tracks = len(self)
        track = torch.arange(num_tracks, device=values.device).masked_fill_(~has_value, num_tracks)
        first = torch.full((self.num_clips,), num_tracks, device=values.device)
        first.scatter_reduce_(0, self.clip_index, track, "amin")
        return torch.cat([values, values.new_zeros(1, values.shape[1])])[first[self.clip_index]]

    def max_over_persons(self, values: Float[Tensor, "track feature"]) -> Float[Tensor, "track feature"]:
        """Return for each track the maximum over the persons of its clip."""
        maximum = values.new_full((self.num_clips, values.shape[1]), -torch.inf)
        index = self.clip_index[:, None].expand_as(values)
        return maximum.scatter_reduce_(0, index, values, "amax")[self.clip_index]

    def mean_over_persons(self, features: Float[Tensor, "track feature"]) -> Float[Tensor, "batch feature"]:
        """Average features over the persons of each clip; 0 for a clip without any."""
        feature_sum = features.new_zeros(self.num_clips, features.shape[1])
        feature_sum.index_add_(0, self.clip_index, features)
        num_persons = torch.bincount(self.clip_index, minlength=self.num_clips).clamp(min=1)
        return feature_sum / num_persons[:, None].to(feature_sum.dtype)

    def to(self, device: torch.device | str) -> Tracks:
        """Return a copy on another device."""
        tensors = {name: getattr(self, name).to(device, non_blocking=True) for name in self.per_track}
        return replace(self, **tensors)
