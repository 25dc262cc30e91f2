"""A shard: the arrays of one folder of a store, memory-mapped and validated.

There are four index spaces:

- recording: index in the shard. Its tracks are `track_offsets[recording] : track_offsets[recording + 1]`.
- track: index in the shard. Its rows are `row_offsets[track] : row_offsets[track + 1]`.
- row: index of one frame of one track, the first axis of `positions` and `observed_bits`.
- frame: counts from the start of the recording. The first row of a track is frame `track_starts[track]`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_CELLS
from skeletonmae.sequences.manifest import (
    ARRAYS,
    MANIFEST,
    NPY_HEADER_BYTES,
    FileRecord,
    Manifest,
    file_sha256,
    read_manifest,
)
from skeletonmae.skeletons import Skeleton

MAX_UNMAPPED_BYTES = 2**16
"""Files of up to so many bytes are read instead of mapped, because a map keeps its file open."""


@dataclass(frozen=True, eq=False)
class Shard:
    """The arrays of one folder, by file name without the suffix."""

    path: Path
    manifest: Manifest
    arrays: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.arrays["frames"])

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
    def name_offsets(self) -> np.ndarray:
        """First byte of each name, `(recording + 1,)`; the last element is the number of bytes."""
        return self.arrays["name_ends"]

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Open the shard in folder `path`.

        Raises:
            InputError: A file is missing or has the wrong size, type or shape.
        """
        manifest = read_manifest(path)
        arrays = {}
        names = [*ARRAYS, *(f"tag_{tag}" for tag in manifest.tags)]
        for name in names:
            dtype = np.dtype(manifest.dtype if name == "positions" else ARRAYS.get(name, np.int32))
            arrays[name] = _open_array(path / f"{name}.npy", manifest.files.get(f"{name}.npy"), dtype)
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
            if (last := self.arrays[name][-1]) != end:
                raise InputError(
                    "the last offset is not the length of the array it refers to",
                    where=self._file(name),
                    expected=end,
                    got=last,
                )

    def tracks(self, recording: int) -> list[tuple[slice, slice]]:
        """Return where the tracks of a recording are.

        Args:
            recording: Index of the recording in this shard.

        Returns:
            For each track, the frames of the recording that it covers, and its rows.

        Raises:
            InputError: The index is invalid, or the recording is too large to be read.
        """
        num_frames = int(self.num_frames[recording])
        first, last = self.track_offsets[recording : recording + 2].tolist()
        row_offsets = self.row_offsets[first : last + 1].tolist()
        track_starts = self.track_starts[first:last].tolist()
        tracks = [
            (slice(frame, frame + row_end - row), slice(row, row_end))
            for frame, row, row_end in zip(track_starts, row_offsets, row_offsets[1:], strict=False)
        ]
        is_valid = num_frames >= 0 and len(tracks) == last - first and row_offsets[-1] <= len(self.positions)
        if not is_valid or not all(
            0 <= frames.start < frames.stop <= num_frames and rows.start >= 0 for frames, rows in tracks
        ):
            raise InputError("the index is invalid", where=self.path, got=f"recording {recording}")
        if len(tracks) * num_frames * self.positions.shape[1] > MAX_CELLS:
            got = f"{len(tracks)} persons and {num_frames} frames"
            raise InputError(f"recording {recording} is too large", where=self.path, got=got)
        return tracks

    def verify(self) -> None:
        """Read every byte and compare it with the checksums.

        Raises:
            InputError: A file is not what was written, or the index is invalid.
        """
        expected = {f"{name}.npy" for name in self.arrays}
        if self.manifest.files.keys() != expected:
            got = sorted(self.manifest.files.keys() ^ expected)
            raise InputError("the manifest does not list exactly the files of the store", where=self.path, got=got)
        for name, record in self.manifest.files.items():
            digest = file_sha256(self.path / name)
            if digest != record.sha256:
                problem = "the content has changed since it was written; prepare the store again"
                raise InputError(problem, where=self.path / name, expected=f"SHA-256 {record.sha256}", got=digest)
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


def _open_array(path: Path, record: FileRecord | None, dtype: np.dtype[Any]) -> np.ndarray:
    """Map a file; read it if it is small."""
    if record is None:
        raise InputError("the manifest does not list this file", where=path)
    if not path.is_file():
        raise InputError("the file is missing", where=path)
    size = path.stat().st_size
    if size != record.bytes:
        raise InputError(
            "the file was truncated or changed", where=path, expected=f"{record.bytes} bytes", got=size
        )
    shape, found_dtype = _read_header(path)
    if found_dtype != dtype:
        raise InputError("wrong data type", where=path, expected=dtype, got=found_dtype)
    expected = NPY_HEADER_BYTES + math.prod(shape) * dtype.itemsize
    if size != expected:
        problem = "the size of the file is not that of the shape in its header"
        raise InputError(problem, where=path, expected=f"{expected} bytes", got=size)
    if size > MAX_UNMAPPED_BYTES:  # read-only: a writable map must not be larger than the memory
        return np.asarray(np.memmap(path, dtype, "r", NPY_HEADER_BYTES, shape))
    array = np.fromfile(path, dtype, offset=NPY_HEADER_BYTES).reshape(shape)
    array.flags.writeable = False
    return array


def _read_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and data type that the header of a `.npy` file declares."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # a header that numpy reads with a warning is damaged too
            version = np.lib.format.read_magic(file)
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
            num_bytes = file.tell()
            if version != (1, 0) or is_fortran or not shape or min(shape) < 0 or num_bytes != NPY_HEADER_BYTES:
                raise ValueError(f"version {version}, shape {shape}, {num_bytes} bytes of header")
    except (
        Warning,
        RecursionError,
        MemoryError,
        ValueError,
        TypeError,
        OverflowError,
        SyntaxError,
        TokenError,
    ) as error:  # everything that numpy raises for a damaged header
        raise InputError(f"not a numpy array ({error})", where=path) from error
    return shape, dtype
