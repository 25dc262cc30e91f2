"""Many recordings in a folder that opens at once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.sequences.manifest import MANIFEST, file_sha256, read_manifest
from skeletonmae.sequences.sequence import SkeletonSequence
from skeletonmae.sequences.shard import Shard
from skeletonmae.skeletons import Skeleton

MUST_MATCH = {
    "skeleton": "prepare them with one layout, by `--convert-to`",
    "axes": "2D and 3D do not mix: prepare the 3D recordings with `--axes 2`, or train a model for each",
    "unit": "prepare them in one unit (`--unit` says what it is), or train a model for each",
}
"""What must be the same in all recordings that a model learns from -> what to do if it is not."""


class SequenceStore:
    """Recordings of one layout, read from disk as they are asked for.

    Opening costs the same for a thousand recordings and for ten million: only the manifest and the headers of the
    arrays are read. `labels`, `num_frames` and `tag_codes` of one shard are views of its files, not copies.

    Args:
        shards: their recordings follow each other in this order.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        if not shards:
            raise InputError("a store needs at least one shard")
        first = shards[0].manifest
        for shard in shards[1:]:
            for key in ("skeleton", "axes", "unit"):
                mine, other = getattr(first, key), getattr(shard.manifest, key)
                if mine != other:
                    mine, other = (s["name"] if key == "skeleton" else s for s in (mine, other))
                    problem = f"stores with another {key} cannot be pooled; {MUST_MATCH[key]}"
                    raise InputError(problem, where=shard.path, expected=mine, got=other)
        self.shards = tuple(shards)
        self.skeleton = Skeleton.from_dict(first.skeleton, where=f"{shards[0].path / MANIFEST}")
        self.axes = int(first.axes)
        self.unit = first.unit
        self.datasets = tuple(dict.fromkeys(shard.manifest.dataset for shard in shards))
        self.classes = tuple(dict.fromkeys(name for shard in shards for name in shard.manifest.classes))
        self.shard_ends = np.cumsum([len(shard) for shard in shards])

    @classmethod
    def open(cls, path: Path | str) -> SequenceStore:
        """The store in folder `path`.

        Raises:
            InputError: it is not a store, a file is missing or has the wrong size, or the index is not sound.
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
        """One store of all recordings of `stores`, which must share layout, axes and unit."""
        return cls([shard for store in stores for shard in store.shards])

    def verify(self) -> None:
        """Read every byte and compare with the checksums.

        Raises:
            InputError: a file is not what was written.
        """
        for shard in self.shards:
            shard.verify()

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the whole content, shard by shard."""
        parts = [json.dumps(shard.manifest.model_dump(mode="json"), sort_keys=True) for shard in self.shards]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def __len__(self) -> int:
        return int(self.shard_ends[-1])

    def __iter__(self) -> Iterator[SkeletonSequence]:
        return (self[index] for index in range(len(self)))

    def locate(self, index: int) -> tuple[Shard, int]:
        """The shard of recording `index` and its place there."""
        if not 0 <= index < len(self):
            raise IndexError(f"recording {index} of {len(self)}")
        shard = int(np.searchsorted(self.shard_ends, index, side="right"))
        return self.shards[shard], index - (int(self.shard_ends[shard - 1]) if shard else 0)

    def __getitem__(self, index: int) -> SkeletonSequence:
        shard, i = self.locate(index)
        a, manifest = shard.arrays, shard.manifest
        tracks = shard.tracks(i)
        shape = (len(tracks), int(a["frames"][i]), self.skeleton.num_joints)
        positions = np.zeros((*shape, self.axes), dtype=np.float32)
        observed = np.zeros(shape, dtype=bool)
        for person, (frames, rows) in enumerate(tracks):
            bits = np.unpackbits(a["observed"][rows], axis=1, count=shape[2], bitorder="little")
            observed[person, frames] = bits
            positions[person, frames] = a["positions"][rows]
        label, fps = int(a["labels"][i]), float(a["fps"][i])
        codes = {tag: int(a[f"tag_{tag}"][i]) for tag in manifest.tags}
        return SkeletonSequence(
            positions,
            observed,
            self.skeleton,
            name=self.name(index),
            unit=self.unit,
            fps=None if np.isnan(fps) else fps,
            label=None if label < 0 else manifest.classes[label],
            tags={tag: manifest.tags[tag][code] for tag, code in codes.items() if code >= 0},
        )

    def name(self, index: int) -> str:
        """The name of recording `index`."""
        shard, i = self.locate(index)
        ends = shard.arrays["name_ends"]
        return bytes(shard.arrays["names"][int(ends[i]) : int(ends[i + 1])]).decode(errors="replace")

    @cached_property
    def labels(self) -> np.ndarray:
        """Place of each recording's label in `classes`, int32; -1 where there is none."""
        return self._codes("labels", [shard.manifest.classes for shard in self.shards], self.classes)

    @cached_property
    def num_frames(self) -> np.ndarray:
        """Frames of each recording, int32."""
        return _end_to_end([shard.arrays["frames"] for shard in self.shards])

    @cached_property
    def num_persons(self) -> np.ndarray:
        """Persons with at least one observed joint, of each recording, int32."""
        num = np.empty(len(self), dtype=np.int32)
        for shard, end in zip(self.shards, self.shard_ends, strict=True):
            index, its = shard.arrays["recordings"], num[end - len(shard) : end]
            np.subtract(index[1:], index[:-1], out=its, casting="unsafe")
        return num

    def tag(self, name: str) -> np.ndarray:
        """The value of tag `name` of each recording, as text; empty where it has none."""
        codes, values = self.tag_codes(name)
        texts: np.ndarray = np.array([*values, ""], dtype=object)[codes]
        return texts

    def tag_codes(self, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """The place of each recording's value of tag `name`, int32, -1 where it has none; and the values."""
        values = self.tags.get(name, ())
        own = [shard.manifest.tags.get(name, ()) for shard in self.shards]
        return self._codes(f"tag_{name}", own, values), values

    def _codes(self, column: str, own: Sequence[tuple[str, ...]], values: tuple[str, ...]) -> np.ndarray:
        """A column of places in each shard's `own` values as places in `values`; not copied if they agree."""
        place = {value: number for number, value in enumerate(values)}
        columns = []
        for shard, its in zip(self.shards, own, strict=True):
            codes = shard.arrays.get(column)
            if codes is None:
                codes = np.full(len(shard), -1, dtype=np.int32)
            if len(codes) and not -1 <= codes.min() <= codes.max() < len(its):
                raise InputError("the index is not sound", where=shard.path / f"{column}.npy")
            if its != values[: len(its)]:
                codes = np.array([*(place[value] for value in its), -1], dtype=np.int32)[codes]
            columns.append(codes)
        return _end_to_end(columns)

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """Every tag and the values it takes."""
        found: dict[str, dict[str, None]] = {}
        for shard in self.shards:
            for tag, values in shard.manifest.tags.items():
                found.setdefault(tag, {}).update(dict.fromkeys(values))
        return {tag: tuple(values) for tag, values in found.items()}


def _end_to_end(columns: Sequence[np.ndarray]) -> np.ndarray:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def join(shards: Sequence[Path], path: Path) -> None:
    """Make `path` the store of all recordings of the stores in `shards`, without copying any.

    The manifest written to `path` names the shards relative to it; they must stay where they are.

    Raises:
        FileExistsError: `path` is a store already.
        InputError: their layout, axes or unit differ.
    """
    if (path / MANIFEST).exists():
        raise FileExistsError(f"{path} is there already; delete it or name another folder")
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
