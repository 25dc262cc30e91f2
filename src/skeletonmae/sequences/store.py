"""A store: many recordings of one layout in a folder that opens immediately."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.sequences.array_files import advise_random_reads
from skeletonmae.sequences.manifest import MANIFEST, file_sha256, read_manifest
from skeletonmae.sequences.sequence import SkeletonSequence
from skeletonmae.sequences.shard import Shard
from skeletonmae.skeletons import Skeleton

MUST_MATCH = {
    "skeleton": "prepare them with the same layout, by `--convert-to`",
    "axes": "2D and 3D cannot be mixed: prepare the 3D recordings with `--axes 2`, or train a model for each",
    "unit": "prepare them in the same unit (`--unit` states it), or train a model for each",
}
"""Fields that must be equal in all recordings that a model is trained on -> what to do if they are not."""


class SequenceStore:
    """Recordings of one layout, read from disk on access.

    Opening takes the same time for a thousand recordings and for ten million: it reads only the manifest and the
    headers of the arrays. `labels`, `num_frames` and `tag_codes` of a single shard are views of its files.

    A recording has an `index` in the store, and an index in its shard. `locate` converts the one into the other.

    Args:
        shards: The shards, in the order of their recordings.

    Raises:
        InputError: There is no shard, or their layout, axes or unit differ.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        if not shards:
            raise InputError("a store needs at least one shard")
        first = shards[0].manifest
        for shard in shards[1:]:
            for field, advice in MUST_MATCH.items():
                expected, got = getattr(first, field), getattr(shard.manifest, field)
                if got != expected:
                    if field == "skeleton":
                        expected, got = expected["name"], got["name"]
                    problem = f"stores with different {field} cannot be combined; {advice}"
                    raise InputError(problem, where=shard.path, expected=expected, got=got)
        self.shards = tuple(shards)
        self.skeleton = Skeleton.from_dict(first.skeleton, where=f"{shards[0].path / MANIFEST}")
        self.axes = int(first.axes)
        self.unit = first.unit
        self.datasets = tuple(dict.fromkeys(shard.manifest.dataset for shard in shards))
        self.classes = tuple(dict.fromkeys(name for shard in shards for name in shard.manifest.classes))
        self.shard_ends = np.cumsum([len(shard) for shard in shards])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the shards alone."""
        return SequenceStore, (self.shards,)

    @classmethod
    def open(cls, path: Path | str) -> SequenceStore:
        """Open the store in folder `path`.

        The index of a recording is checked when the recording is read, and changed content is found by `verify`.

        Raises:
            InputError: It is not a store, or a file is missing or has the wrong size, type, shape or offsets.
        """
        path = Path(path)
        manifest = read_manifest(path)
        if not manifest.shards:
            return cls([Shard.open(path)])
        for name, digest in manifest.shards.items():
            shard = path / name
            if not (shard / MANIFEST).is_file() or file_sha256(shard / MANIFEST) != digest:
                raise InputError("the shard is missing or is not the one that was joined", where=shard)
        return cls([Shard.open(path / name) for name in manifest.shards])

    @classmethod
    def concat(cls, stores: Sequence[SequenceStore]) -> SequenceStore:
        """Concatenate stores of the same layout, axes and unit, without copying."""
        return cls([shard for store in stores for shard in store.shards])

    def expect_random_reads(self) -> None:
        """Prepare for reads of single recordings in any order, if the store does not fit into half of the memory.

        The system otherwise reads megabytes around each recording, which are dropped again before they are used.
        """
        arrays = [array for shard in self.shards for array in (shard.positions, shard.observed_bits)]
        if sum(array.nbytes for array in arrays) > memory_bytes() / 2:
            for array in arrays:
                advise_random_reads(array)

    def verify(self) -> None:
        """Read every byte and compare it with the checksums.

        Raises:
            InputError: A file is not what was written, or the index is invalid.
        """
        for shard in self.shards:
            shard.verify()

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the content of all shards, in their order."""
        manifests = [
            json.dumps(shard.described().model_dump(mode="json"), sort_keys=True) for shard in self.shards
        ]
        return hashlib.sha256("\n".join(manifests).encode()).hexdigest()

    def __len__(self) -> int:
        return int(self.shard_ends[-1])

    def __iter__(self) -> Iterator[SkeletonSequence]:
        return (self[index] for index in range(len(self)))

    def locate(self, index: int) -> tuple[Shard, int]:
        """Return the shard of recording `index`, and the index of the recording in that shard."""
        if not 0 <= index < len(self):
            raise IndexError(f"recording {index} of {len(self)}")
        shard_index = int(np.searchsorted(self.shard_ends, index, side="right"))
        shard_start = int(self.shard_ends[shard_index - 1]) if shard_index else 0
        return self.shards[shard_index], index - shard_start

    def __getitem__(self, index: int) -> SkeletonSequence:
        shard, index_in_shard = self.locate(index)
        manifest = shard.manifest
        tracks = shard.tracks(index_in_shard)
        num_joints = self.skeleton.num_joints
        shape = (len(tracks), int(shard.num_frames[index_in_shard]), num_joints)
        positions = np.zeros((*shape, self.axes), dtype=np.float32)
        observed = np.zeros(shape, dtype=bool)
        for person, (frames, rows) in enumerate(tracks):
            bits = shard.observed_bits[rows]
            observed[person, frames] = np.unpackbits(bits, axis=1, count=num_joints, bitorder="little")
            positions[person, frames] = shard.positions[rows]
        label, fps = shard.code("labels", index_in_shard, len(manifest.classes)), float(shard.fps[index_in_shard])
        codes = {tag: shard.code(f"tag_{tag}", index_in_shard, len(names)) for tag, names in manifest.tags.items()}
        name = shard.name(index_in_shard)
        try:
            return SkeletonSequence(
                positions,
                observed,
                self.skeleton,
                name=name,
                unit=self.unit,
                fps=None if np.isnan(fps) else fps,
                label=None if label < 0 else manifest.classes[label],
                tags={tag: manifest.tags[tag][code] for tag, code in codes.items() if code >= 0},
            )
        except InputError as error:  # coordinates that are not finite, or that should be 0
            raise InputError(f"the store is damaged: {error}", where=shard.path) from error

    def name(self, index: int) -> str:
        """Return the name of recording `index`."""
        shard, index_in_shard = self.locate(index)
        return shard.name(index_in_shard)

    @cached_property
    def labels(self) -> np.ndarray:
        """Index of each recording's label in `classes`, `(recording,)` int32; -1 if it is unlabeled."""
        return self._map_codes("labels", [shard.manifest.classes for shard in self.shards], self.classes)

    @cached_property
    def num_frames(self) -> np.ndarray:
        """Number of frames of each recording, `(recording,)` int32."""
        return _concat([shard.num_frames for shard in self.shards])

    @cached_property
    def num_persons(self) -> np.ndarray:
        """Number of persons with at least one observed joint, `(recording,)` int32."""
        return _concat([shard.num_persons() for shard in self.shards])

    def tag(self, name: str) -> np.ndarray:
        """Return the value of tag `name` of each recording as text, `(recording,)`; "" if it has none."""
        codes, values = self.tag_codes(name)
        texts: np.ndarray = np.array([*values, ""], dtype=object)[codes]
        return texts

    def tag_codes(self, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """Encode the values of tag `name` as integers.

        Returns:
            The index of each recording's value, `(recording,)` int32, -1 if it has none; and the values.
        """
        values = self.tags.get(name, ())
        shard_values = [shard.manifest.tags.get(name, ()) for shard in self.shards]
        return self._map_codes(f"tag_{name}", shard_values, values), values

    def _map_codes(
        self, column: str, shard_values: Sequence[tuple[str, ...]], values: tuple[str, ...]
    ) -> np.ndarray:
        """Concatenate a column of codes, mapped from the values of each shard to those of the store."""
        code_of = {value: code for code, value in enumerate(values)}
        columns = []
        for shard, own_values in zip(self.shards, shard_values, strict=True):
            codes = shard.arrays.get(column)
            if codes is None:
                codes = np.full(len(shard), -1, dtype=np.int32)
            if len(codes) and not -1 <= codes.min() <= codes.max() < len(own_values):
                got = f"codes from {codes.min()} to {codes.max()}"
                where, expected = shard.path / f"{column}.npy", f"-1 to {len(own_values) - 1}"
                raise InputError("the index is invalid", where=where, expected=expected, got=got)
            if own_values != values[: len(own_values)]:
                codes = np.array([*(code_of[value] for value in own_values), -1], dtype=np.int32)[codes]
            columns.append(codes)
        return _concat(columns)

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """Every tag and its values."""
        tags: dict[str, dict[str, None]] = {}
        for shard in self.shards:
            for tag, values in shard.manifest.tags.items():
                tags.setdefault(tag, {}).update(dict.fromkeys(values))
        return {tag: tuple(values) for tag, values in tags.items()}


def memory_bytes() -> float:
    """Physical memory of the machine; infinite where the system does not say."""
    names = getattr(os, "sysconf_names", {})
    known = {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= names.keys()
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if known else math.inf


def _concat(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenate; a single column is not copied."""
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def join(shards: Sequence[Path], path: Path) -> None:
    """Write a store to `path` that refers to the stores in `shards`, without copying their recordings.

    The manifest in `path` names the shards by relative paths, so they must stay where they are.

    Raises:
        FileExistsError: `path` is already a store.
        InputError: Their layout, axes or unit differ.
    """
    if (path / MANIFEST).exists():
        raise FileExistsError(f"{path} already exists; delete it or name another folder")
    store = SequenceStore([Shard.open(shard) for shard in shards])
    first = store.shards[0].manifest
    manifest = first.model_copy(
        update={
            "classes": store.classes,
            "tags": store.tags,
            "files": {},
            "shards": {
                Path(os.path.relpath(shard, path)).as_posix(): file_sha256(shard / MANIFEST) for shard in shards
            },
        }
    )
    write_text(path / MANIFEST, manifest.model_dump_json(indent=1))
