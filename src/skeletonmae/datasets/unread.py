"""The files that a dataset does not read, each with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, Format, InputFile, describe_content
from skeletonmae.formats.file_kinds import SOURCE_VIDEO, VIDEOS, data_kind, harmless_kind, is_prose
from skeletonmae.formats.file_listing import ExcludedPath, archive_problem, list_files
from skeletonmae.formats.unknown_files import advice


class UnreadFile(NamedTuple):
    """A file or folder that is not read.

    Args:
        path: Its path.
        reason: Why it is not read, and what to do about it.
        may_hold_recordings: Whether it could hold recordings, so that something may be lost. False for hidden
            files, documents, pictures and the like.
    """

    path: Path
    reason: str
    may_hold_recordings: bool

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def unread_files(dataset: Dataset, root: Path, files: list[InputFile] | None = None) -> list[UnreadFile]:
    """List every file under `root`, and in the zip archives there, that `dataset` does not read.

    Args:
        dataset: The dataset.
        root: The folder, zip archive or file that holds it.
        files: `dataset.files(root)`, if known.

    Returns:
        The files in the order of their paths. A hidden folder, a store, and a second link to a folder are one
        entry each.

    Raises:
        InputError: There is no such folder.
    """
    if not dataset.is_on_disk:
        return []
    excluded: list[ExcludedPath] = []
    known = _parts([*(dataset.files(root) if files is None else files), *dataset.auxiliary_files(root)])
    unread = [
        _unread(file, dataset, root) for file in list_files(root, lambda _: True, excluded) if file not in known
    ]
    unread += [UnreadFile(entry.path, entry.reason, False) for entry in excluded]
    return sorted(unread)


def _parts(files: list[InputFile]) -> set[InputFile]:
    """The files on disk or in an archive that `files` consist of."""
    parts: set[InputFile] = set()
    for file in files:
        if file.sidecar:
            parts.add(file.sidecar)
        parts.update(file.frame_files or (file,))
        parts.update(frame.sidecar for frame in file.frame_files if frame.sidecar)
    return parts


def _unread(file: InputFile, dataset: Dataset, root: Path) -> UnreadFile:
    if dataset.reads_any_format and file.path.suffix.lower() in VIDEOS:
        return UnreadFile(file.path, SOURCE_VIDEO, True)
    if kind := harmless_kind(file.path.name):
        return UnreadFile(file.path, kind, False)
    ending = file.path.suffix.lower()
    try:
        head = file.head()
    except InputError as error:
        return UnreadFile(file.path, str(error).removeprefix(str(file.path)).lstrip(":, "), True)
    if problem := archive_problem(file):
        return UnreadFile(file.path, problem, True)
    if ending == ".txt" and not dataset.reads_any_format and is_prose(head):
        return UnreadFile(file.path, "a document", False)
    formats = [entry for entry in FORMATS.values() if head and entry.sniff(head)]
    has_known_ending = any(entry.has_suffix(file.path.name) for entry in FORMATS.values())
    kind = data_kind(file.path.name, head)
    content = describe_content(file, head, root)
    got = f"got a file that {content}"
    if formats and dataset.reads_any_format:
        endings = " or ".join(dict.fromkeys(suffix for entry in formats for suffix in entry.suffixes))
        reason = (
            f"its name has no known ending; if it is {_names(formats)}, rename it so that it ends in {endings}"
        )
    elif formats:
        reason = (
            f"not a file of {dataset.title}, but it looks like {_names(formats)}; prepare it in another folder, "
            "or everything with `--dataset folder`"
        )
    elif kind == "archive":
        reason = "an archive of a kind that is not opened; unpack it, or pack it as .zip"
    elif kind == "motion":
        reason = f"no reader for {ending} files; export them as BVH, C3D or a table"
    elif not dataset.reads_any_format and has_known_ending:
        reason = f"not a file of {dataset.title}; {got}"
    elif kind:
        reason = f"no reader recognizes this {kind}; expected {advice(file.path.name, head)}; {got}"
    else:
        reason = f"no reader for a file that {content}"
    return UnreadFile(file.path, reason, bool(formats or kind or has_known_ending))


def _names(formats: list[Format]) -> str:
    return " or ".join(entry.name for entry in formats)
