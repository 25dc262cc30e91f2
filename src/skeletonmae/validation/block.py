"""Recordings of one layout packed into one array, so that one numpy call measures hundreds of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

BLOCK_ROWS = 16384
"""Approximate number of rows of a block; with 20 joints its arrays take a few megabytes."""


@dataclass(frozen=True, eq=False)
class RecordingBlock:
    """Consecutive recordings whose tracks are concatenated. A row is one frame of one track.

    A track is one person from the first to the last frame in which any joint was observed; a person who was never
    observed has no track. A recording without tracks is still in `recordings`.

    Args:
        recordings: the recordings, which share layout, number of axes and unit.
        first_index: index of the first of them among all recordings that are validated.
        positions: positions of all tracks, in the unit of the recordings.
        observed: which joints were observed. Joints at 0 in all axes count as lost, whatever their flag is.
        zero: which joints are flagged as observed and are at 0 in all axes.
        track_starts: first row of each track.
        recording_index: index in `recordings` of each track.
        person_index: index of each track's person in its recording.
        start_frame: frame of the recording in which each track starts.
    """

    recordings: tuple[SkeletonSequence, ...]
    first_index: int
    positions: Float[np.ndarray, "row joint axis"]
    observed: Bool[np.ndarray, "row joint"]
    zero: Bool[np.ndarray, "row joint"]
    track_starts: Int[np.ndarray, " track"]
    recording_index: Int[np.ndarray, " track"]
    person_index: Int[np.ndarray, " track"]
    start_frame: Int[np.ndarray, " track"]

    @classmethod
    def from_recordings(cls, recordings: Iterable[SkeletonSequence], first_index: int = 0) -> RecordingBlock:
        """Pack `recordings`, of which there is at least one, into a block."""
        recordings = tuple(recordings)
        positions: list[np.ndarray] = []
        observed: list[np.ndarray] = []
        tracks: list[tuple[int, int, int]] = []
        for index, recording in enumerate(recordings):
            for person, in_frame in enumerate(np.asarray(recording.observed.any(2))):
                if in_frame.any():
                    frames = slice(int(in_frame.argmax()), len(in_frame) - int(in_frame[::-1].argmax()))
                    positions.append(recording.positions[person, frames])
                    observed.append(recording.observed[person, frames])
                    tracks.append((index, person, frames.start))
        template = recordings[0]
        empty = np.zeros((0, *template.positions.shape[2:]), np.float32)
        recording_index, person_index, start_frame = np.array(tracks, dtype=np.int64).reshape(-1, 3).T
        all_positions = np.concatenate([empty, *positions])
        all_observed = np.concatenate([empty[..., 0] > 0, *observed])
        track_starts = np.cumsum([0, *map(len, positions)])[:-1]
        zero = all_observed & ~all_positions.any(2)
        return cls(
            recordings,
            first_index,
            all_positions,
            all_observed & ~_lost(zero, all_positions, track_starts, template.skeleton),
            zero,
            track_starts,
            recording_index,
            person_index,
            start_frame,
        )

    @property
    def skeleton(self) -> Skeleton:
        """The layout of the recordings."""
        return self.recordings[0].skeleton

    @property
    def num_axes(self) -> int:
        """2 or 3."""
        return int(self.positions.shape[2])

    @property
    def unit(self) -> str:
        """The unit of the positions."""
        return self.recordings[0].unit

    @cached_property
    def track_lengths(self) -> Int[np.ndarray, " track"]:
        """Number of rows of each track."""
        return np.diff(self.track_starts, append=len(self.positions))

    @cached_property
    def track_index(self) -> Int[np.ndarray, " row"]:
        """The track of each row."""
        return np.repeat(np.arange(len(self.track_starts)), self.track_lengths)

    @cached_property
    def fps(self) -> Float[np.ndarray, " track"]:
        """Frames per second of each track; NaN if unknown."""
        per_recording = [np.nan if recording.fps is None else recording.fps for recording in self.recordings]
        fps: np.ndarray = np.array(per_recording, dtype=np.float64)[self.recording_index]
        return fps

    @cached_property
    def observed_next(self) -> Bool[np.ndarray, "row joint"]:
        """Whether the joint was observed in this row and in the next row of the same track."""
        observed_next = np.zeros_like(self.observed)
        observed_next[:-1] = self.observed[:-1] & self.observed[1:]
        observed_next[self.track_starts[1:] - 1] = False
        return observed_next

    @cached_property
    def displacement(self) -> Float[np.ndarray, "row joint"]:
        """Distance that the joint moves to the next row; 0 where `observed_next` is False."""
        displacement = np.zeros(self.observed.shape, np.float32)
        if len(displacement):
            displacement[:-1] = distance(self.positions[1:], self.positions[:-1])
        displacement *= self.observed_next
        return displacement

    @cached_property
    def body_size(self) -> Float[np.ndarray, " track"]:
        """Root mean square distance of the observed joints from their center; about 0.5 m for adults.

        Unlike height or bone lengths it needs no particular joints, hardly depends on the pose and is defined for
        two axes too.
        """
        observed = self.observed.astype(np.float32)
        count = observed.sum(1)
        from_center = self.positions - (self.positions.sum(1) / np.maximum(count, 1)[:, None])[:, None]
        squares = np.einsum("rja,rja,rj->r", from_center, from_center, observed)
        body_size: np.ndarray = np.sqrt(self.sum_per_track(squares) / self.sum_per_track(count))
        return body_size

    @cached_property
    def bones(self) -> tuple[Float[np.ndarray, "track bone"], Float[np.ndarray, "track bone"]]:
        """Mean and standard deviation of the length of each bone over frames; NaN if it was never observed."""
        joint = np.array([self.skeleton.index[joint] for joint, _ in self.skeleton.bones], dtype=np.int64)
        parent = self.skeleton.parent_index[joint]
        observed = self.observed[:, joint] & self.observed[:, parent]
        length = distance(self.positions[:, joint], self.positions[:, parent]).astype(np.float64) * observed
        mean = self.mean_per_track(length, observed)
        return mean, np.sqrt(np.maximum(self.mean_per_track(length**2, observed) - mean**2, 0))

    def sum_per_track(self, values: np.ndarray) -> np.ndarray:
        """Sum over the rows of each track, in float64: `(row, ...)` to `(track, ...)`."""
        if not len(self.track_starts):
            return np.zeros((0, *values.shape[1:]))
        total: np.ndarray = np.add.reduceat(values, self.track_starts, axis=0, dtype=np.float64)
        return total

    def mean_per_track(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Mean over the `valid` rows of each track; NaN if there are none. `values` must be 0 in other rows."""
        count = self.sum_per_track(valid)
        return np.where(count > 0, self.sum_per_track(values) / np.maximum(count, 1), np.nan)

    def track_rows(self, track: int) -> slice:
        """The rows of one track."""
        return slice(int(self.track_starts[track]), int(self.track_starts[track] + self.track_lengths[track]))

    def recording_name(self, index: int) -> str:
        """Name of the recording at `index`, or its number among all recordings if it has no name."""
        return self.recordings[index].name or f"number {self.first_index + index}"


