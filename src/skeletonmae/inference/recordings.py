"""Whatever a user points at, as recordings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from skeletonmae.datasets import DATASETS
from skeletonmae.errors import InputError
from skeletonmae.formats import detect
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.sequences.manifest import MANIFEST


def read_recordings(paths: Iterable[Path]) -> tuple[list[SkeletonSequence], list[str]]:
    """The recordings in files, folders and stores, and what could not be read, in words.

    Raises:
        InputError: nothing could be read.
    """
    sequences: list[SkeletonSequence] = []
    problems: list[str] = []
    for path in paths:
        try:
            if (path / MANIFEST).is_file():
                store = SequenceStore.open(path)
                store.verify()
                sequences += store
                continue
            files = DATASETS["folder"].files(path)
        except InputError as error:
            problems.append(str(error))
            continue
        for file in files:
            try:
                for sequence in detect(file).read(file):
                    inside = file.path.parent.relative_to(path) if file.path != path else Path()
                    sequences.append(replace(sequence, name=(inside / sequence.name).as_posix()))
            except InputError as error:
                problems.append(str(error))
    if not sequences:
        raise InputError("no recording could be read", got="\n".join(problems) or "no file of a known format")
    return sequences, problems
