"""Validate recordings or a store in one pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from skeletonmae.datasets.splits import GroupSplit, SplitRule, TagSplit
from skeletonmae.datasets.unread import UnreadFile
from skeletonmae.errors import InputError
from skeletonmae.formats import UnknownFormatError
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.sequences.clip_sampling import ClipSampling
from skeletonmae.sequences.manifest import file_sha256
from skeletonmae.validation.block import iter_blocks
from skeletonmae.validation.clip_coverage import measure_clips
from skeletonmae.validation.finding import Finding
from skeletonmae.validation.labels import class_counts
from skeletonmae.validation.recording_table import RecordingTable
from skeletonmae.validation.registry import CHECKS
from skeletonmae.validation.result import ClassCount, FindingCounter, Validation

CONTENT_FILES = ("positions.npy", "observed.npy")
"""The files of a store that are not part of its index."""
DEFAULT_CLIPS = ClipSampling()
"""The clips of a recipe that sets nothing."""
SideFunction = Callable[[int, SkeletonSequence], str]
"""Maps index and recording to its side of the split: `train`, `test`, `pretrain` (no label needed) or empty."""


def validate(
    recordings: Iterable[SkeletonSequence | InputError],
    classes: Sequence[str] = (),
    *,
    split: TagSplit | None = None,
    against: Iterable[SkeletonSequence | InputError] | None = None,
    clips: ClipSampling = DEFAULT_CLIPS,
    unread: Iterable[UnreadFile] = (),
    paths: Sequence[Path] = (),
) -> Validation:
    """Validate a stream of recordings without keeping them.

    Args:
        recordings: recordings to validate. An `InputError` stands for one that could not be read, and becomes a
            finding.
        classes: the class names that labels may have; any if empty.
        split: a split whose two sides must share nothing.
        against: recordings with which `recordings` must share no content.
        clips: how recordings become clips, whose observed joints are measured.
        unread: files that were met and not read, which become findings.
        paths: the file of each recording, if known; `read_all` can fill it while `recordings` are read.
    """
    counter = FindingCounter()
    for file in unread:
        counter.add(CHECKS["unread"].finding("warning" if file.may_hold_recordings else "note", str(file)))
    other = None if against is None else _comparison_table(against)
    table = RecordingTable(classes, group_tag=split.tag if split else None, against=other)
    table.paths = paths
    return _validate(recordings, table, counter, _side_function(split) if split else _no_side, clips)


def validate_store(
    store: SequenceStore,
    split: SplitRule | None = None,
    against: SequenceStore | None = None,
    against_split: SplitRule | None = None,
    clips: ClipSampling = DEFAULT_CLIPS,
) -> Validation:
    """Validate a store: its files, its recordings, and what its split or another store have in common.

    Args:
        store: store to validate.
        split: a split whose two sides must share nothing.
        against: another store, usually the one that was pre-trained on. It must share nothing with this store, or
            with the test side of this store if there is a split.
        against_split: compare only with the training side of `against` by this split, labeled or not. By default,
            and if `against` has no labels, compare with all of it.
        clips: how recordings become clips, whose observed joints are measured.

    Raises:
        InputError: a side of a split is empty.
    """
    counter = FindingCounter()
    group_by = split.group_by if isinstance(split, GroupSplit) else getattr(split, "tag", None)
    table = RecordingTable(store.classes, group_tag=group_by)
    table.datasets = frozenset(store.datasets)
    if against is not None:
        intact = _intact_shards(against, FindingCounter())
        indices: Iterable[int] = range(len(against))
        if against_split is not None and len(intact) == len(against.shards) and (against.labels >= 0).any():
            indices = against_split.pretrain_index(against).tolist()
        table.against = _comparison_table(_read_from_store(against, intact, indices))
        table.against.datasets = frozenset(against.datasets)
    intact = _intact_shards(store, counter)
    sides = np.full(len(store), "", dtype="<U8")
    if split is not None and len(intact) == len(store.shards):
        for side, index in {"pretrain": split.pretrain_index(store), **split.sides(store)._asdict()}.items():
            sides[index] = side
    recordings = _read_from_store(store, intact, range(len(store)))
    return _validate(recordings, table, counter, lambda index, _: str(sides[index]), clips)


def _validate(
    recordings: Iterable[SkeletonSequence | InputError],
    table: RecordingTable,
    counter: FindingCounter,
    side: SideFunction,
    clips: ClipSampling,
) -> Validation:
    start = time.perf_counter()
    for block in iter_blocks(_without_errors(recordings, table, counter, side)):
        columns: dict[str, np.ndarray] = {}
        for check in CHECKS.values():
            for finding in check.check_block(block):
                counter.add(finding)
            columns |= check.measure(block)
        columns |= measure_clips(block, clips)
        table.add(block, columns)
    for check in CHECKS.values():
        for finding in check.check_all(table):
            counter.add(finding)
    counts, findings = counter.sorted_results(list(CHECKS))
    return Validation(
        recordings=len(table),
        frames=table.num_frames,
        unlabeled=table.labels.count(None),
        recorded_share=_mean(table.column("recorded_share")),
        clip_share=_mean(table.column("clip_share")),
        clip_frames=clips.frames,
        classes=tuple(
            ClassCount(name=name, recordings=total, train=train, test=test)
            for name, (total, train, test) in class_counts(table).items()
        ),
        counts=counts,
        findings=findings,
        seconds=time.perf_counter() - start,
    )


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _side_function(split: TagSplit) -> SideFunction:
    def side(_index: int, recording: SkeletonSequence) -> str:
        return split.side(recording) or ("pretrain" if recording.tags.get(split.tag) in split.train else "")

    return side


def _no_side(_index: int, _recording: SkeletonSequence) -> str:
    return ""


def _comparison_table(recordings: Iterable[SkeletonSequence | InputError]) -> RecordingTable:
    """The table of recordings that others are compared with; errors are skipped."""
    table = RecordingTable()
    for block in iter_blocks(_without_errors(recordings, table, FindingCounter(), _no_side)):
        table.add(block, {})
    return table


def _without_errors(
    recordings: Iterable[SkeletonSequence | InputError],
    table: RecordingTable,
    counter: FindingCounter,
    side: SideFunction,
) -> Iterator[SkeletonSequence]:
    """Yield the recordings and note their sides; errors become findings."""
    for index, recording in enumerate(recordings):
        if isinstance(recording, UnknownFormatError):
            counter.add(CHECKS["unread"].finding("warning", str(recording)))
        elif isinstance(recording, InputError):
            counter.add(_damaged(str(recording)))
        else:
            table.sides.append(side(index, recording))
            yield recording


def _intact_shards(store: SequenceStore, counter: FindingCounter) -> set[Path]:
    """Shards whose index is intact. Every file that does not match its checksum becomes a finding."""
    intact = set()
    for shard in store.shards:
        try:
            shard.verify()
            intact.add(shard.path)
        except InputError as error:
            counter.add(_damaged(str(error)))
            index_files = {
                name: record for name, record in shard.manifest.files.items() if name not in CONTENT_FILES
            }
            if all(file_sha256(shard.path / name) == record.sha256 for name, record in index_files.items()):
                intact.add(shard.path)
    return intact


def _read_from_store(
    store: SequenceStore, intact: set[Path], indices: Iterable[int]
) -> Iterator[SkeletonSequence | InputError]:
    """Yield recordings of a store, and an error for each that cannot be read or whose shard's index is damaged."""
    for index in indices:
        shard, index_in_shard = store.locate(index)
        if shard.path not in intact:
            where = f"{shard.path}, recording {index_in_shard}"
            yield InputError("not checked, because the index is damaged", where=where)
            continue
        try:
            recording = store[index]
        except InputError as error:
            yield error
        else:
            yield recording


def _damaged(message: str) -> Finding:
    return CHECKS["damaged"].finding("error", message)
