"""One pass over recordings, and what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from skeletonmae.datasets.splits import SplitRule, StratifiedSplit, TagSplit
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.sequences.manifest import file_sha256
from skeletonmae.validation.block import blocks
from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.checks import CHECKS
from skeletonmae.validation.finding import Finding
from skeletonmae.validation.labels import class_counts
from skeletonmae.validation.result import ClassCount, Tally, Validation

CONTENT = ("positions.npy", "observed.npy")
"""The files of a store that are not its index."""
Side = Callable[[int, SkeletonSequence], str]
"""The side of a recording, by its number and itself: `train`, `test`, `pretrain` (no label needed) or nothing."""


def validate(
    recordings: Iterable[SkeletonSequence | InputError],
    classes: Sequence[str] = (),
    *,
    split: TagSplit | None = None,
    against: Iterable[SkeletonSequence | InputError] | None = None,
) -> Validation:
    """Check recordings as they come; none is kept.

    Args:
        recordings: what to check. An `InputError` stands for one that could not be read, and is a finding.
        classes: the labels that may come; any if not given.
        split: the rule whose two sides should share nothing.
        against: recordings with which these should share no content.
    """
    other = None if against is None else _catalogue(against)
    catalogue = Catalogue(classes, apart=split.tag if split else None, against=other)
    return _validate(recordings, catalogue, Tally(), _side_by(split) if split else _no_side)


def validate_store(
    store: SequenceStore,
    split: SplitRule | None = None,
    against: SequenceStore | None = None,
    against_split: SplitRule | None = None,
) -> Validation:
    """Check a store: its files, its recordings, and what its split or another store share.

    Args:
        store: what to check.
        split: the rule whose two sides should share nothing.
        against: another store that should share nothing with this one, or with its test side if there is a
            split: the one that was pre-trained on.
        against_split: the rule by which only the training side of `against` was, labelled or not; the whole if
            not given, or if nothing there has a label.

    Raises:
        InputError: a split has an empty side.
    """
    tally = Tally()
    by = None if split is None else split.by if isinstance(split, StratifiedSplit) else split.tag
    catalogue = Catalogue(store.classes, apart=by)
    catalogue.datasets = frozenset(store.datasets)
    if against is not None:
        there = _whole(against, Tally())
        places: Iterable[int] = range(len(against))
        if against_split is not None and len(there) == len(against.shards) and (against.labels >= 0).any():
            places = against_split.pretraining(against).tolist()
        catalogue.against = _catalogue(_readable(against, there, places))
        catalogue.against.datasets = frozenset(against.datasets)
    whole = _whole(store, tally)
    sides = np.full(len(store), "", dtype="<U8")
    if split is not None and len(whole) == len(store.shards):
        for side, index in {"pretrain": split.pretraining(store), **split(store)._asdict()}.items():
            sides[index] = side
    return _validate(
        _readable(store, whole, range(len(store))), catalogue, tally, lambda number, _: str(sides[number])
    )


def _validate(
    recordings: Iterable[SkeletonSequence | InputError],
    catalogue: Catalogue,
    tally: Tally,
    side: Side,
) -> Validation:
    begun = time.perf_counter()
    for block in blocks(_sound(recordings, catalogue, tally, side)):
        columns: dict[str, np.ndarray] = {}
        for check in CHECKS.values():
            for finding in check.look(block):
                tally.add(finding)
            columns |= check.measure(block)
        catalogue.add(block, columns)
    for check in CHECKS.values():
        for finding in check.conclude(catalogue):
            tally.add(finding)
    counts, findings = tally.in_order(list(CHECKS))
    return Validation(
        recordings=len(catalogue),
        frames=catalogue.frames,
        unlabelled=catalogue.labels.count(None),
        classes=tuple(
            ClassCount(name=name, recordings=number, train=train, test=test)
            for name, (number, train, test) in class_counts(catalogue).items()
        ),
        counts=counts,
        findings=findings,
        seconds=time.perf_counter() - begun,
    )


def _side_by(split: TagSplit) -> Side:
    def side(_number: int, one: SkeletonSequence) -> str:
        return split.side(one) or ("pretrain" if one.tags.get(split.tag) in split.train else "")

    return side


def _no_side(_number: int, _recording: SkeletonSequence) -> str:
    return ""


def _catalogue(recordings: Iterable[SkeletonSequence | InputError]) -> Catalogue:
    """What to know of recordings that others are compared with."""
    catalogue = Catalogue()
    for block in blocks(_sound(recordings, catalogue, Tally(), _no_side)):
        catalogue.add(block, {})
    return catalogue


def _sound(
    recordings: Iterable[SkeletonSequence | InputError],
    catalogue: Catalogue,
    tally: Tally,
    side: Side,
) -> Iterator[SkeletonSequence]:
    """Those that could be read; the others become findings."""
    for number, one in enumerate(recordings):
        if isinstance(one, InputError):
            tally.add(_damaged(str(one)))
        else:
            catalogue.sides.append(side(number, one))
            yield one


def _whole(store: SequenceStore, tally: Tally) -> set[Path]:
    """The shards whose index can be relied on; every file that is not what was written is a finding."""
    whole = set()
    for shard in store.shards:
        try:
            shard.verify()
            whole.add(shard.path)
        except InputError as error:
            tally.add(_damaged(str(error)))
            index = {name: record for name, record in shard.manifest.files.items() if name not in CONTENT}
            if all(file_sha256(shard.path / name) == record.sha256 for name, record in index.items()):
                whole.add(shard.path)
    return whole


def _readable(
    store: SequenceStore, whole: set[Path], places: Iterable[int]
) -> Iterator[SkeletonSequence | InputError]:
    """Some recordings of a store; an error for each that cannot be read, or whose index is not whole."""
    for number in places:
        shard, place = store.locate(number)
        if shard.path not in whole:
            yield InputError("not looked at, as the index is damaged", where=f"{shard.path}, recording {place}")
            continue
        try:
            recording = store[number]
        except InputError as error:
            yield error
        else:
            yield recording


def _damaged(what: str) -> Finding:
    return CHECKS["damaged"].finding("error", what)
