"""The jobs of `prepare`: each reads some files into a store of its own, and is resumed after a kill."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from skeletonmae.config import Config
from skeletonmae.datasets.convert import RecordingConverter
from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.report import (
    LayoutConversion,
    RecordingNote,
    SkippedFile,
    recording_notes,
    replace_surrogates,
    report_name,
)
from skeletonmae.datasets.workers import run_in_workers
from skeletonmae.errors import InputError, StoreMismatchError
from skeletonmae.files import FULL_DISK, write_text
from skeletonmae.formats import InputFile, ReadOptions
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.skeletons import Skeleton, conversion

Dtype = Literal["float32", "float16"]
ProgressCallback = Callable[[int, int], None]
Remark = SkippedFile | RecordingNote | LayoutConversion
MAX_JOBS = 64
MIN_JOB_BYTES = 8 * 2**20
"""Files are read in at most `MAX_JOBS` jobs, each of at least so many bytes. A finished job survives a kill."""


@dataclass(frozen=True)
class ReadSettings:
    """What to read, and how."""

    dataset: Dataset
    root: Path
    options: ReadOptions
    converter: RecordingConverter
    dtype: Dtype
    strict: bool

    def first_recording(self, files: list[InputFile]) -> SkeletonSequence:
        """Read and convert the first valid recording. Its layout, axes and unit become those of the store."""
        first_error = None
        for file in files:
            try:
                for sequence in self.dataset.read(file, self.root, self.options):
                    try:
                        return self.converter(sequence)
                    except Exception as error:
                        raise _recording_error(error, sequence.name, file.path) from error
            except InputError as error:
                if self.strict:
                    raise
                first_error = first_error or error
        if first_error is None:
            got = f"{len(files)} file{'s' * (len(files) != 1)}"
            raise InputError(f"no recording was found; got {got} of {self.dataset.title!r}", where=self.root)
        first = "" if len(files) == 1 else f", of {len(files)} files; the first error"
        raise InputError(f"no recording could be read{first}: {first_error}", where=self.root)

    def cache_key(self, template: SkeletonSequence, files: list[InputFile]) -> str:
        """Digest of everything that the result of a job depends on."""
        options = self.options
        layout, target = options.layout, self.converter.layout
        inputs = [
            self.dataset.name,
            self.dataset.cache_key(self.root),
            [options.unit, options.up, options.fps, options.ntu_cleanup, options.format, options.split_actions],
            options.video.key,
            [layout and layout.to_dict(), target and target.to_dict(), self.converter.axes],
            [template.skeleton.to_dict(), template.positions.shape[3], template.unit, self.dtype],
            [self.dataset.file_key(file) for file in files],
        ]
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


class JobRecord(Config):
    """Written when a job is complete."""

    key: str
    remarks: tuple[tuple[int, Remark], ...]
    """Each with the index in the job's store of the recording that it is about; -1 if it is about a file."""
    counts: tuple[int, ...]
    """Number of recordings of each file."""


@dataclass(frozen=True)
class ReadResult:
    """What all jobs read.

    Args:
        remarks: Each with the index, among all recordings, of the one that it is about; -1 if it is about a file.
        files: All files.
        counts: Number of recordings of each file.
    """

    remarks: list[tuple[int, Remark]]
    files: list[InputFile]
    counts: list[int]

    def paths(self) -> list[Path]:
        """The file of each recording."""
        return [file.path for file, count in zip(self.files, self.counts, strict=True) for _ in range(count)]