def _lost(
    zero: Bool[np.ndarray, "row joint"],
    positions: Float[np.ndarray, "row joint axis"],
    track_starts: Int[np.ndarray, " track"],
    skeleton: Skeleton,
) -> Bool[np.ndarray, "row joint"]:
    """Joints at 0 that count as lost: all but the root and center, and all but tracks that are 0 throughout."""
    lost = zero.copy()
    lost[:, [skeleton.index[skeleton.root], *skeleton.center_index]] = False
    if len(track_starts):
        not_all_zero = np.logical_or.reduceat(positions.any((1, 2)), track_starts)
        lost &= np.repeat(not_all_zero, np.diff(track_starts, append=len(positions)))[:, None]
    return lost


def iter_blocks(recordings: Iterable[SkeletonSequence], num_rows: int = BLOCK_ROWS) -> Iterator[RecordingBlock]:
    """Pack a stream of recordings into blocks of one layout, number of axes and unit, one block at a time."""
    pending: list[SkeletonSequence] = []
    first_index = pending_rows = 0
    for recording in recordings:
        if pending and (pending_rows > num_rows or _block_key(recording) != _block_key(pending[0])):
            yield RecordingBlock.from_recordings(pending, first_index)
            first_index, pending_rows, pending = first_index + len(pending), 0, []
        pending.append(recording)
        pending_rows += recording.num_persons * recording.num_frames + 1
    if pending:
        yield RecordingBlock.from_recordings(pending, first_index)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance along the last axis."""
    difference = a - b
    length: np.ndarray = np.sqrt(np.einsum("...a,...a->...", difference, difference))
    return length


def _block_key(recording: SkeletonSequence) -> tuple[Skeleton, int, str]:
    return recording.skeleton, recording.positions.shape[3], recording.unit
