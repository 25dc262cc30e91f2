"""Merge selected recordings of several shards into one flat store, by copying their arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from skeletonmae.files import write_text
from skeletonmae.sequences.manifest import MANIFEST, record_files
from skeletonmae.sequences.shard import Shard
from skeletonmae.sequences.store import SequenceStore

COPY_ROWS = 2**16
"""Number of rows that are copied at a time."""


def merge(store: SequenceStore, folder: Path, keep: Bool[np.ndarray, " recording"]) -> None:
    """Write the recordings of `store` that are flagged in `keep` as one flat store.

    Args:
        store: A store of any number of shards.
        folder: An empty folder.
        keep: Which recordings to write.

    Raises:
        InputError: The index of a shard is invalid.
    """
    for shard in store.shards:
        shard.check_index()
    kept_by_shard = np.split(keep, store.shard_ends[:-1])
    selections = [_ShardSelection(*pair) for pair in zip(store.shards, kept_by_shard, strict=True)]
    first = store.shards[0]
    for name in ("positions", "observed"):
        template = first.arrays[name]
        num_rows = sum(int(selection.track_length.sum()) for selection in selections)
        header = {"descr": template.dtype.str, "fortran_order": False, "shape": (num_rows, *template.shape[1:])}
        with (folder / f"{name}.npy").open("wb") as file:  # a memory map would crash on a full disk
            np.lib.format.write_array_header_1_0(file, header)
            for selection in selections:
                for rows in selection.iter_rows(name):
                    file.write(np.ascontiguousarray(rows).data)
    for name, array in _index_arrays(store, selections, keep).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    manifest = first.manifest.model_copy(
        update={"classes": store.classes, "tags": store.tags, "files": record_files(folder), "shards": {}}
    )
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1))


class _ShardSelection:
    """The selected recordings of one shard, with the flags and lengths of their tracks."""

    def __init__(self, shard: Shard, keep: np.ndarray) -> None:
        self.shard, self.keep = shard, keep
        self.keep_track = np.repeat(keep, np.diff(shard.track_offsets))
        self.track_length = np.diff(shard.row_offsets)[self.keep_track]

    def iter_rows(self, name: str) -> Iterator[np.ndarray]:
        """Yield the rows of the selected tracks of an array, at most `COPY_ROWS` at a time."""
        row_offsets = self.shard.row_offsets
        run_bounds = np.flatnonzero(np.diff(np.concatenate([[False], self.keep_track, [False]])))
        for first_track, end_track in run_bounds.reshape(-1, 2):
            first_row, end_row = int(row_offsets[first_track]), int(row_offsets[end_track])
            for row in range(first_row, end_row, COPY_ROWS):
                yield self.shard.arrays[name][row : min(row + COPY_ROWS, end_row)]

    def per_recording(self, name: str) -> np.ndarray:
        """Return the selected values of an array with one value per recording."""
        values: np.ndarray = self.shard.arrays[name][self.keep]
        return values

    def names(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the bytes of the selected names, concatenated, and the length of each name."""
        length = np.diff(self.shard.name_offsets)
        return self.shard.arrays["names"][np.repeat(self.keep, length)], length[self.keep]


def _index_arrays(
    store: SequenceStore, selections: Sequence[_ShardSelection], keep: np.ndarray
) -> dict[str, np.ndarray]:
    """The arrays of the merged index, by file name without the suffix."""
    names = [selection.names() for selection in selections]
    num_tracks = [np.diff(selection.shard.track_offsets)[selection.keep] for selection in selections]
    index = {
        name: np.concatenate([selection.per_recording(name) for selection in selections])
        for name in ("frames", "fps")
    }
    index |= {
        "track_rows": _offsets([selection.track_length for selection in selections]),
        "track_starts": np.concatenate(
            [selection.shard.track_starts[selection.keep_track] for selection in selections]
        ),
        "recordings": _offsets(num_tracks),
        "names": np.concatenate([text for text, _ in names]),
        "name_ends": _offsets([length for _, length in names]),
    }
    index["labels"] = store.labels[keep].astype(np.int32)
    index |= {f"tag_{tag}": store.tag_codes(tag)[0][keep] for tag in store.tags}
    return index


def _offsets(lengths: Sequence[np.ndarray]) -> np.ndarray:
    """Offsets of consecutive items, starting with 0, from the lengths of the items."""
    return np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
