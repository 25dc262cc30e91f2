"""Whatever a user points at, as recordings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from skeletonmae.datasets import DATASETS, read_all
from skeletonmae.errors import InputError
from skeletonmae.formats import AS_IT_IS, ReadOptions
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.sequences.manifest import MANIFEST


def read_recordings(
    paths: Iterable[Path], options: ReadOptions = AS_IT_IS
) -> tuple[list[SkeletonSequence], list[str]]:
    """The recordings in files, folders, archives and stores, and what could not be read, in words.

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
            for one in read_all(DATASETS["folder"], path, options):
                if isinstance(one, InputError):
                    problems.append(str(one))
                else:
                    sequences.append(one)
        except InputError as error:
            problems.append(str(error))
    if not sequences:
        raise InputError("no recording could be read", got="\n".join(problems) or "no file of a known format")
    return sequences, problems
