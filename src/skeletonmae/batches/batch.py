"""What a model is given: clips of equal length, side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from skeletonmae.batches.random import SampleRandom
from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips resampled to the same number of frames.

    Args:
        positions: float32, in the store's unit; 0 where not observed.
        observed: whether the joint was seen.
        label: place in the classes; -1 where there is none.
        keys: one a clip, for its random numbers.
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
        """Which persons are there: those with at least one observed joint."""
        return self.observed.flatten(2).any(2)

    def random(self, purpose: str) -> SampleRandom:
        """A stream of random numbers for each clip; the same numbers whenever asked for the same purpose."""
        return SampleRandom(self.keys, purpose)

    @cached_property
    def tracks(self) -> Tracks:
        """The persons who are there, packed: absent ones take no room."""
        sample, person = self.present.nonzero(as_tuple=True)
        observed = self.observed[sample, person]
        return Tracks(
            self.positions[sample, person].masked_fill_(~observed[..., None], 0.0),
            observed,
            sample,
            person,
            len(self),
            self.skeleton,
        )

    def moved(self, positions: Tensor, observed: Tensor | None = None) -> Batch:
        """The same clips with other positions (set to 0 where not observed)."""
        seen = self.observed if observed is None else observed
        return replace(self, positions=positions.masked_fill(~seen[..., None], 0.0), observed=seen)

    def to(self, device: torch.device | str) -> Batch:
        """The same clips on another device."""
        tensors: dict[str, Any] = {
            name: getattr(self, name).to(device, non_blocking=True)
            for name in ("positions", "observed", "label", "keys")
        }
        return replace(self, **tensors)


@dataclass(frozen=True, eq=False)
class Tracks:
    """The persons of a batch who are there, end to end.

    Args:
        positions: of each person.
        observed: of each person.
        sample: the clip each is in, ascending.
        person: which person of that clip.
        num_samples: how many clips the batch has.
        skeleton: the joint layout.
    """

    positions: Float[Tensor, "track frame joint axis"]
    observed: Bool[Tensor, "track frame joint"]
    sample: Int64[Tensor, " track"]
    person: Int64[Tensor, " track"]
    num_samples: int
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.sample)

    def mean_over_persons(self, features: Float[Tensor, "track feature"]) -> Float[Tensor, "batch feature"]:
        """Mean of the persons of each clip; 0 where nobody is there."""
        total = features.new_zeros(self.num_samples, features.shape[1]).index_add_(0, self.sample, features)
        count = torch.bincount(self.sample, minlength=self.num_samples).clamp(min=1)
        return total / count[:, None].to(total.dtype)
