"""Recordings of one layout end to end, so that one numpy call measures hundreds of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

ROWS = 16384
"""Rows of a block, about; at 20 joints its arrays are a few megabytes."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some recordings that follow each other. A row is one frame of one track.

    A track is one person from the first to the last frame in which any joint was observed; a person who never
    was has none. No recording may be without a place: those with no track are in `recordings` all the same.

    Args:
        recordings: the recordings, of one layout, number of axes and unit.
        first: number of the first of them in the whole stream.
        positions: of all tracks, end to end, in the recordings' unit.
        observed: which joints were seen; not those at 0, which are lost ones whatever the flag says.
        zero: which joints count as seen and are at 0 in all axes.
        starts: first row of each track.
        owner: place in `recordings` of each track.
        person: of each track in its recording.
        since: frame of its recording in which each track starts.
    """

    recordings: tuple[SkeletonSequence, ...]
    first: int
    positions: Float[np.ndarray, "row joint axis"]
    observed: Bool[np.ndarray, "row joint"]
    zero: Bool[np.ndarray, "row joint"]
    starts: Int[np.ndarray, " track"]
    owner: Int[np.ndarray, " track"]
    person: Int[np.ndarray, " track"]
    since: Int[np.ndarray, " track"]

    @classmethod
    def of(cls, recordings: Iterable[SkeletonSequence], first: int = 0) -> Block:
        """The block of `recordings`, of which there is at least one."""
        recordings = tuple(recordings)
        parts: list[np.ndarray] = []
        flags: list[np.ndarray] = []
        tracks: list[tuple[int, int, int]] = []
        for place, one in enumerate(recordings):
            for number, seen in enumerate(np.asarray(one.observed.any(2))):
                if seen.any():
                    rows = slice(int(seen.argmax()), len(seen) - int(seen[::-1].argmax()))
                    parts.append(one.positions[number, rows])
                    flags.append(one.observed[number, rows])
                    tracks.append((place, number, rows.start))
        like = recordings[0]
        empty = np.zeros((0, *like.positions.shape[2:]), np.float32)
        owner, person, since = np.array(tracks, dtype=np.int64).reshape(-1, 3).T
        positions, observed = np.concatenate([empty, *parts]), np.concatenate([empty[..., 0] > 0, *flags])
        starts = np.cumsum([0, *map(len, parts)])[:-1]
        zero = observed & ~positions.any(2)
        return cls(
            recordings,
            first,
            positions,
            observed & ~_lost(zero, positions, starts, like.skeleton),
            zero,
            starts,
            owner,
            person,
            since,
        )

    @property
    def skeleton(self) -> Skeleton:
        """The layout of all of them."""
        return self.recordings[0].skeleton

    @property
    def axes(self) -> int:
        """2 or 3."""
        return int(self.positions.shape[2])

    @property
    def unit(self) -> str:
        """Of the positions."""
        return self.recordings[0].unit

    @cached_property
    def lengths(self) -> Int[np.ndarray, " track"]:
        """Rows of each track."""
        return np.diff(self.starts, append=len(self.positions))

    @cached_property
    def track(self) -> Int[np.ndarray, " row"]:
        """Track of each row."""
        return np.repeat(np.arange(len(self.starts)), self.lengths)

    @cached_property
    def fps(self) -> Float[np.ndarray, " track"]:
        """Frames per second of each track; NaN if not known."""
        every = np.array([np.nan if one.fps is None else one.fps for one in self.recordings], dtype=np.float64)
        fps: np.ndarray = every[self.owner]
        return fps

    @cached_property
    def both(self) -> Bool[np.ndarray, "row joint"]:
        """Whether the joint was observed in this row and in the next one of the track."""
        both = np.zeros_like(self.observed)
        both[:-1] = self.observed[:-1] & self.observed[1:]
        both[self.starts[1:] - 1] = False
        return both

    @cached_property
    def step(self) -> Float[np.ndarray, "row joint"]:
        """How far the joint moves to the next row; 0 where not `both`."""
        step = np.zeros(self.observed.shape, np.float32)
        if len(step):
            step[:-1] = distance(self.positions[1:], self.positions[:-1])
        step *= self.both
        return step

    @cached_property
    def size(self) -> Float[np.ndarray, " track"]:
        """Size of the body: root mean square distance of its joints from their middle; adults: about 0.5 m.

        Unlike height or bones it asks for no layout, changes little with the pose and serves in two axes too.
        """
        seen = self.observed.astype(np.float32)
        count = seen.sum(1)
        apart = self.positions - (self.positions.sum(1) / np.maximum(count, 1)[:, None])[:, None]
        spread = np.einsum("rja,rja,rj->r", apart, apart, seen)
        size: np.ndarray = np.sqrt(self.sums(spread) / self.sums(count))
        return size

    @cached_property
    def bones(self) -> tuple[Float[np.ndarray, "track bone"], Float[np.ndarray, "track bone"]]:
        """Mean and standard deviation of the length of each bone over the frames; NaN where it is never seen."""
        joint = np.array([self.skeleton.index[joint] for joint, _ in self.skeleton.bones], dtype=np.int64)
        parent = self.skeleton.parent_index[joint]
        there = self.observed[:, joint] & self.observed[:, parent]
        length = distance(self.positions[:, joint], self.positions[:, parent]).astype(np.float64) * there
        mean = self.means(length, there)
        return mean, np.sqrt(np.maximum(self.means(length**2, there) - mean**2, 0))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum over the rows of each track, in float64: `(row, ...)` to `(track, ...)`."""
        if not len(self.starts):
            return np.zeros((0, *values.shape[1:]))
        total: np.ndarray = np.add.reduceat(values, self.starts, axis=0, dtype=np.float64)
        return total

    def means(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Mean of the `valid` rows of each track; NaN where there is none. Others must be 0 in `values`."""
        count = self.sums(valid)
        return np.where(count > 0, self.sums(values) / np.maximum(count, 1), np.nan)

    def rows(self, track: int) -> slice:
        """The rows of one track."""
        return slice(int(self.starts[track]), int(self.starts[track] + self.lengths[track]))

    def name(self, place: int) -> str:
        """What to call recording `place`: by its number in the stream if it has no name."""
        return self.recordings[place].name or f"number {self.first + place}"


def _lost(
    zero: Bool[np.ndarray, "row joint"],
    positions: Float[np.ndarray, "row joint axis"],
    starts: Int[np.ndarray, " track"],
    skeleton: Skeleton,
) -> Bool[np.ndarray, "row joint"]:
    """Joints at 0 that were lost: not the middle of the body, nor in a track that is nothing but zeros."""
    lost = zero.copy()
    lost[:, [skeleton.index[skeleton.root], *skeleton.center_index]] = False
    if len(starts):
        any_place = np.logical_or.reduceat(positions.any((1, 2)), starts)
        lost &= np.repeat(any_place, np.diff(starts, append=len(positions)))[:, None]
    return lost


def blocks(recordings: Iterable[SkeletonSequence], rows: int = ROWS) -> Iterator[Block]:
    """All recordings, in blocks of one layout, number of axes and unit; only one block is held at a time."""
    waiting: list[SkeletonSequence] = []
    first = held = 0
    for one in recordings:
        if waiting and (held > rows or _kind(one) != _kind(waiting[0])):
            yield Block.of(waiting, first)
            first, held, waiting = first + len(waiting), 0, []
        waiting.append(one)
        held += one.num_persons * one.num_frames + 1
    if waiting:
        yield Block.of(waiting, first)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance along the last axis."""
    apart = a - b
    length: np.ndarray = np.sqrt(np.einsum("...a,...a->...", apart, apart))
    return length


def _kind(one: SkeletonSequence) -> tuple[Skeleton, int, str]:
    return one.skeleton, one.positions.shape[3], one.unit
