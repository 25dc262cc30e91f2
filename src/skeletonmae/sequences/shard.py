"""One folder of a store: its arrays, memory-mapped and proved."""

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
    HEADER,
    MANIFEST,
    FileRecord,
    Manifest,
    file_sha256,
    read_manifest,
)
from skeletonmae.skeletons import Skeleton

MAPPED = 2**16  # bytes of the largest file that is read and not mapped


@dataclass(frozen=True, eq=False)
class Shard:
    """The arrays of one folder, memory-mapped."""

    path: Path
    manifest: Manifest
    arrays: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.arrays["frames"])

    @classmethod
    def open(cls, path: Path) -> Shard:
        """The shard in folder `path`; raises `InputError` if a file is missing or has the wrong size."""
        manifest = read_manifest(path)
        arrays = {}
        names = [*ARRAYS, *(f"tag_{tag}" for tag in manifest.tags)]
        for name in names:
            dtype = np.dtype(manifest.dtype if name == "positions" else ARRAYS.get(name, np.int32))
            arrays[name] = _array(path / f"{name}.npy", manifest.files.get(f"{name}.npy"), dtype)
        shard = cls(path, manifest, arrays)
        shard._prove()
        return shard

    def _prove(self) -> None:
        a = self.arrays
        joints = Skeleton.from_dict(self.manifest.skeleton, where=f"{self.path / MANIFEST}").num_joints
        num, tracks, rows = len(a["frames"]), len(a["track_starts"]), len(a["positions"])
        expected = {
            "positions": (rows, joints, self.manifest.axes),
            "observed": (rows, -(-joints // 8)),
            "track_starts": (tracks,),
            "track_rows": (tracks + 1,),
            "recordings": (num + 1,),
            "frames": (num,),
            "fps": (num,),
            "labels": (num,),
            "names": (len(a["names"]),),
            "name_ends": (num + 1,),
        } | {f"tag_{tag}": (num,) for tag in self.manifest.tags}
        for name, shape in expected.items():
            if a[name].shape != shape:
                raise InputError("wrong shape", where=self.path / f"{name}.npy", expected=shape, got=a[name].shape)
        for name, end in {"track_rows": rows, "recordings": tracks, "name_ends": len(a["names"])}.items():
            if a[name][-1] != end:
                raise InputError(
                    "the index does not end where the arrays do",
                    where=self.path / f"{name}.npy",
                    expected=end,
                    got=a[name][-1],
                )

    def tracks(self, i: int) -> list[tuple[slice, slice]]:
        """Of each person of recording `i`: the frames from the first to the last seen, and their rows."""
        a, frames = self.arrays, int(self.arrays["frames"][i])
        first, last = a["recordings"][i : i + 2].tolist()
        ends, starts = a["track_rows"][first : last + 1].tolist(), a["track_starts"][first:last].tolist()
        found = [
            (slice(start, start + stop - begin), slice(begin, stop))
            for start, begin, stop in zip(starts, ends, ends[1:], strict=False)
        ]
        sound = all(0 <= f.start < f.stop <= frames and r.start >= 0 for f, r in found)
        if not sound or len(found) != last - first or frames < 0 or ends[-1] > len(a["positions"]):
            raise InputError("the index is not sound", where=self.path, got=f"recording {i}")
        if len(found) * frames * a["positions"].shape[1] > MAX_CELLS:
            got = f"recording {i} of {len(found)} persons and {frames} frames"
            raise InputError("too large a recording", where=self.path, got=got)
        return found

    def verify(self) -> None:
        """Read every byte; raises `InputError` if a file is not what was written, or the index is not sound."""
        expected = {f"{name}.npy" for name in self.arrays}
        if self.manifest.files.keys() != expected:
            got = sorted(self.manifest.files.keys() ^ expected)
            raise InputError("the manifest does not list just the store's files", where=self.path, got=got)
        for name, record in self.manifest.files.items():
            digest = file_sha256(self.path / name)
            if digest != record.sha256:
                problem = "the content has changed since it was written; prepare the store again"
                raise InputError(problem, where=self.path / name, expected=f"SHA-256 {record.sha256}", got=digest)
        for name, wrong in self._unsound():
            if wrong:
                raise InputError("the index is not sound", where=self.path / f"{name}.npy")

    def _unsound(self) -> Iterator[tuple[str, bool]]:
        """Each array of the index, and whether its values cannot be."""
        a, manifest = self.arrays, self.manifest
        for name in ("track_rows", "recordings", "name_ends"):
            yield name, bool(a[name][0] != 0 or (np.diff(a[name]) < 0).any())
        owner = np.repeat(np.arange(len(self)), np.diff(a["recordings"]))
        length, start = np.diff(a["track_rows"]), a["track_starts"].astype(np.int64)
        yield "frames", bool((a["frames"] < 0).any())
        yield "track_starts", bool((start < 0).any() or (start + length > a["frames"][owner]).any())
        yield "track_rows", bool((length < 1).any())
        places = {"labels": len(manifest.classes)}
        for name, num in (places | {f"tag_{tag}": len(v) for tag, v in manifest.tags.items()}).items():
            yield name, bool((a[name] < -1).any() or (a[name] >= num).any())


def _array(path: Path, record: FileRecord | None, dtype: np.dtype[Any]) -> np.ndarray:
    """What is in a file, mapped; a small one is read, since a map keeps its file open."""
    if record is None:
        raise InputError("the manifest does not list this file", where=path)
    if not path.is_file():
        raise InputError("the file is missing", where=path)
    size = path.stat().st_size
    if size != record.bytes:
        raise InputError(
            "the file was cut short or changed", where=path, expected=f"{record.bytes} bytes", got=size
        )
    shape, kind = _header(path)
    if kind != dtype:
        raise InputError("wrong kind of numbers", where=path, expected=dtype, got=kind)
    if size != HEADER + (said := math.prod(shape) * dtype.itemsize):  # more is as wrong as less
        problem = "the header does not say what is there"
        raise InputError(problem, where=path, expected=f"{size} bytes", got=HEADER + said)
    if size > MAPPED:  # for reading only: a map that could be written must not be larger than the memory
        return np.asarray(np.memmap(path, dtype, "r", HEADER, shape))
    array = np.fromfile(path, dtype, offset=HEADER).reshape(shape)
    array.flags.writeable = False
    return array


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and kind of numbers that a `.npy` file says it has."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # a header that numpy can only just read is damaged too
            version = np.lib.format.read_magic(file)
            shape, fortran, kind = np.lib.format.read_array_header_1_0(file)
            if version != (1, 0) or fortran or not shape or min(shape) < 0 or file.tell() != HEADER:
                raise ValueError(f"version {version}, shape {shape}, {file.tell()} bytes of header")
    except (
        Warning,
        RecursionError,
        MemoryError,
        ValueError,
        TypeError,
        OverflowError,
        SyntaxError,
        TokenError,
    ) as error:  # what numpy raises at a damaged header
        raise InputError(f"not a numpy array ({error})", where=path) from error
    return shape, kind
