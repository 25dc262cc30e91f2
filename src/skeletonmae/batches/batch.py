"""The input of a model: clips with the same number of frames."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from skeletonmae.batches.random import SampleRng
from skeletonmae.batches.tracks import Tracks
from skeletonmae.batches.unobserved import any_observed, with_unobserved_as_zero
from skeletonmae.skeletons import Skeleton

PADDED = ("positions", "observed", "bridged")
"""Fields of a batch that are made from its tracks when they are first read."""
PER_CLIP = ("has_depth", "duration")
ROOT = ("root", "root_observed")


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips resampled to the same number of frames.

    A batch has two views of the same clips: `tracks`, the persons who are present, concatenated, and padded arrays
    with room for the same number of persons in every clip. Either is made from the other when it is first read.

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
        has_depth: Whether each clip was recorded in 3D; by default if there are three axes.
        duration: Seconds from the first to the last frame of each clip; NaN where it is unknown, the default.
        root: Path of each person, as in `Tracks`; by default None.
        root_observed: In which frames it was observed; None if `root` is.
    """

    positions: Float[Tensor, "batch person frame joint axis"]
    observed: Bool[Tensor, "batch person frame joint"]
    label: Int64[Tensor, " batch"]
    keys: Int64[Tensor, " batch"]
    skeleton: Skeleton
    bridged: Bool[Tensor, "batch person frame joint"] = field(default_factory=lambda: None)  # type: ignore[assignment]
    recording: Int64[Tensor, " batch"] = None  # type: ignore[assignment]  # set in __post_init__
    second_view: Batch | None = None
    has_depth: Bool[Tensor, " batch"] = field(default_factory=lambda: None)  # type: ignore[assignment]
    duration: Float[Tensor, " batch"] = field(default_factory=lambda: None)  # type: ignore[assignment]
    root: Float[Tensor, "batch person frame axis"] | None = field(default_factory=lambda: None)
    root_observed: Bool[Tensor, "batch person frame"] | None = field(default_factory=lambda: None)

    def __post_init__(self) -> None:
        if self.bridged is None:
            object.__setattr__(self, "bridged", torch.zeros_like(self.observed))
        if self.recording is None:
            object.__setattr__(self, "recording", torch.full_like(self.label, -1))
        device = self.positions.device
        if self.has_depth is None:
            has_depth = torch.full((len(self),), self.positions.shape[-1] == 3, device=device)
            object.__setattr__(self, "has_depth", has_depth)
        if self.duration is None:
            object.__setattr__(self, "duration", torch.full((len(self),), math.nan, device=device))

    @classmethod
    def from_tracks(
        cls,
        tracks: Tracks,
        label: Int64[Tensor, " batch"],
        keys: Int64[Tensor, " batch"],
        recording: Int64[Tensor, " batch"] | None = None,
        second_view: Batch | None = None,
    ) -> Batch:
        """Return the batch of tracks that each have an observed joint; nothing is padded until it is read.

        Args:
            tracks: The persons who are present.
            label: As in `Batch`, like the others.
            keys: As in `Batch`.
            recording: As in `Batch`.
            second_view: As in `Batch`.
        """
        recording = torch.full_like(label, -1) if recording is None else recording
        batch = object.__new__(cls)
        vars(batch).update(
            tracks=tracks,
            label=label,
            keys=keys,
            skeleton=tracks.skeleton,
            recording=recording,
            second_view=second_view,
        )
        return batch

    def __getattr__(self, name: str) -> Any:
        # Called for attributes that do not exist: those that `from_tracks` leaves out.
        if name not in (*PADDED, *PER_CLIP, *ROOT) or "tracks" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        values = getattr(self.tracks, name)
        if name in PER_CLIP:
            values = self._of_clips(values)
        elif values is not None:
            values = self.tracks.pad(values)
        vars(self)[name] = values
        return values

    def _of_clips(self, values: Shaped[Tensor, " track"]) -> Shaped[Tensor, " batch"]:
        """Return for each clip the value of its tracks, which is the same; the default for a clip without any."""
        is_flag = values.dtype == torch.bool
        default = self.tracks.positions.shape[-1] == 3 if is_flag else math.nan
        of_clip = values.new_full((self.tracks.num_clips,), default)
        return of_clip.index_copy_(0, self.tracks.clip_index, values)

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def present(self) -> Bool[Tensor, "batch person"]:
        """Whether each person has at least one observed joint."""
        return any_observed(self.observed.flatten(2))

    @cached_property
    def tracks(self) -> Tracks:
        """The persons who are present, concatenated."""
        clip_index, person_index = self.present.nonzero(as_tuple=True)
        row = clip_index * self.present.shape[1] + person_index
        positions, observed, bridged = (
            values.flatten(0, 1).index_select(0, row) for values in (self.positions, self.observed, self.bridged)
        )
        positions = with_unobserved_as_zero(positions, observed)
        num_clips, num_persons = self.present.shape
        root, root_observed = (
            None if values is None else values.flatten(0, 1).index_select(0, row)
            for values in (self.root, self.root_observed)
        )
        return Tracks(
            positions,
            observed,
            clip_index,
            person_index,
            num_clips,
            self.skeleton,
            bridged,
            num_persons,
            has_depth=self.has_depth.index_select(0, clip_index),
            duration=self.duration.index_select(0, clip_index),
            root=root,
            root_observed=root_observed,
        )

    def has_observed(self, joints: Collection[str] | None = None) -> Bool[Tensor, " batch"]:
        """Return which clips have an observed joint among `joints`; the others show a model nothing.

        Args:
            joints: Names of the joints that the model knows; None for all.
        """
        tracks = self.tracks
        in_track = tracks.observed.any(1)
        if joints is not None:
            is_known = [joint in joints for joint in self.skeleton.joints]
            in_track = in_track & torch.tensor(is_known, device=in_track.device)
        num_tracks = torch.zeros(len(self), dtype=torch.int64, device=in_track.device)
        return num_tracks.index_add_(0, tracks.clip_index, in_track.any(1).long()) > 0

    def select(self, clips: Bool[Tensor, " batch"] | Int64[Tensor, " clip"]) -> Batch:
        """Return the batch of some of the clips."""
        label, keys, recording = (values[clips] for values in (self.label, self.keys, self.recording))
        second_view = self.second_view and self.second_view.select(clips)
        return Batch.from_tracks(self.tracks.select_clips(clips), label, keys, recording, second_view)

    @classmethod
    def concat(cls, batches: Sequence[Batch]) -> Batch:
        """Concatenate the clips of batches of the same layout and number of frames, without a second view."""
        if len(batches) == 1:
            return batches[0]
        tracks = Tracks.concat([batch.tracks for batch in batches])
        label, keys, recording = (
            torch.cat([getattr(batch, name) for batch in batches]) for name in ("label", "keys", "recording")
        )
        return cls.from_tracks(tracks, label, keys, recording)

    def rng(self, purpose: str) -> SampleRng:
        """Return a random number generator for each clip. The same purpose gives the same numbers again."""
        return SampleRng(self.keys, purpose)

    def track_rng(self, purpose: str) -> SampleRng:
        """Return a random number generator for each track of `tracks`, independent of the other tracks."""
        return self.rng(purpose).for_tracks(self.tracks.clip_index, self.tracks.person_index)

    def with_tracks(
        self, positions: Tensor, observed: Tensor | None = None, bridged: Tensor | None = None
    ) -> Batch:
        """Return a copy with other positions of the persons who are present, set to 0 where not observed.

        Args:
            positions: `(track, frame, joint, axis)`, as in `tracks`.
            observed: `(track, frame, joint)`; None keeps the flags. Persons without any are left out.
            bridged: Likewise; only observed joints stay bridged.
        """
        tracks = self.tracks
        bridged = tracks.bridged if bridged is None else bridged
        bridged = bridged if observed is None else bridged & observed
        are_present = observed is None
        observed = tracks.observed if observed is None else observed
        positions = with_unobserved_as_zero(positions, observed)
        tracks = replace(tracks, positions=positions, observed=observed, bridged=bridged)
        return self.of_tracks(tracks if are_present else tracks.present())

    def of_tracks(self, tracks: Tracks) -> Batch:
        """Return a copy with other tracks of the same clips, each of which has an observed joint."""
        return Batch.from_tracks(tracks, self.label, self.keys, self.recording, self.second_view)

    def with_second_view(self, second_view: Batch) -> Batch:
        """Return a copy with a second view of the same recordings."""
        return Batch.from_tracks(self.tracks, self.label, self.keys, self.recording, second_view)

    def with_positions(
        self, positions: Tensor, observed: Tensor | None = None, bridged: Tensor | None = None
    ) -> Batch:
        """Return a copy with other positions in the padded arrays, set to 0 where not observed.

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
        return Batch(
            with_unobserved_as_zero(positions, observed),
            observed,
            self.label,
            self.keys,
            self.skeleton,
            bridged,
            self.recording,
            self.second_view,
            self.has_depth,
            self.duration,
            self.root,
            self.root_observed,
        )

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
        label, keys, recording = (
            values.to(device, non_blocking=True) for values in (self.label, self.keys, self.recording)
        )
        second_view = self.second_view and self.second_view.to(device)
        return Batch.from_tracks(self.tracks.to(device), label, keys, recording, second_view)