@dataclass(frozen=True)
class Job:
    """Consecutive files, and the store that they are read into.

    Args:
        settings: What to read, and how.
        template: The first recording; every other one must have its layout, axes and unit.
        files: The files of the job.
        store: Folder of the job's store.
    """

    settings: ReadSettings
    template: SkeletonSequence
    files: list[InputFile]
    store: Path

    @property
    def record_path(self) -> Path:
        """The file that marks the job as complete."""
        return self.store.with_suffix(".json")

    def load_record(self) -> JobRecord | None:
        """Return the record of an earlier run if the job is complete and none of its inputs has changed."""
        try:
            record = JobRecord.model_validate_json(self.record_path.read_bytes())
            SequenceStore.open(self.store)
        except (OSError, ValidationError, InputError):
            return None
        if self.settings.strict and any(isinstance(remark, SkippedFile) for _, remark in record.remarks):
            return None
        return record if record.key == self.settings.cache_key(self.template, self.files) else None

    def run(self, tick: Callable[[], None]) -> JobRecord:
        """Write the store, then the record. `tick` is called after each file."""
        key = self.settings.cache_key(self.template, self.files)
        shutil.rmtree(self.store, ignore_errors=True)
        remarks, counts = self._write_store(tick)
        record = JobRecord(key=key, remarks=tuple(remarks), counts=tuple(counts))
        write_text(self.record_path, record.model_dump_json())
        return record

    def _write_store(self, tick: Callable[[], None]) -> tuple[list[tuple[int, Remark]], list[int]]:
        """Return the remarks and counts of the job's record."""
        remarks: list[tuple[int, Remark]] = []
        counts: list[int] = []
        template, settings = self.template, self.settings
        with StoreWriter(
            self.store,
            template.skeleton,
            axes=2 if template.positions.shape[3] == 2 else 3,
            unit=template.unit,
            classes=settings.dataset.classes,
            dataset=settings.dataset.name,
            dtype=settings.dtype,
        ) as writer:
            layouts: set[Skeleton] = set()
            for file in self.files:
                num_before = len(writer)
                remarks += self._add_file(writer, file, layouts)
                counts.append(len(writer) - num_before)
                tick()
        return remarks, counts

    def _add_file(
        self, writer: StoreWriter, file: InputFile, layouts: set[Skeleton]
    ) -> Iterator[tuple[int, Remark]]:
        """Add the recordings of one file; yield notes on them, the conversions and the errors that were met.

        Args:
            writer: Of the job's store.
            file: The file.
            layouts: Layouts whose conversion has been reported; new ones are added.
        """
        settings, path, root = self.settings, file.path, self.settings.root
        num_before, errors = len(writer), list[InputError]()
        options = settings.options if settings.strict else replace(settings.options, on_error=errors.append)
        try:
            for sequence in settings.dataset.read(file, root, options):
                try:
                    writer.add(settings.converter(sequence))
                except Exception as error:  # noqa: BLE001 - one recording must never stop the reading of the others
                    options.on_error(_recording_error(error, sequence.name, path))
                else:
                    target = settings.converter.layout
                    if target and target != sequence.skeleton and sequence.skeleton not in layouts:
                        layouts.add(sequence.skeleton)
                        text = conversion(sequence.skeleton, target).report()
                        yield -1, LayoutConversion(recording=sequence.name, text=text)
                    yield from ((len(writer) - 1, note) for note in recording_notes(sequence))
        except InputError as error:
            if settings.strict:
                raise
            num_kept = len(writer) - num_before
            errors.append(
                InputError(f"{error} (after {num_kept} recordings, which were kept)") if num_kept else error
            )
        name = report_name(path, root)
        for skipped in errors:
            reason = _reason(skipped, path)
            if isinstance(skipped, StoreMismatchError):
                layout = replace_surrogates(skipped.layout)
                yield -1, SkippedFile(file=name, reason=reason, kind="mismatch", layout=layout)
            else:
                yield -1, SkippedFile(file=name, reason=reason)


def _recording_error(error: Exception, recording: str, path: Path) -> InputError:
    """The error of a recording that cannot be converted or stored.

    Raises:
        OSError: The disk is full, which stops the run.
    """
    if isinstance(error, InputError):
        return error
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        advice = "finished parts are kept: free some space and run the same command again to resume"
        raise OSError(error.errno, f"{error.strerror} while {path} was stored; {advice}") from error
    problem = f"cannot be stored ({type(error).__name__}: {error!s:.200})"
    return InputError(problem, where=f"{path}, recording {recording!r}")


def make_jobs(
    settings: ReadSettings, template: SkeletonSequence, files: list[InputFile], folder: Path
) -> list[Job]:
    """Divide the files into jobs of about equal size, with their stores in `folder`. No job is empty."""
    ends = np.cumsum([max(1, _num_bytes(file)) for file in files])
    num_jobs = min(MAX_JOBS, 1 + int(ends[-1]) // MIN_JOB_BYTES)
    job_of_file = ((ends - 1) * num_jobs) // ends[-1]
    chunks = [[files[i] for i in np.flatnonzero(job_of_file == job)] for job in np.unique(job_of_file)]
    return [Job(settings, template, chunk, folder / f"job-{i:03d}") for i, chunk in enumerate(chunks)]


def run_jobs(jobs: list[Job], workers: int, progress: ProgressCallback) -> ReadResult:
    """Run the jobs that are not complete yet, each in one process.

    Returns:
        What all jobs read, in the order of the files.
    """
    total = sum(len(job.files) for job in jobs)
    records = {index: record for index, job in enumerate(jobs) if (record := job.load_record())}
    remaining = [index for index in range(len(jobs)) if index not in records]
    num_before = sum(len(jobs[index].files) for index in records)
    if records:
        progress(num_before, total)
    if min(workers, len(remaining)) < 2:
        ticks = iter(range(num_before + 1, total + 1))
        for index in remaining:
            records[index] = jobs[index].run(lambda: progress(next(ticks), total))
    else:
        calls = {index: jobs[index].run for index in remaining}
        records |= run_in_workers(calls, workers, num_before, lambda done: progress(done, total))
    result = ReadResult([], [file for job in jobs for file in job.files], [])
    for _, record in sorted(records.items()):
        offset = sum(result.counts)
        result.remarks.extend((index + offset if index >= 0 else -1, remark) for index, remark in record.remarks)
        result.counts.extend(record.counts)
    return result


def _num_bytes(file: InputFile) -> int:
    try:
        return file.size
    except InputError:  # a virtual file, or one that cannot be read, which its job will report
        return MIN_JOB_BYTES // 8


def _reason(error: InputError, path: Path) -> str:
    """The message without the path, which the report shows beside it."""
    return replace_surrogates(str(error).removeprefix(str(path)).lstrip(":, "))
