"""The input of a model: clips with the same number of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from skeletonmae.batches.random import SampleRng
from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips resampled to the same number of frames.

    Args:
        positions: float32 coordinates, in the store's unit; 0 where not observed.
        observed: whether each joint was observed.
        label: class index of each clip; -1 for a clip without a label.
        keys: key of each clip's random numbers, from `sample_keys`.
        skeleton: the joint layout.
    """

    positions: Float[Tensor, "batch person frame joint axis"]
    observed: Bool[Tensor, "batch person frame joint"]
    label: Int64[Tensor, " batch"]
    keys: Int64[Tensor, " batch"]
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def present(self) -> Bool[Tensor, "batch person"]:
        """Whether each person has at least one observed joint."""
        return self.observed.flatten(2).any(2)

    @cached_property
    def tracks(self) -> Tracks:
        """The persons who are present, concatenated."""
        clip_index, person_index = self.present.nonzero(as_tuple=True)
        observed = self.observed[clip_index, person_index]
        return Tracks(
            self.positions[clip_index, person_index].masked_fill_(~observed[..., None], 0.0),
            observed,
            clip_index,
            person_index,
            len(self),
            self.skeleton,
        )

    def rng(self, purpose: str) -> SampleRng:
        """Return a random number generator for each clip. The same purpose gives the same numbers again."""
        return SampleRng(self.keys, purpose)

    def track_rng(self, purpose: str) -> SampleRng:
        """Return a random number generator for each track of `tracks`, independent of the other tracks."""
        return self.rng(purpose).for_tracks(self.tracks.clip_index, self.tracks.person_index)

    def with_positions(self, positions: Tensor, observed: Tensor | None = None) -> Batch:
        """Return a copy with other positions, set to 0 where not observed.

        Args:
            positions: `(batch, person, frame, joint, axis)`.
            observed: `(batch, person, frame, joint)`; None keeps the flags of this batch.
        """
        observed = self.observed if observed is None else observed
        return replace(self, positions=positions.masked_fill(~observed[..., None], 0.0), observed=observed)

    def to(self, device: torch.device | str) -> Batch:
        """Return a copy on another device."""
        tensors: dict[str, Any] = {
            name: getattr(self, name).to(device, non_blocking=True)
            for name in ("positions", "observed", "label", "keys")
        }
        return replace(self, **tensors)


@dataclass(frozen=True, eq=False)
class Tracks:
    """The persons of a batch who are present, concatenated.

    Args:
        positions: coordinates of each person; 0 where not observed.
        observed: whether each joint was observed.
        clip_index: index of the clip that each track belongs to, in ascending order.
        person_index: index of the person in that clip.
        num_clips: number of clips of the batch, including those without any track.
        skeleton: the joint layout.
    """

    positions: Float[Tensor, "track frame joint axis"]
    observed: Bool[Tensor, "track frame joint"]
    clip_index: Int64[Tensor, " track"]
    person_index: Int64[Tensor, " track"]
    num_clips: int
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.clip_index)

    def mean_over_persons(self, features: Float[Tensor, "track feature"]) -> Float[Tensor, "batch feature"]:
        """Average features over the persons of each clip; 0 for a clip without any."""
        feature_sum = features.new_zeros(self.num_clips, features.shape[1])
        feature_sum.index_add_(0, self.clip_index, features)
        num_persons = torch.bincount(self.clip_index, minlength=self.num_clips).clamp(min=1)
        return feature_sum / num_persons[:, None].to(feature_sum.dtype)
