"""The input of a model: clips with the same number of frames."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from skeletonmae.batches.random import SampleRng
from skeletonmae.skeletons import Skeleton

TENSORS = ("positions", "observed", "label", "keys", "bridged", "recording")
"""Fields of a batch with one entry per clip."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips resampled to the same number of frames.

    Args:
        positions: float32 coordinates, in the store's unit; 0 where not observed.
        observed: Whether each joint was observed, or bridged.
        label: Class index of each clip; -1 for a clip without a label.
        keys: Key of each clip's random numbers, from `sample_keys`.
        skeleton: The joint layout.
        bridged: Which observed joints are interpolated in a short gap, and so are no targets. By default none.
        recording: Number of the recording of each clip, the same for exact copies; -1 where it is not known, which
            is the default.
        second_view: The same recordings, cropped and augmented by other random numbers, for methods that compare
            views; None if there is no second view.
    """

    positions: Float[Tensor, "batch person frame joint axis"]
    observed: Bool[Tensor, "batch person frame joint"]
    label: Int64[Tensor, " batch"]
    keys: Int64[Tensor, " batch"]
    skeleton: Skeleton
    bridged: Bool[Tensor, "batch person frame joint"] = None  # type: ignore[assignment]  # set in __post_init__
    recording: Int64[Tensor, " batch"] = None  # type: ignore[assignment]  # set in __post_init__
    second_view: Batch | None = None

    def __post_init__(self) -> None:
        if self.bridged is None:
            object.__setattr__(self, "bridged", torch.zeros_like(self.observed))
        if self.recording is None:
            object.__setattr__(self, "recording", torch.full_like(self.label, -1))

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
            self.bridged[clip_index, person_index],
        )

    def has_observed(self, joints: Collection[str] | None = None) -> Bool[Tensor, " batch"]:
        """Return which clips have an observed joint among `joints`; the others show a model nothing.

        Args:
            joints: Names of the joints that the model knows; None for all.
        """
        in_clip = self.observed.flatten(1, 2).any(1)
        if joints is None:
            return in_clip.any(1)
        known = torch.tensor([joint in joints for joint in self.skeleton.joints], device=in_clip.device)
        return (in_clip & known).any(1)

    def select(self, clips: Bool[Tensor, " batch"] | Int64[Tensor, " clip"]) -> Batch:
        """Return the batch of some of the clips."""
        tensors: dict[str, Any] = {name: getattr(self, name)[clips] for name in TENSORS}
        second_view = self.second_view and self.second_view.select(clips)
        return replace(self, **tensors, second_view=second_view)

    def rng(self, purpose: str) -> SampleRng:
        """Return a random number generator for each clip. The same purpose gives the same numbers again."""
        return SampleRng(self.keys, purpose)

    def track_rng(self, purpose: str) -> SampleRng:
        """Return a random number generator for each track of `tracks`, independent of the other tracks."""
        return self.rng(purpose).for_tracks(self.tracks.clip_index, self.tracks.person_index)

    def with_positions(
        self, positions: Tensor, observed: Tensor | None = None, bridged: Tensor | None = None
    ) -> Batch:
        """Return a copy with other positions, set to 0 where not observed.

        Args:
            positions: `(batch, person, frame, joint, axis)`.
            observed: `(batch, person, frame, joint)`; None keeps the flags of this batch.
            bridged: Likewise; only observed joints stay bridged.
        """
        bridged = self.bridged if bridged is None else bridged
        if observed is None:
            observed = self.observed
        else:
            bridged = bridged & observed
        positions = positions.masked_fill(~observed[..., None], 0.0)
        return replace(self, positions=positions, observed=observed, bridged=bridged)

    def record_stream(self, stream: torch.cuda.Stream) -> None:
        """Keep the memory of all tensors until a CUDA stream has used them; see `torch.Tensor.record_stream`."""
        owners: list[Batch | Tracks] = [self, self.tracks]
        for owner in owners:
            for value in vars(owner).values():
                if isinstance(value, Tensor):
                    value.record_stream(stream)
        if self.second_view:
            self.second_view.record_stream(stream)

    def to(self, device: torch.device | str) -> Batch:
        """Return a copy on another device."""
        tensors: dict[str, Any] = {name: getattr(self, name).to(device, non_blocking=True) for name in TENSORS}
        second_view = self.second_view and self.second_view.to(device)
        return replace(self, **tensors, second_view=second_view)


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
    """

    positions: Float[Tensor, "track frame joint axis"]
    observed: Bool[Tensor, "track frame joint"]
    clip_index: Int64[Tensor, " track"]
    person_index: Int64[Tensor, " track"]
    num_clips: int
    skeleton: Skeleton
    bridged: Bool[Tensor, "track frame joint"] = None  # type: ignore[assignment]  # set in __post_init__

    def __post_init__(self) -> None:
        if self.bridged is None:
            object.__setattr__(self, "bridged", torch.zeros_like(self.observed))

    def __len__(self) -> int:
        return len(self.clip_index)

    def mean_over_persons(self, features: Float[Tensor, "track feature"]) -> Float[Tensor, "batch feature"]:
        """Average features over the persons of each clip; 0 for a clip without any."""
        feature_sum = features.new_zeros(self.num_clips, features.shape[1])
        feature_sum.index_add_(0, self.clip_index, features)
        num_persons = torch.bincount(self.clip_index, minlength=self.num_clips).clamp(min=1)
        return feature_sum / num_persons[:, None].to(feature_sum.dtype)
