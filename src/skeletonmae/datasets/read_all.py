"""Read all recordings of a dataset without writing a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, ReadOptions
from skeletonmae.sequences import SkeletonSequence


def read_all(
    dataset: Dataset,
    root: Path,
    options: ReadOptions = DEFAULT_OPTIONS,
    progress: Callable[[int, int], None] | None = None,
    paths: list[Path] | None = None,
) -> Iterator[SkeletonSequence | InputError]:
    """Yield every recording under `root`, and an error for each that cannot be read.

    Args:
        dataset: The dataset to read.
        root: The folder, zip archive or file that holds it.
        options: What the files do not state, such as the frame rate.
        progress: Called with the number of files done and of all files, after each file.
        paths: The file of each recording is appended, before the recording is yielded.

    Raises:
        InputError: There is no such folder, or a list of labels that belongs to the dataset is invalid.
    """
    dataset.cache_key(root)
    files = dataset.files(root)
    names: list[str] = []
    for num_done, file in enumerate(files, start=1):
        errors: list[InputError] = []
        try:
            for recording in dataset.read(file, root, replace(options, on_error=errors.append)):
                names.append(recording.name)
                if paths is not None:
                    paths.append(file.path)
                yield recording
        except InputError as error:
            errors.append(error)
        yield from errors
        if progress:
            progress(num_done, len(files))
    try:
        dataset.unmatched_labels(root, names)
    except InputError as error:
        yield error
