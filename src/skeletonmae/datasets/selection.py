"""Which of the recordings that were read belong into the store: each name once, and no single frames of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.report import RecordingNote, SkippedFile
from skeletonmae.datasets.single_frames import describe_scattered, scattered_frames
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore

RENAME = "rename one of them (in a table: the column `recording`, or leave that column out)"


def select_recordings(
    dataset: Dataset,
    source: Path,
    store: SequenceStore,
    file_name: Callable[[int], str],
    *,
    strict: bool,
    is_shard: bool = False,
) -> tuple[np.ndarray, list[SkippedFile]]:
    """Choose the recordings to keep.

    Args:
        dataset: The dataset.
        source: Where it was read from, for messages.
        store: All recordings that were read, in the order of the files.
        file_name: Index of a recording -> name of the file that it is from, for messages.
        strict: Whether to raise an error instead of leaving out a recording.
        is_shard: Whether these are not all recordings, so that it cannot be known what was cut into its frames.

    Returns:
        Whether to keep each recording, and the others with the reason.

    Raises:
        InputError: `strict` is True, and a recording would be left out.
    """
    duplicates = duplicate_names(store)
    skipped = []
    for index, first in duplicates.items():
        same = file_name(index) == file_name(first)
        other = "an earlier one of the same file" if same else f"that of {file_name(first)}"
        reason = f"its recording {store.name(index)!r} has the same name as {other}; {RENAME}"
        if strict:
            raise InputError(reason, where=source if same else f"{source}, {file_name(index)}")
        skipped.append(SkippedFile(file=file_name(index), reason=reason, kind="duplicate_name"))
    keep = np.ones(len(store), dtype=bool)
    keep[list(duplicates)] = False
    if dataset.reads_any_format and not is_shard:
        names = [store.name(index) for index in range(len(store))]
        for folder, indices in scattered_frames(names, store.num_frames.tolist()).items():
            reason = describe_scattered(folder, [names[index] for index in indices])
            for index in indices:
                if strict:
                    raise InputError(reason, where=source, got=names[index])
                if keep[index]:
                    skipped.append(SkippedFile(file=names[index], reason=reason, kind="single_frame"))
            keep[indices] = False
    return keep, skipped


def duplicate_names(store: SequenceStore) -> dict[int, int]:
    """Return the indices of the recordings whose name an earlier one has, and those of the first with that name.

    The hashes of all names are compared, so that no name stays in memory.
    """
    hashes = np.concatenate([np.fromiter(map(hash, shard.encoded_names()), np.int64) for shard in store.shards])
    order = np.argsort(hashes, kind="stable")
    is_equal = hashes[order[1:]] == hashes[order[:-1]]
    candidates = np.flatnonzero(np.append(is_equal, False) | np.append(False, is_equal))
    first: dict[str, int] = {}
    duplicates: dict[int, int] = {}
    for index in np.sort(order[candidates]).tolist():
        name = store.name(index)
        if name in first:
            duplicates[index] = first[name]
        first.setdefault(name, index)
    return duplicates


def unmatched_label_notes(dataset: Dataset, source: Path, store: SequenceStore) -> list[RecordingNote]:
    """Return a note for each line of `labels.csv` that means none of the recordings."""
    return [
        RecordingNote(recording=name, message="listed in labels.csv, but there is no such recording")
        for name in dataset.unmatched_labels(source, [store.name(index) for index in range(len(store))])
    ]
