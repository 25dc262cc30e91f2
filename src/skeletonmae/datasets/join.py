"""Join the shards that `prepare` wrote on several machines into one store, without copying recordings."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.report import REPORT, PrepareReport, RecordingNote, report_name, skipped_file
from skeletonmae.datasets.selection import select_recordings, unmatched_label_notes
from skeletonmae.datasets.shards import ShardNumber, ShardRecord, list_shards, read_shard
from skeletonmae.datasets.unread import unread_files
from skeletonmae.errors import InputError
from skeletonmae.files import atomic_folder, write_text
from skeletonmae.formats import InputFile
from skeletonmae.sequences import SequenceStore, join
from skeletonmae.sequences.manifest import MANIFEST
from skeletonmae.sequences.merge import merge


def join_shards(dataset: Dataset, source: Path, out: Path, *, strict: bool = False) -> PrepareReport:
    """Make the shards in the folder `out` one store: write its manifest, which names them, and its report.

    The store has the recordings of a single `prepare`, in the same order. A shard with recordings that do not
    belong into the store, such as a name that an earlier shard has too, is copied without them, to a folder beside
    it; the others are used as they are.

    Args:
        dataset: The dataset.
        source: The folder, zip archive or file that was read.
        out: Folder of the store, in which `prepare` wrote the shards.
        strict: Raise an error instead of leaving out a recording or a file.

    Raises:
        InputError: A shard is missing, damaged or was read with other settings or from other files; the shards are
            joined already; or no recording is left.
    """
    if (out / MANIFEST).exists():
        raise InputError(f"already a store; delete {MANIFEST} there to join its shards again", where=out)
    numbers = list_shards(out)
    folders = [shard.folder(out) for shard in numbers]
    shards = [complete for folder in folders if (complete := read_shard(folder))]
    for folder, (record, _, _) in zip(folders, shards, strict=True):
        if record.source != shards[0][0].source:
            problem = "prepared with other settings or from other files than the first shard; delete it and repeat"
            raise InputError(problem, where=folder)
    store = SequenceStore.concat([store for _, _, store in shards])
    for shard in store.shards:
        shard.check_index()
    files = dataset.files(source)
    unread = unread_files(dataset, source, files)
    if strict and (first := next((file for file in unread if file.may_hold_recordings), None)):
        raise InputError(f"not read: {first.reason}", where=first.path)
    paths = [
        path
        for number, (record, _, shard) in zip(numbers, shards, strict=True)
        for path in _paths(number, record, files, source) or [number.folder(out)] * len(shard)
    ]
    keep, skipped = select_recordings(
        dataset, source, store, lambda index: report_name(paths[index], source), strict=strict
    )
    kept_by_shard = np.split(keep, store.shard_ends[:-1])
    if not keep.any():
        raise InputError("no recording could be kept", where=source)
    kept_folders = [
        kept
        for folder, (_, _, shard), keep_in_shard in zip(folders, shards, kept_by_shard, strict=True)
        if (kept := _kept_folder(folder, shard, keep_in_shard))
    ]
    joined = SequenceStore.concat([SequenceStore.open(folder) for folder in kept_folders])
    reports = [report for _, report, _ in shards]
    report = PrepareReport.from_store(
        joined,
        [
            *(skip for report in reports for skip in report.skipped),
            *(
                note
                for (_, report, shard), keep_in_shard in zip(shards, kept_by_shard, strict=True)
                for note in _notes_of_kept(report, shard, keep_in_shard)
            ),
            *skipped,
            *unmatched_label_notes(dataset, source, joined),
            *(skipped_file(path, reason, source) for path, reason, is_data in unread if is_data),
        ],
        dataset.name,
        "\n".join(dict.fromkeys(report.conversion for report in reports if report.conversion)),
        [skipped_file(path, reason, source) for path, reason, is_data in unread if not is_data],
    )
    write_text(out / REPORT, report.model_dump_json(indent=1))
    join(kept_folders, out)
    return report


def _paths(number: ShardNumber, record: ShardRecord, files: list[InputFile], source: Path) -> list[Path]:
    """The file of each recording of a shard; empty if there are more or fewer files now."""
    files = number.select(files, source) if len(files) >= number.total else []
    if len(files) != len(record.counts):
        return []
    return [file.path for file, count in zip(files, record.counts, strict=True) for _ in range(count)]


def _notes_of_kept(report: PrepareReport, shard: SequenceStore, keep: np.ndarray) -> list[RecordingNote]:
    left_out = {shard.name(index) for index in np.flatnonzero(~keep).tolist()}
    return [note for note in report.notes if note.recording not in left_out]


def _kept_folder(folder: Path, shard: SequenceStore, keep: np.ndarray) -> Path | None:
    """The folder with the recordings of a shard that are kept; None if it never had any."""
    if keep.all():
        return folder if len(keep) else None
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.rmtree(kept, ignore_errors=True)
    with atomic_folder(kept) as new:
        merge(shard, new, keep)
    return kept
