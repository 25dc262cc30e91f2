"""Raw files -> a store, read by several processes, resumed after a kill, with a report of what was met."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from filelock import FileLock, Timeout
from pydantic import ValidationError

from skeletonmae.config import Config
from skeletonmae.datasets.change import Change
from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.processes import WorkerLostError, in_processes
from skeletonmae.datasets.report import REPORT, Dropped, Odd, Report, odd
from skeletonmae.errors import InputError
from skeletonmae.files import whole_folder, write_text
from skeletonmae.formats import AS_IT_IS, RawFile, ReadOptions
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.sequences.merge import merge
from skeletonmae.skeletons import conversion

Dtype = Literal["float32", "float16"]
Progress = Callable[[int, int], None]
PARTS, PART_BYTES = 64, 8 * 2**20
"""Files are read in at most so many parts, of at least so many bytes; what was finished outlives a kill."""


def prepare(
    dataset: Dataset,
    source: Path,
    out: Path,
    *,
    options: ReadOptions = AS_IT_IS,
    change: Change | None = None,
    workers: int = 1,
    dtype: Dtype = "float32",
    strict: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Write the store of all recordings of `dataset` under `source` to the folder `out`.

    The store is the same, byte for byte, however many processes there are. What was read before a kill lies in
    a hidden folder beside `out` and is used by the next call; `out` itself appears whole or not at all.

    Args:
        dataset: what to read.
        source: the folder, zip archive or file it is in.
        out: the store's folder.
        options: what the files do not say.
        change: done to every recording, such as another layout.
        workers: processes. More than one needs the caller's own main module to be importable.
        dtype: of the positions in the store.
        strict: raise for the first file that cannot be read, rather than list it in the report.
        progress: called with (files done, files in all) as files are done.

    Raises:
        InputError: there is no recording, `out` is not empty, another process is writing it, or (strict) a file
            is bad.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("something is there already; delete it or name another folder", where=out)
    dataset.settings(source)  # a list of labels that is not sound is said before any file is read
    files = dataset.files(source)
    reading = _Reading(dataset, source, options, change or Change(), dtype, strict)
    raw, first = reading.first(files)
    with _workplace(out) as folder:
        parts = [
            _Part(reading, first, part, folder / f"part-{number:03d}") for number, part in enumerate(_parts(files))
        ]
        notes = _read(parts, workers, progress or (lambda _done, _total: None))
        stores = [SequenceStore.open(part.store) for part in parts]
        store = SequenceStore.pool([s for s in stores if len(s)] or stores[:1])
        twice = _named_twice(store)
        notes += [Dropped(file=store.name(i), reason="another recording has this name") for i in twice]
        if strict and len(twice):
            raise InputError("two recordings have one name", where=source, got=store.name(int(twice[0])))
        keep = np.ones(len(store), dtype=bool)
        keep[twice] = False
        if not keep.any():
            reasons = [note.reason for note in notes if isinstance(note, Dropped)]
            raise InputError("no recording could be kept", where=source, got=reasons[0] if reasons else "none")
        with whole_folder(out, inside=folder) as whole:
            merge(store, whole, keep)
            kept = SequenceStore.open(whole)
            changed = raw.skeleton != first.skeleton
            how = conversion(raw.skeleton, first.skeleton).report() if changed else ""
            missing = dataset.missing(source, {kept.name(index) for index in range(len(kept))})
            notes += [
                Odd(recording=line, what="in labels.csv, but there is no such recording") for line in missing
            ]
            report = Report.of(kept, notes, dataset.name, how)
            write_text(whole / REPORT, report.model_dump_json(indent=1))
    return report


def _parts(files: list[RawFile]) -> list[list[RawFile]]:
    """The files in runs of about equal size; no run is empty."""
    ends = np.cumsum([max(1, _size(file)) for file in files])
    num = min(PARTS, 1 + int(ends[-1]) // PART_BYTES)
    part = ((ends - 1) * num) // ends[-1]
    return [[files[i] for i in np.flatnonzero(part == number)] for number in np.unique(part)]


def _size(file: RawFile) -> int:
    try:
        return file.size
    except InputError:  # a virtual file, or one whose reading will say what is wrong
        return PART_BYTES // 8


@dataclass(frozen=True)
class _Reading:
    """What is read, and how."""

    dataset: Dataset
    root: Path
    options: ReadOptions
    change: Change
    dtype: Dtype
    strict: bool

    def first(self, files: list[RawFile]) -> tuple[SkeletonSequence, SkeletonSequence]:
        """The first sound recording, as it is and changed: its layout, axes and unit are the store's."""
        reason = None
        for file in files:
            try:
                for sequence in self.dataset.read(file, self.root, self.options):
                    return sequence, self.change(sequence)
            except InputError as error:
                if self.strict:
                    raise
                reason = reason or error
        expected = f"recordings of {self.dataset.title}"
        raise InputError(
            "no recording in it", where=self.root, expected=expected, got=reason or f"{len(files)} files"
        )

    def key(self, like: SkeletonSequence, files: list[RawFile]) -> str:
        """What a part depends on, as a digest."""
        layout, to = self.options.layout, self.change.layout
        said = [
            self.dataset.name,
            self.dataset.settings(self.root),
            [self.options.unit, self.options.fps, self.options.clean, self.options.format, self.options.cut],
            [layout and layout.to_dict(), to and to.to_dict(), self.change.axes],
            [like.skeleton.to_dict(), like.positions.shape[3], like.unit, self.dtype],
            [self.dataset.stamp(file) for file in files],
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class _Done(Config):
    """Written when a part is whole."""

    key: str
    notes: tuple[Dropped | Odd, ...]


@dataclass(frozen=True)
class _Part:
    """Files that follow each other, and the store they go to."""

    reading: _Reading
    like: SkeletonSequence
    files: list[RawFile]
    store: Path

    @property
    def mark(self) -> Path:
        return self.store.with_suffix(".json")

    def done(self) -> _Done | None:
        """What was met when it was read, if it has been and nothing has changed since."""
        try:
            done = _Done.model_validate_json(self.mark.read_bytes())
            SequenceStore.open(self.store)
        except (OSError, ValidationError, InputError):
            return None
        bad = self.reading.strict and any(isinstance(note, Dropped) for note in done.notes)
        return done if done.key == self.reading.key(self.like, self.files) and not bad else None

    def write(self, tick: Callable[[], None]) -> _Done:
        """Write the store and the mark."""
        key = self.reading.key(self.like, self.files)
        shutil.rmtree(self.store, ignore_errors=True)
        done = _Done(key=key, notes=tuple(self._notes(tick)))
        write_text(self.mark, done.model_dump_json())
        return done

    def _notes(self, tick: Callable[[], None]) -> Iterator[Dropped | Odd]:
        like, reading = self.like, self.reading
        with StoreWriter(
            self.store,
            like.skeleton,
            axes=2 if like.positions.shape[3] == 2 else 3,
            unit=like.unit,
            classes=reading.dataset.classes,
            dataset=reading.dataset.name,
            dtype=reading.dtype,
        ) as store:
            for file in self.files:
                path, root = file.path, reading.root
                shown = _as_text(path.relative_to(root) if path.is_relative_to(root) and path != root else path)
                before, refused = len(store), list[InputError]()
                options = reading.options if reading.strict else replace(reading.options, refuse=refused.append)
                try:
                    for sequence in reading.dataset.read(file, root, options):
                        try:
                            store.add(reading.change(sequence))
                        except InputError as error:
                            options.refuse(error)
                        else:
                            yield from odd(sequence)
                except InputError as error:
                    if reading.strict:
                        raise
                    kept = len(store) - before
                    after = f" (after {kept} recordings, which were kept)" if kept else ""
                    refused.append(InputError(f"{error}{after}"))
                yield from (Dropped(file=shown, reason=_reason(error, path)) for error in refused)
                tick()


@contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """The hidden folder for the parts: gone when the work is done or the input is wrong, kept after all else.

    Raises:
        InputError: another process is at work there.
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


def _read(parts: list[_Part], workers: int, progress: Progress) -> list[Dropped | Odd]:
    """Write the parts that are not there, each by one process; what was met, in the order of the files."""
    total = sum(len(part.files) for part in parts)
    marks = {number: mark for number, part in enumerate(parts) if (mark := part.done())}
    left = [number for number in range(len(parts)) if number not in marks]
    before = sum(len(parts[number].files) for number in marks)
    if marks:
        progress(before, total)
    if min(workers, len(left)) < 2:
        ticks = iter(range(before + 1, total + 1))
        for number in left:
            marks[number] = parts[number].write(lambda: progress(next(ticks), total))
    else:
        works = {number: parts[number].write for number in left}
        marks |= in_processes(works, workers, before, lambda done: progress(done, total))
    return [note for _, mark in sorted(marks.items()) for note in mark.notes]


def _named_twice(store: SequenceStore) -> np.ndarray:
    """Places of the recordings whose name an earlier one has."""
    seen: set[str] = set()
    twice = []
    for index in range(len(store)):
        name = store.name(index)
        if name in seen:
            twice.append(index)
        seen.add(name)
    return np.array(twice, dtype=np.int64)


def _reason(error: InputError, path: Path) -> str:
    """What is wrong, without the path that is said beside it."""
    return _as_text(str(error).removeprefix(str(path)).lstrip(":, "))


def _as_text(value: object) -> str:
    return str(value).encode(errors="replace").decode()
