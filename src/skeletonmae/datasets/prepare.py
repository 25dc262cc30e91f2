"""Read the files of a dataset into a store, in several processes, and report what was skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from skeletonmae.datasets.convert import RecordingConverter
from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.jobs import Dtype, ProgressCallback, ReadSettings, Remark, make_jobs, run_jobs
from skeletonmae.datasets.report import (
    REPORT,
    LayoutConversion,
    PrepareReport,
    SkippedFile,
    report_name,
    skipped_file,
)
from skeletonmae.datasets.selection import select_recordings, unmatched_label_notes
from skeletonmae.datasets.shards import SHARD_RECORD, ShardNumber, ShardRecord, read_shard
from skeletonmae.datasets.unread import unread_files
from skeletonmae.datasets.workers import WorkerLostError
from skeletonmae.errors import InputError
from skeletonmae.files import atomic_folder, write_text
from skeletonmae.formats import DEFAULT_OPTIONS, InputFile, ReadOptions
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.merge import merge

NUM_SAMPLE_FILES = 200
"""Files that are read first, of a folder of more; if all hold a single frame, no other file is read."""
MAX_CONVERSIONS = 20
"""Layouts whose conversion is reported joint by joint."""


def prepare(
    dataset: Dataset,
    source: Path,
    out: Path,
    *,
    options: ReadOptions = DEFAULT_OPTIONS,
    converter: RecordingConverter | None = None,
    workers: int = 1,
    dtype: Dtype = "float32",
    strict: bool = False,
    progress: ProgressCallback | None = None,
    shard: ShardNumber | None = None,
) -> PrepareReport:
    """Write a store with all recordings of `dataset` under `source` to the folder `out`.

    The store is the same, byte for byte, for any number of processes. Jobs that finished before a kill are kept in
    a hidden folder beside `out` and used by the next call. `out` itself is written atomically.

    With `shard`, only the files of that shard are read, into a folder in `out`. A shard that is complete is left
    as it is, and `join_shards` makes all of them one store. It also reports what only shows when all recordings
    are known: files that are not read, lines of `labels.csv` without a recording, recordings cut into frames.

    Args:
        dataset: The dataset to read.
        source: The folder, zip archive or file that holds it.
        out: Folder of the new store.
        options: What the files do not state, such as the frame rate.
        converter: Applied to every recording, for example to change its layout.
        workers: Number of processes. More than one requires that the caller's main module can be imported.
        dtype: Type of the positions in the store.
        strict: Raise the first error instead of listing it in the report.
        progress: Called with the number of files done and of all files, after each file.
        shard: Which part of the files to read; None reads all.

    Raises:
        InputError: No recording can be read, `out` is not empty, another process is writing it, or a file is
            invalid and `strict` is True.
    """
    if not shard:
        _check_is_new(out)
    dataset.cache_key(source)  # an invalid list of labels raises before any file is read
    files = dataset.files(source)
    unread = [] if shard else unread_files(dataset, source, files)
    if strict and (first := next((file for file in unread if file.may_hold_recordings), None)):
        raise InputError(f"not read: {first.reason}", where=first.path)
    settings = ReadSettings(dataset, source, options, converter or RecordingConverter(), dtype, strict)
    _refuse_single_frames(settings, files)
    template = settings.first_recording(files)
    record = None
    if shard:
        all_files, files = files, shard.select(files, source)
        record, out = ShardRecord.of(settings, template, all_files, files), shard.folder(out)
        if (complete := read_shard(out)) and complete[0].is_of(record):
            return complete[1]
        _check_is_new(out)
    with _staging_folder(out) as staging:
        jobs = make_jobs(settings, template, files, staging)
        result = run_jobs(jobs, workers, progress or (lambda _done, _total: None))
        stores = [SequenceStore.open(job.store) for job in jobs]
        store = SequenceStore.concat([store for store in stores if len(store)] or stores[:1])
        paths = result.paths()
        keep, skipped = select_recordings(
            dataset,
            source,
            store,
            lambda index: report_name(paths[index], source),
            strict=strict,
            is_shard=shard is not None,
        )
        remarks = [*(remark for index, remark in result.remarks if index < 0 or keep[index]), *skipped]
        if not (keep.any() or shard):
            reasons = [remark.reason for remark in remarks if isinstance(remark, SkippedFile)]
            raise InputError("no recording could be kept", where=source, got=reasons[0] if reasons else "none")
        with atomic_folder(out, inside=staging) as folder:
            merge(store, folder, keep)
            merged = SequenceStore.open(folder)
            if record:
                counts = [int(kept.sum()) for kept in np.split(keep, np.cumsum(result.counts)[:-1])]
                record = record.model_copy(update={"counts": tuple(counts)})
                write_text(folder / SHARD_RECORD, record.model_dump_json())
            else:
                remarks += unmatched_label_notes(dataset, source, merged)
            remarks += [skipped_file(path, reason, source) for path, reason, is_data in unread if is_data]
            ignored = [skipped_file(path, reason, source) for path, reason, is_data in unread if not is_data]
            report = PrepareReport.from_store(merged, remarks, dataset.name, _conversions(remarks), ignored)
            write_text(folder / REPORT, report.model_dump_json(indent=1))
    return report


def _refuse_single_frames(settings: ReadSettings, files: Sequence[InputFile]) -> None:
    """Look at some of many files before all of them are read.

    Raises:
        InputError: Each holds a single frame.
    """
    if not settings.dataset.reads_any_format or len(files) <= NUM_SAMPLE_FILES:
        return
    names: list[str] = []
    options = replace(settings.options, on_error=lambda _: None)  # reading all files reports the errors
    for file in files[:: len(files) // NUM_SAMPLE_FILES][:NUM_SAMPLE_FILES]:
        try:
            for sequence in settings.dataset.read(file, settings.root, options):
                if sequence.num_frames > 1:
                    return
                names.append(sequence.name)
        except InputError:
            continue
    if len(names) > NUM_SAMPLE_FILES // 2:
        raise InputError(
            f"each of the {len(names)} recordings in {NUM_SAMPLE_FILES} of the {len(files)} files has a single "
            f"frame ({names[0]!r}, {names[1]!r}, ...), so that they are probably the frames of recordings; put "
            "all frames of a recording in one file (in a table: the same `recording`, and a column `frame`)",
            where=settings.root,
        )


def _check_is_new(out: Path) -> None:
    """Raise an error if `out` is anything but an empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("the output already exists; delete it or name another folder", where=out)


@contextmanager
def _staging_folder(out: Path) -> Iterator[Path]:
    """The hidden folder for the jobs: deleted on success and on invalid input, kept after any other error.

    Raises:
        InputError: Another process is using it.
    """
    folder = out.absolute().with_name(f".{out.absolute().name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            try:
                yield folder
            except WorkerLostError:
                raise
            except InputError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            shutil.rmtree(folder, ignore_errors=True)
    except Timeout as error:
        raise InputError("another process is preparing this store", where=out) from error


def _conversions(remarks: Sequence[Remark]) -> str:
    """The conversions of all layouts that were met; of several, each with the first recording that has it."""
    recordings: dict[str, str] = {}
    for remark in remarks:
        if isinstance(remark, LayoutConversion):
            recordings.setdefault(remark.text, remark.recording)
    if len(recordings) < 2:
        return "".join(recordings)
    blocks = [f"{text}\n  (first in recording {name!r})" for text, name in recordings.items()]
    more = [f"(and {len(blocks) - MAX_CONVERSIONS} more layouts)"] if len(blocks) > MAX_CONVERSIONS else []
    return "\n".join([*blocks[:MAX_CONVERSIONS], *more])
