"""Many stores into one, by copying their arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from skeletonmae.files import write_text
from skeletonmae.sequences.manifest import MANIFEST, FileRecord, file_sha256
from skeletonmae.sequences.shard import Shard
from skeletonmae.sequences.store import SequenceStore

BLOCK = 2**16  # rows copied at a time


def merge(store: SequenceStore, folder: Path, keep: Bool[np.ndarray, " recording"]) -> None:
    """Write the kept recordings of `store` as one flat store.

    Args:
        store: of any number of shards.
        folder: an empty one.
        keep: which recordings.
    """
    bounds = [0, *store.shard_ends.tolist()]
    parts = [_Part(shard, keep[a:b]) for shard, a, b in zip(store.shards, bounds, bounds[1:], strict=False)]
    first = store.shards[0].manifest
    for name in ("positions", "observed"):
        like = store.shards[0].arrays[name]
        shape = (sum(int(part.rows.sum()) for part in parts), *like.shape[1:])
        with (folder / f"{name}.npy").open("wb") as file:  # a map of a file would end in a crash on a full disk
            described = {"descr": like.dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, described)
            for part in parts:
                for block in part.blocks(name):
                    file.write(np.ascontiguousarray(block).data)
    for name, array in _index(store, parts, keep).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    files = sorted(folder.glob("*.npy"))
    manifest = first.model_copy(
        update={
            "classes": store.classes,
            "tags": store.tags,
            "files": {f.name: FileRecord(bytes=f.stat().st_size, sha256=file_sha256(f)) for f in files},
            "shards": {},
        }
    )
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1))


class _Part:
    """The kept recordings of one shard."""

    def __init__(self, shard: Shard, keep: np.ndarray) -> None:
        a = shard.arrays
        self.shard, self.keep = shard, keep
        self.tracks = np.repeat(keep, np.diff(a["recordings"]))
        self.rows = np.diff(a["track_rows"])[self.tracks]

    def blocks(self, name: str) -> Iterator[np.ndarray]:
        """The rows of the kept tracks, some at a time."""
        ends = self.shard.arrays["track_rows"]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.tracks, [False]])))
        for begin, end in edges.reshape(-1, 2):
            first, last = int(ends[begin]), int(ends[end])
            for row in range(first, last, BLOCK):
                yield self.shard.arrays[name][row : min(row + BLOCK, last)]

    def each(self, name: str) -> np.ndarray:
        """The kept values of an array that has one for each recording."""
        values: np.ndarray = self.shard.arrays[name][self.keep]
        return values

    def names(self) -> tuple[np.ndarray, np.ndarray]:
        """The bytes of the kept names, and how many each has."""
        length = np.diff(self.shard.arrays["name_ends"])
        return self.shard.arrays["names"][np.repeat(self.keep, length)], length[self.keep]


def _index(store: SequenceStore, parts: Sequence[_Part], keep: np.ndarray) -> dict[str, np.ndarray]:
    def together(arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)

    def ends(lengths: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(together(lengths))]).astype(np.int64)

    names = [part.names() for part in parts]
    index = {name: together([part.each(name) for part in parts]) for name in ("frames", "fps")}
    index |= {
        "track_rows": ends([part.rows for part in parts]),
        "track_starts": together([part.shard.arrays["track_starts"][part.tracks] for part in parts]),
        "recordings": ends([np.diff(part.shard.arrays["recordings"])[part.keep] for part in parts]),
        "names": together([text for text, _ in names]),
        "name_ends": ends([length for _, length in names]),
    }
    index["labels"] = store.labels[keep].astype(np.int32)
    index |= {f"tag_{tag}": store.tag_codes(tag)[0][keep] for tag in store.tags}
    return index
