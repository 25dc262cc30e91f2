"""Clips that a sensor would have recorded worse, or that end early; the recordings themselves are not changed."""

from __future__ import annotations

import copy
from abc import ABC
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, Integer
from pydantic import Field, SerializeAsAny
from torch import Tensor

from skeletonmae.batches import (
    Batch,
    ClipReader,
    Loader,
    SampledFrames,
    SampleRng,
    Tracks,
    Windows,
    sample_keys,
)
from skeletonmae.batches.clip_reader import TrackArrays
from skeletonmae.batches.rows import TrackTable
from skeletonmae.config import Config
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
        return _DroppedFramesReader(reader, self.share, self.seed)


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
        return _LowRateReader(reader, self.step)


class FirstPart(Alteration):
    """A recording that ends early. Clips are chosen in the part, and nothing depends on the frames after it."""

    share: float = Field(gt=0, le=1)
    """Share of the frames of the recording, from its first, rounded down, but at least one."""
    stretch: bool = True
    """Resample the part to all frames of a clip; otherwise nothing is observed in the frames that follow it."""

    def reader(self, reader: ClipReader) -> ClipReader:
        """Return a reader of the first part of each recording."""
        return _FirstPartReader(reader, self.share, self.stretch)


class _LowRateReader(ClipReader):
    """Reads recordings as if they had only the frames 0, `step`, 2 `step`, ...; times count these frames."""

    def __init__(self, reader: ClipReader, step: int) -> None:
        vars(self).update(vars(reader))
        self.step = step

    def blocks(self, windows: Windows | SampledFrames) -> Iterator[tuple[slice, Tracks]]:
        """Interpolate between the frames that are kept; after the last of them, the clip stands still."""
        index = windows.recording_index
        times = windows.frame_times(np.arange(len(index)), self.num_frames).round(6)  # as `surrounding_frames`
        last = (self.store.num_frames[index] - 1).clip(min=0)[:, None] // self.step
        return super().blocks(SampledFrames(index, np.minimum(times / self.step, last)))

    def _find_tracks(self, recording_index: np.ndarray) -> tuple[TrackTable, Int64[np.ndarray, " clip"]]:
        tracks, num_tracks = super()._find_tracks(recording_index)
        return replace(tracks, max_gap=tracks.max_gap // self.step, fps=tracks.fps / self.step), num_tracks

    def _read_shard(
        self, shard: int, tracks: TrackTable, times: Float64[np.ndarray, "track frame"]
    ) -> TrackArrays:
        first = -(-tracks.first_frame // self.step)  # counted in frames that are kept
        last = (tracks.first_frame + tracks.last_row - tracks.first_row) // self.step
        is_kept = last >= first
        num_rows = np.where(is_kept, last - first + 1, 1)
        end = np.cumsum(num_rows)
        number = np.arange(num_rows.sum()) - np.repeat(end - num_rows, num_rows)
        start = tracks.first_row + np.where(is_kept, first * self.step - tracks.first_frame, 0)
        rows = self._to_device(np.repeat(start, num_rows) + number * self.step)
        kept = replace(
            tracks,
            first_row=end - num_rows,
            last_row=end - 1,
            # A track between two frames that are kept begins after all times.
            first_frame=np.where(is_kept, first, np.iinfo(np.int32).max),
        )
        reader = copy.copy(self)
        reader.shard_tensors = list(self.shard_tensors)
        positions, bits = self.shard_tensors[shard]
        reader.shard_tensors[shard] = positions.index_select(0, rows), bits.index_select(0, rows)
        return ClipReader._read_shard(reader, shard, kept, times)


class _DroppedFramesReader(ClipReader):
    """Reads recordings in which no joint of any person was observed in some of the frames."""

    def __init__(self, reader: ClipReader, share: float, seed: int) -> None:
        vars(self).update(vars(reader))
        self.shard_tensors = [
            (positions, self._without_frames(shard, bits, share, seed))
            for shard, (positions, bits) in enumerate(reader.shard_tensors)
        ]
        self.shard_is_complete = [is_complete and not share for is_complete in reader.shard_is_complete]

    def _without_frames(self, shard: int, bits: Tensor, share: float, seed: int) -> Tensor:
        """Return the bits of the observed joints of a shard, without those of random frames of each recording."""
        first_recording = 0 if shard == 0 else int(self.store.shard_ends[shard - 1])
        recordings = np.arange(first_recording, int(self.store.shard_ends[shard]))
        first_track, end_track = self.store.shards[shard].check_recordings(recordings - first_recording)
        arrays, is_lost = self.store.shards[shard].arrays, np.zeros(len(bits), dtype=bool)
        for recording, first, end in zip(
            recordings.tolist(), first_track.tolist(), end_track.tolist(), strict=True
        ):
            num_frames = int(self.store.num_frames[recording])
            is_frame_lost = np.zeros(num_frames, dtype=bool)
            order = np.random.default_rng((seed, recording)).permutation(num_frames)
            is_frame_lost[order[: round(share * num_frames)]] = True
            for track in range(first, end):
                row, end_row = int(arrays["track_rows"][track]), int(arrays["track_rows"][track + 1])
                start = int(arrays["track_starts"][track])
                is_lost[row:end_row] = is_frame_lost[start : start + end_row - row]
        return bits * self._to_device(~is_lost)[:, None]


class _FirstPartReader(ClipReader):
    """Reads recordings as if they had only their first frames."""

    def __init__(self, reader: ClipReader, share: float, stretch: bool) -> None:
        vars(self).update(vars(reader))
        self.share, self.stretch = share, stretch

    def num_recorded_frames(self, recording_index: Integer[np.ndarray, " clip"]) -> Integer[np.ndarray, " clip"]:
        """Return the number of frames of the part."""
        num_frames = self.store.num_frames[recording_index]
        num_kept: Integer[np.ndarray, " clip"] = np.floor(self.share * num_frames + 1e-6).astype(np.int64)
        num_kept = np.minimum(num_kept.clip(min=1), num_frames)
        return num_kept

    def blocks(self, windows: Windows | SampledFrames) -> Iterator[tuple[slice, Tracks]]:
        """Read the part; without `stretch`, at the speed of a clip of the whole recording."""
        index = windows.recording_index
        if self.stretch:
            return super().blocks(windows)
        scale = self.store.num_frames[index] / self.num_recorded_frames(index).clip(min=1)
        if isinstance(windows, Windows):
            duration = np.maximum((windows.last - windows.first + 1) * scale - 1, 0)
            return super().blocks(Windows(index, windows.first, windows.first + duration))
        first = windows.times[:, :1]
        times = first + (windows.times - first) * scale[:, None]
        return super().blocks(SampledFrames(index, np.floor(times.round(6))))

    def _find_tracks(self, recording_index: np.ndarray) -> tuple[TrackTable, Int64[np.ndarray, " clip"]]:
        tracks, num_tracks = super()._find_tracks(recording_index)
        last_frame = self.num_recorded_frames(recording_index)[tracks.clip] - 1
        last_row = np.minimum(tracks.last_row, tracks.first_row + last_frame - tracks.first_frame)
        # A track that begins after the part keeps one row, which no time of a clip reaches.
        first_frame = np.where(tracks.first_frame > last_frame, np.iinfo(np.int32).max, tracks.first_frame)
        last_row = np.maximum(last_row, tracks.first_row)
        return replace(tracks, first_frame=first_frame, last_row=last_row), num_tracks


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
