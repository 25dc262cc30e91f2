"""A shard: the arrays of one folder of a store, memory-mapped and validated.

There are four index spaces:

- recording: index in the shard. Its tracks are `track_offsets[recording] : track_offsets[recording + 1]`.
- track: index in the shard. Its rows are `row_offsets[track] : row_offsets[track + 1]`.
- row: index of one frame of one track, the first axis of `positions` and `observed_bits`.
- frame: counts from the start of the recording. The first row of a track is frame `track_starts[track]`.

Opening checks what needs no more than the manifest, the headers and the two ends of each array of offsets, so that
it takes the same time for any number of recordings. What lies in between is checked for the recordings that are
read, by `check_recordings`, and for all of them by `check_index`. `verify` alone finds a changed coordinate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_CELLS, MAX_FRAMES
from skeletonmae.sequences.array_files import open_array
from skeletonmae.sequences.manifest import ARRAYS, MANIFEST, FileRecord, Manifest, file_sha256, read_manifest
from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class Shard:
    """The arrays of one folder, by file name without the suffix."""

    path: Path
    manifest: Manifest
    arrays: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.arrays["frames"])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a shard on disk as its folder, so that another process maps its files instead of copying them."""
        if self.is_in_memory:
            return Shard, (self.path, self.manifest, self.arrays)
        return Shard.open, (self.path,)

    @property
    def positions(self) -> np.ndarray:
        """Coordinates, `(row, joint, axis)`."""
        return self.arrays["positions"]

    @property
    def observed_bits(self) -> np.ndarray:
        """Observed flags, `(row, ceil(joint / 8))` uint8: one bit per joint, little-endian."""
        return self.arrays["observed"]

    @property
    def track_offsets(self) -> np.ndarray:
        """First track of each recording, `(recording + 1,)`; the last element is the number of tracks."""
        return self.arrays["recordings"]

    @property
    def row_offsets(self) -> np.ndarray:
        """First row of each track, `(track + 1,)`; the last element is the number of rows."""
        return self.arrays["track_rows"]

    @property
    def track_starts(self) -> np.ndarray:
        """Frame of the recording in which each track starts, `(track,)`."""
        return self.arrays["track_starts"]

    @property
    def num_frames(self) -> np.ndarray:
        """Number of frames of each recording, `(recording,)`."""
        return self.arrays["frames"]

    @property
    def fps(self) -> np.ndarray:
        """Frames per second of each recording, `(recording,)`; NaN if unknown."""
        return self.arrays["fps"]

    @property
    def name_offsets(self) -> np.ndarray:
        """First byte of each name, `(recording + 1,)`; the last element is the number of bytes."""
        return self.arrays["name_ends"]

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Open the shard in folder `path`.

        Raises:
            InputError: A file is missing or has the wrong size, type or shape, or the first or last offset of the
                index is wrong.
        """
        manifest = read_manifest(path)
        arrays = {}
        names = [*ARRAYS, *(f"tag_{tag}" for tag in manifest.tags)]
        for name in names:
            dtype = np.dtype(manifest.dtype if name == "positions" else ARRAYS.get(name, np.int32))
            arrays[name] = open_array(path / f"{name}.npy", manifest.files.get(f"{name}.npy"), dtype)
        shard = cls(path, manifest, arrays)
        shard._validate_shapes()
        return shard

    def _validate_shapes(self) -> None:
        num_joints = Skeleton.from_dict(self.manifest.skeleton, where=f"{self.path / MANIFEST}").num_joints
        num_recordings, num_tracks, num_rows = len(self), len(self.track_starts), len(self.positions)
        num_bytes = len(self.arrays["names"])
        expected_shapes = {
            "positions": (num_rows, num_joints, self.manifest.axes),
            "observed": (num_rows, -(-num_joints // 8)),
            "track_starts": (num_tracks,),
            "track_rows": (num_tracks + 1,),
            "recordings": (num_recordings + 1,),
            "frames": (num_recordings,),
            "fps": (num_recordings,),
            "labels": (num_recordings,),
            "names": (num_bytes,),
            "name_ends": (num_recordings + 1,),
        } | {f"tag_{tag}": (num_recordings,) for tag in self.manifest.tags}
        for name, expected in expected_shapes.items():
            if (shape := self.arrays[name].shape) != expected:
                raise InputError("wrong shape", where=self._file(name), expected=expected, got=shape)
        for name, end in {"track_rows": num_rows, "recordings": num_tracks, "name_ends": num_bytes}.items():
            if (first := self.arrays[name][0]) != 0:
                raise InputError("the first offset is not 0", where=self._file(name), got=first)
            if (last := self.arrays[name][-1]) != end:
                raise InputError(
                    "the last offset is not the length of the array it refers to",
                    where=self._file(name),
                    expected=end,
                    got=last,
                )

    @property
    def is_in_memory(self) -> bool:
        """Whether the arrays belong to no file; the manifest of a shard on disk lists its files."""
        return not self.manifest.files

    def described(self) -> Manifest:
        """Return the manifest with a checksum of each array, which of a shard in memory is computed now."""
        if not self.is_in_memory:
            return self.manifest
        files = {
            f"{name}.npy": FileRecord(
                bytes=array.nbytes, sha256=hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
            )
            for name, array in self.arrays.items()
        }
        return self.manifest.model_copy(update={"files": files})

    def check_recordings(self, recordings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Check everything that the index says about some recordings, so that they can be read.

        Args:
            recordings: Indices of the recordings in this shard, `(recording,)`.

        Returns:
            The first track of each recording, and the track after its last.

        Raises:
            InputError: The index is invalid for a recording, which the message names.
        """
        first_track, end_track = self.track_offsets[recordings], self.track_offsets[recordings + 1]
        num_frames, fps = self.num_frames[recordings], self.fps[recordings]
        is_invalid = (first_track < 0) | (first_track > end_track) | (end_track > len(self.track_starts))
        self._refuse("recordings", recordings, is_invalid, "the tracks of recording {}")
        self._refuse("frames", recordings, num_frames < 0, "the number of frames of recording {}")
        self._refuse("fps", recordings, ~_is_rate(fps), "the rate of recording {}")
        num_tracks = end_track - first_track
        # Tracks of all recordings, one after the other: counted from the first track of their own recording.
        index = np.repeat(np.arange(len(recordings)), num_tracks)
        track = np.arange(len(index)) + np.repeat(first_track - (np.cumsum(num_tracks) - num_tracks), num_tracks)
        first_row, end_row = self.row_offsets[track], self.row_offsets[track + 1]
        is_invalid = (first_row < 0) | (first_row >= end_row) | (end_row > len(self.positions))
        self._refuse("track_rows", recordings[index], is_invalid, "the rows of a track of recording {}")
        first_frame = self.track_starts[track].astype(np.int64)
        is_invalid = (first_frame < 0) | (end_row - first_row > num_frames[index] - first_frame)
        self._refuse("track_starts", recordings[index], is_invalid, "the frames of a track of recording {}")
        return first_track, end_track

    def _refuse(self, name: str, recordings: np.ndarray | None, is_invalid: np.ndarray, description: str) -> None:
        """Raise an error for the first of the recordings, or of all (None), that is flagged."""
        if is_invalid.any():
            first = is_invalid.argmax()
            got = description.format(int(first if recordings is None else recordings[first]))
            raise InputError(f"the index is invalid: {got}", where=self._file(name))

    def tracks(self, recording: int) -> list[tuple[slice, slice]]:
        """Return where the tracks of a recording are.

        Args:
            recording: Index of the recording in this shard.

        Returns:
            For each track, the frames of the recording that it covers, and its rows.

        Raises:
            InputError: The index is invalid, or the recording is too large to be read.
        """
        first, end = (int(ends[0]) for ends in self.check_recordings(np.array([recording])))
        num_frames = int(self.num_frames[recording])
        if (end - first) * num_frames * self.positions.shape[1] > MAX_CELLS or num_frames > MAX_FRAMES:
            got = f"{end - first} persons and {num_frames} frames"
            raise InputError(f"recording {recording} is too large", where=self.path, got=got)
        row_offsets = self.row_offsets[first : end + 1].tolist()
        return [
            (slice(frame, frame + end_row - row), slice(row, end_row))
            for frame, row, end_row in zip(
                self.track_starts[first:end].tolist(), row_offsets, row_offsets[1:], strict=False
            )
        ]

    def code(self, name: str, recording: int, num_values: int) -> int:
        """Return the index of a recording's label or of the value of a tag; -1 if it has none.

        Args:
            name: Name of the array.
            recording: Index of the recording in this shard.
            num_values: Number of values.

        Raises:
            InputError: There is no such value.
        """
        code = int(self.arrays[name][recording])
        if not -1 <= code < num_values:
            got = f"{code} for recording {recording}"
            raise InputError(
                "the index is invalid", where=self._file(name), expected=f"-1 to {num_values - 1}", got=got
            )
        return code

    def name(self, recording: int) -> str:
        """Return the name of a recording.

        Raises:
            InputError: The index is invalid.
        """
        start, end = self.name_offsets[recording : recording + 2].tolist()
        if not 0 <= start <= end <= len(self.arrays["names"]):
            raise InputError(
                f"the index is invalid: the name of recording {recording}", where=self._file("name_ends")
            )
        return bytes(self.arrays["names"][start:end]).decode(errors="replace")

    def encoded_names(self) -> Iterator[bytes]:
        """Yield the name of each recording as UTF-8."""
        text, offsets = self.arrays["names"].tobytes(), self.name_offsets.tolist()
        return (text[start:end] for start, end in pairwise(offsets))

    def num_persons(self) -> np.ndarray:
        """Return the number of persons of each recording with at least one observed joint, `(recording,)` int32.

        Raises:
            InputError: The index is invalid.
        """
        offsets = self.track_offsets  # the first is 0 and the last the number of tracks
        self._refuse("recordings", None, offsets[1:] < offsets[:-1], "the tracks of recording {}")
        num_persons = np.empty(len(self), dtype=np.int32)
        np.subtract(offsets[1:], offsets[:-1], out=num_persons, casting="unsafe")
        return num_persons

    def verify(self) -> None:
        """Read every byte and compare it with the checksums.

        Raises:
            InputError: A file is not what was written, or the index is invalid.
        """
        if self.is_in_memory:
            self.check_index()
            return
        expected = {f"{name}.npy" for name in self.arrays}
        if self.manifest.files.keys() != expected:
            got = sorted(self.manifest.files.keys() ^ expected)
            raise InputError("the manifest does not list exactly the files of the store", where=self.path, got=got)
        for name, record in self.manifest.files.items():
            digest = file_sha256(self.path / name)
            if digest != record.sha256:
                problem = "the content has changed since it was written; prepare the store again"
                raise InputError(problem, where=self.path / name, expected=f"SHA-256 {record.sha256}", got=digest)
        self.check_index()

    def check_index(self) -> None:
        """Check what the index says about every recording, without reading coordinates.

        Raises:
            InputError: The index is invalid.
        """
        for name, is_invalid in self._index_errors():
            if is_invalid:
                raise InputError("the index is invalid", where=self._file(name))

    def _index_errors(self) -> Iterator[tuple[str, bool]]:
        """Yield the name of each array of the index, and whether its values are invalid."""
        for name in ("track_rows", "recordings", "name_ends"):
            offsets = self.arrays[name]
            yield name, bool(offsets[0] != 0 or (np.diff(offsets) < 0).any())
        recording_of_track = np.repeat(np.arange(len(self)), np.diff(self.track_offsets))
        track_length, track_start = np.diff(self.row_offsets), self.track_starts.astype(np.int64)
        track_end = track_start + track_length
        yield "frames", bool((self.num_frames < 0).any())
        yield "fps", bool((~_is_rate(self.fps)).any())
        yield (
            "track_starts",
            bool((track_start < 0).any() or (track_end > self.num_frames[recording_of_track]).any()),
        )
        yield "track_rows", bool((track_length < 1).any())
        num_values = {f"tag_{tag}": len(values) for tag, values in self.manifest.tags.items()}
        for name, num in ({"labels": len(self.manifest.classes)} | num_values).items():
            codes = self.arrays[name]
            yield name, bool((codes < -1).any() or (codes >= num).any())

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.npy"


def _is_rate(fps: np.ndarray) -> np.ndarray:
    """Whether each value is a frame rate, or NaN where it is unknown."""
    is_rate: np.ndarray = np.isnan(fps) | ((fps > 0) & (fps < np.inf))
    return is_rate
