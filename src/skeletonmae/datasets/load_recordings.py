"""Load recordings from files, folders, archives and stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from skeletonmae.datasets import FOLDER, UnreadFile, describe_files, read_all, unread_files
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, ReadOptions
from skeletonmae.formats.file_kinds import IMAGES, VIDEOS, harmless_kind
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.sequences.manifest import MANIFEST


class Problem(NamedTuple):
    """A file or recording that could not be read."""

    recording: str
    """The file, followed by the record if there is one."""
    reason: str

    def __str__(self) -> str:
        return f"{self.recording}: {self.reason}"


def load_recordings(
    paths: Iterable[Path],
    options: ReadOptions = DEFAULT_OPTIONS,
    on_ignored: Callable[[UnreadFile], None] | None = None,
) -> tuple[list[SkeletonSequence], list[Problem]]:
    """Load all recordings of files, folders, archives and stores.

    Args:
        paths: Where to look for recordings.
        options: Layout, unit and other facts about the files that are not stores.
        on_ignored: Called with every file that holds no recordings, such as a document or a picture.

    Returns:
        The recordings, and one problem per file or record that could not be read, or was not read although it
        could hold recordings.

    Raises:
        InputError: No recording could be read.
    """
    recordings: list[SkeletonSequence] = []
    problems: list[Problem] = []
    for item in iter_recordings(paths, options, on_ignored):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            recordings.append(item)
    if not recordings:
        reasons = "\n".join(map(str, problems)) or "no file or folder was named"
        raise InputError(f"no recording could be read: {reasons}")
    return recordings, problems


def iter_recordings(
    paths: Iterable[Path],
    options: ReadOptions = DEFAULT_OPTIONS,
    on_ignored: Callable[[UnreadFile], None] | None = None,
) -> Iterator[SkeletonSequence | Problem]:
    """Read recordings one after the other, so that they need not fit into memory together.

    Args:
        paths: Where to look for recordings.
        options: Layout, unit and other facts about the files that are not stores.
        on_ignored: Called with every file that holds no recordings, such as a document or a picture.

    Yields:
        The recordings, and one problem per file or record that could not be read, or was not read although it
        could hold recordings.
    """
    for path in paths:
        try:
            yield from _read_path(path, options, on_ignored)
        except InputError as error:
            yield _problem(error, path)


def _read_path(
    path: Path, options: ReadOptions, on_ignored: Callable[[UnreadFile], None] | None
) -> Iterator[SkeletonSequence | Problem]:
    """Read the recordings of a file, a folder, an archive or a store.

    Raises:
        InputError: There is no such file or folder, or a store or a list of labels is invalid.
    """
    if (path / MANIFEST).is_file():
        store = SequenceStore.open(path)
        store.verify()
        yield from store
        return
    kind = "" if path.suffix.lower() in VIDEOS else harmless_kind(path.name)
    if path.is_file() and kind and not FOLDER.matches(path):
        is_picture = path.suffix.lower() in IMAGES
        expected = "; expected a video, or a file of poses" if is_picture else ""
        yield Problem(str(path), f"{kind}{expected}")
        return
    is_empty = True
    for recording in read_all(FOLDER, path, options):
        is_empty = False
        yield _problem(recording, path) if isinstance(recording, InputError) else recording
    for file in unread_files(FOLDER, path):
        if file.may_hold_recordings:
            is_empty = False
            yield Problem(str(file.path), file.reason)
        elif on_ignored:
            on_ignored(file)
    if is_empty:
        yield Problem(str(path), f"no recording was found; got {describe_files(path)}")


def _problem(error: InputError, path: Path) -> Problem:
    """An error as a problem of the file that it names, or else of the path that was being read."""
    where = str(error.where or path)
    return Problem(where, str(error).removeprefix(f"{where}: "))
