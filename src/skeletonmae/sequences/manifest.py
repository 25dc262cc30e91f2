"""The store format: a folder of flat memory-mapped arrays, an index, and a manifest.

```
manifest.json      format, skeleton, unit, classes, tags, and the size and SHA-256 of every file below
positions.npy      [row, joint, axis] float32 or float16: all tracks of all recordings, concatenated
observed.npy       [row, ceil(joint / 8)] uint8: one bit per joint
track_rows.npy     [track + 1] int64: track i has the rows track_rows[i] : track_rows[i + 1]
track_starts.npy   [track] int32: frame of the recording in which the track starts
recordings.npy     [recording + 1] int64: recording i has the tracks recordings[i] : recordings[i + 1]
frames.npy         [recording] int32: number of frames
fps.npy            [recording] float32: frames per second, NaN if unknown
labels.npy         [recording] int32: index in the manifest's classes, -1 if unlabeled
names.npy          [byte] uint8: all names, concatenated as UTF-8
name_ends.npy      [recording + 1] int64: name i has the bytes name_ends[i] : name_ends[i + 1]
tag_<name>.npy     [recording] int32: index in the manifest's list of that tag's values, -1 if it has none
```
A track is one person, from the first to the last frame in which any joint was observed. A joined store has a
manifest that lists the folders of other stores (shards) instead of arrays of its own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, field_validator

from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.sequences.sequence import UNITS

FORMAT: Literal[1] = 1
MANIFEST = "manifest.json"
NPY_HEADER_BYTES = 128
"""Bytes before the first element of a `.npy` file."""
TAG_PATTERN = r"^\w[\w .-]*$"
"""Valid names of tags; they become part of a file name."""
ARRAYS = {
    "positions": None,  # float32 or float16, as the manifest says
    "observed": np.uint8,
    "track_rows": np.int64,
    "track_starts": np.int32,
    "recordings": np.int64,
    "frames": np.int32,
    "fps": np.float32,
    "labels": np.int32,
    "names": np.uint8,
    "name_ends": np.int64,
}


class FileRecord(Config):
    """Size in bytes and SHA-256 of a file."""

    bytes: int
    sha256: str


class Manifest(Config):
    """The metadata of a store."""

    format: Literal[1] = FORMAT
    dataset: str = ""
    skeleton: dict[str, Any]
    axes: Literal[2, 3]
    unit: str
    dtype: Literal["float32", "float16"] = "float32"
    classes: tuple[str, ...] = ()
    tags: dict[Annotated[str, Field(pattern=TAG_PATTERN)], tuple[str, ...]] = Field(default_factory=dict)
    files: dict[str, FileRecord] = Field(default_factory=dict)
    shards: dict[str, str] = Field(default_factory=dict)
    """Folder of each shard, relative to this folder -> SHA-256 of its manifest."""

    @field_validator("unit")
    @classmethod
    def _unit_is_known(cls, unit: str) -> str:
        if unit not in UNITS:
            raise ValueError(f"expected one of {', '.join(UNITS)}; got {unit}")
        return unit

    @field_validator("skeleton")
    @classmethod
    def _number_of_joints_is_limited(cls, skeleton: dict[str, Any]) -> dict[str, Any]:
        joints = skeleton.get("joints")
        if isinstance(joints, list) and len(joints) > MAX_JOINTS:
            raise ValueError(f"expected at most {MAX_JOINTS} joints; got {len(joints)}")
        return skeleton


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of the store in folder `path`.

    Raises:
        InputError: There is no manifest, or it is not valid.
    """
    file = path / MANIFEST
    if not file.is_file():
        raise InputError(
            "not a store: it has no manifest.json", where=path, expected="a folder written by `prepare`"
        )
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"not a valid manifest of format {FORMAT}: {key}: {first['msg']}", where=file) from error


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Size and checksum of each array in `folder`, by file name."""
    files = sorted(folder.glob("*.npy"))
    return {file.name: FileRecord(bytes=file.stat().st_size, sha256=file_sha256(file)) for file in files}


def file_sha256(path: Path) -> str:
    """SHA-256 of the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
