"""All recordings of a dataset, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.errors import InputError
from skeletonmae.formats import AS_IT_IS, ReadOptions
from skeletonmae.sequences import SkeletonSequence


def read_all(
    dataset: Dataset,
    root: Path,
    options: ReadOptions = AS_IT_IS,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[SkeletonSequence | InputError]:
    """Every recording under `root`, and an error for each that cannot be read.

    Args:
        dataset: what to read.
        root: the folder, zip archive or file it is in.
        options: what the files do not say.
        progress: called with (files done, files in all) as files are done.

    Raises:
        InputError: there is no such folder, or the dataset's own lists are not sound.
    """
    dataset.settings(root)
    files = dataset.files(root)
    for done, file in enumerate(files, start=1):
        refused: list[InputError] = []
        try:
            yield from dataset.read(file, root, replace(options, refuse=refused.append))
        except InputError as error:
            refused.append(error)
        yield from refused
        if progress:
            progress(done, len(files))
