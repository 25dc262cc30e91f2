"""Raw files -> a store, read by several processes, with a report of what was met on the way."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skeletonmae.config import Config
from skeletonmae.datasets.dataset import Dataset
from skeletonmae.errors import InputError
from skeletonmae.files import whole_folder, write_text
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter, join

REPORT = "report.json"
Dtype = Literal["float32", "float16"]
Progress = Callable[[int, int], None]
_counter: Any = None  # in a worker: the files done by all of them


class Dropped(Config):
    """A file, or a recording in it, that is not in the store."""

    file: str
    reason: str


class Odd(Config):
    """A recording that is in the store and may not be what was meant."""

    recording: str
    what: str


class Report(Config):
    """What became of the files; kept as `report.json` in the store's folder."""

    dataset: str
    recordings: int
    frames: int
    classes: dict[str, int]
    """Recordings of each class."""
    unlabelled: int
    dropped: tuple[Dropped, ...]
    odd: tuple[Odd, ...]


def prepare(
    dataset: Dataset,
    source: Path,
    out: Path,
    *,
    workers: int = 1,
    dtype: Dtype = "float32",
    strict: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Write the store of all recordings of `dataset` under `source` to the folder `out`.

    The recordings are in the order of the files, however many processes there are.

    Args:
        dataset: what to read.
        source: the folder (or the one file) it is in.
        out: the store's folder; it appears whole or not at all.
        workers: processes. More than one needs the caller's own main module to be importable.
        dtype: of the positions in the store.
        strict: raise for the first file that cannot be read, rather than list it in the report.
        progress: called with (files done, files in all) as files are done.

    Raises:
        InputError: there is no recording, two have one name, `out` is not empty, or (strict) a file is bad.
    """
    files = dataset.files(source)
    first = _first(dataset, files, source)
    try:
        with whole_folder(out) as folder:
            ends = np.linspace(0, len(files), min(max(workers, 1), len(files)) + 1).astype(int)
            blocks = [
                _Block(dataset, source, files[a:b], folder / f"shard-{i:03d}", first, dtype, strict)
                for i, (a, b) in enumerate(pairwise(ends))
            ]
            done = _in_order(blocks, len(files), progress or (lambda _done, _total: None))
            for block in blocks:
                if not len(SequenceStore.open(block.shard)):
                    shutil.rmtree(block.shard)
            join([block.shard for block in blocks if block.shard.exists()], folder)
            report = _report(dataset, SequenceStore.open(folder), done)
            write_text(folder / REPORT, report.model_dump_json(indent=1))
    except FileExistsError as error:
        raise InputError(str(error)) from error
    return report


@dataclass(frozen=True)
class _Block:
    """One process's part: files that follow each other, and the shard they go to."""

    dataset: Dataset
    root: Path
    files: list[Path]
    shard: Path
    like: SkeletonSequence
    dtype: Dtype
    strict: bool

    def write(self, tick: Callable[[], None]) -> Iterator[Dropped | Odd]:
        """Write the shard; yields what is not as it should be."""
        like, dataset = self.like, self.dataset
        with StoreWriter(
            self.shard,
            like.skeleton,
            axes=2 if like.positions.shape[3] == 2 else 3,
            unit=like.unit,
            classes=dataset.classes,
            dataset=dataset.name,
            dtype=self.dtype,
        ) as store:
            for file in self.files:
                shown = _as_text(file.relative_to(self.root) if file.is_relative_to(self.root) else file)
                before = len(store)
                try:
                    for sequence in dataset.read(file, self.root):
                        try:
                            store.add(_sound_text(sequence))
                        except InputError as error:
                            if self.strict:
                                raise
                            yield Dropped(file=shown, reason=str(error))
                        else:
                            yield from _odd(sequence)
                except InputError as error:
                    if self.strict:
                        raise
                    kept = len(store) - before
                    after = f" (after {kept} recordings, which were kept)" if kept else ""
                    yield Dropped(file=shown, reason=_as_text(error) + after)
                tick()


def _first(dataset: Dataset, files: list[Path], root: Path) -> SkeletonSequence:
    """The first recording that can be read; its layout, axes and unit are the store's."""
    reason = None
    for file in files:
        try:
            for sequence in dataset.read(file, root):
                return sequence
        except InputError as error:
            reason = reason or error
    expected = f"recordings of {dataset.title}"
    raise InputError("no recording in it", where=root, expected=expected, got=reason or f"{len(files)} files")


def _in_order(blocks: list[_Block], total: int, progress: Progress) -> list[Dropped | Odd]:
    """Write all blocks, each in a process of its own if there is more than one."""
    if len(blocks) == 1:
        ticks = iter(range(1, total + 1))
        return list(blocks[0].write(lambda: progress(next(ticks), total)))
    context = get_context("spawn")
    counter = context.Value("q", 0)
    with ProcessPoolExecutor(len(blocks), context, initializer=_share, initargs=(counter,)) as pool:
        futures = [pool.submit(_write_in_process, block) for block in blocks]
        shown, left = 0, set(futures)
        while shown < total and left:
            left = wait(left, timeout=0.1).not_done
            if counter.value > shown:
                shown = counter.value
                progress(shown, total)
        try:
            return [note for future in futures for note in future.result()]
        except BrokenProcessPool as error:
            problem = "a process that reads was killed: out of memory, or by a file that crashes its reader"
            raise InputError(problem, expected="try one worker and strict, to find the file") from error


def _share(counter: Any) -> None:
    global _counter
    _counter = counter


def _write_in_process(block: _Block) -> list[Dropped | Odd]:
    def tick() -> None:
        with _counter.get_lock():
            _counter.value += 1

    return list(block.write(tick))


def _report(dataset: Dataset, store: SequenceStore, notes: list[Dropped | Odd]) -> Report:
    names = Counter(store.name(index) for index in range(len(store)))
    if twice := [name for name, count in names.items() if count > 1]:
        problem = f"{len(twice)} names of recordings are there more than once"
        raise InputError(problem, where=dataset.name, expected="a name for each", got=", ".join(twice[:20]))
    counts = np.bincount(store.labels + 1, minlength=len(store.classes) + 1).tolist()
    return Report(
        dataset=dataset.name,
        recordings=len(store),
        frames=int(store.num_frames.sum()),
        classes=dict(zip(store.classes, counts[1:], strict=True)),
        unlabelled=counts[0],
        dropped=tuple(note for note in notes if isinstance(note, Dropped)),
        odd=tuple(note for note in notes if isinstance(note, Odd)),
    )


def _odd(sequence: SkeletonSequence) -> Iterator[Odd]:
    if sequence.num_frames < 2:
        yield Odd(recording=sequence.name, what="one frame" if sequence.num_frames else "no frame")
    if not sequence.observed.any():
        yield Odd(recording=sequence.name, what="nothing observed")


def _sound_text(sequence: SkeletonSequence) -> SkeletonSequence:
    """The recording; raises if a text that came from a file's name cannot be written down."""
    texts = (sequence.name, sequence.label or "", *sequence.tags, *sequence.tags.values())
    if bad := [text for text in texts if _as_text(text) != text]:
        raise InputError("a name is not valid Unicode", where=_as_text(sequence.name), got=_as_text(bad[0]))
    return sequence


def _as_text(value: object) -> str:
    return str(value).encode(errors="replace").decode()
