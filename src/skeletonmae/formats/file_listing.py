"""Which files there are under a folder and in the zip archives there."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from skeletonmae.errors import InputError
from skeletonmae.formats.archives import is_zip, open_archive
from skeletonmae.formats.files import InputFile


@dataclass(frozen=True, order=True)
class ExcludedPath:
    """A file or folder that is never read, and the reason."""

    path: Path
    reason: str


HIDDEN, STORE = "hidden", "a store, which was prepared already"
LINKED_TWICE = "a link to a folder that is read elsewhere"


def list_files(
    root: Path, wanted: Callable[[str], bool], excluded: list[ExcludedPath] | None = None
) -> list[InputFile]:
    """Files under `root`, and in the zip archives there, whose names are wanted, sorted.

    Folders and archives that cannot be opened, and archives in archives, count as files: reading them raises.

    Args:
        root: A folder, a zip archive, or one file, which is taken whatever its name.
        wanted: Whether to keep a file, given its name.
        excluded: Hidden files and folders, stores, and links to folders that are read elsewhere are appended.

    Raises:
        InputError: There is no such folder or file.
    """
    excluded = [] if excluded is None else excluded
    if root.is_file():
        return _members(root, wanted, excluded) if is_zip(root) else [InputFile(root)]
    if not root.is_dir():
        raise InputError("there is no such folder or file", where=root)
    files: list[InputFile] = []
    visited = {root.resolve()}

    def on_walk_error(error: OSError) -> None:  # reading it reports the error
        path = Path(error.filename)
        if path == root or wanted(path.name):
            files.append(InputFile(path))

    for folder, inner, names in os.walk(root, onerror=on_walk_error, followlinks=True):
        visible = {name: Path(folder, name).resolve() for name in sorted(inner) if not name.startswith(".")}
        if "manifest.json" in names and (
            "positions.npy" in names or "shard-000" in inner
        ):  # a store, not recordings
            excluded.append(ExcludedPath(Path(folder), STORE))
            inner.clear()
            continue
        excluded += [ExcludedPath(Path(folder, name), HIDDEN) for name in (*inner, *names) if name[0] == "."]
        inner[:] = []
        for name, target in visible.items():
            if target in visited:  # a link may form a cycle
                excluded.append(ExcludedPath(Path(folder, name), LINKED_TWICE))
            else:
                visited.add(target)
                inner.append(name)
        for name in names:
            if name.startswith("."):
                continue
            if name.lower().endswith(".zip"):
                archive = Path(folder, name)
                files += [file for file in _members(archive, wanted, excluded) if file.archive or wanted(name)]
            elif wanted(name):
                files.append(InputFile(Path(folder, name)))
    return sorted(files)


def archive_problem(file: InputFile) -> str:
    """Why a file is a zip archive that was not opened; empty for any other file."""
    if not is_zip(file.path):
        return ""
    if file.archive:
        return "an archive in an archive is not opened; unpack it"
    return "not a valid zip archive; is it complete?"


def _members(archive: Path, wanted: Callable[[str], bool], excluded: list[ExcludedPath]) -> list[InputFile]:
    try:
        if not stat.S_ISREG(archive.stat().st_mode):
            return [InputFile(archive)]
        infos = open_archive(archive).infolist()
    except Exception:  # noqa: BLE001 - zipfile raises whatever a damaged archive leads it to; reading it says so
        return [InputFile(archive)]
    found, hidden = set(), set()
    for info in infos:
        name = PurePosixPath(info.filename)
        hidden_at = next((i for i, part in enumerate(name.parts) if _is_hidden(part)), None)
        folder = info.filename.endswith("/") or not name.name
        if hidden_at is not None:
            hidden.add(archive.joinpath(*name.parts[: hidden_at + 1]))
        elif not folder and wanted(name.name):
            found.add(InputFile(archive / name.as_posix().lstrip("/"), archive))
    excluded += [ExcludedPath(path, HIDDEN) for path in sorted(hidden)]
    return sorted(found)


def _is_hidden(part: str) -> bool:
    """Whether a part of a member's name is that of a hidden file or folder, as macOS adds them too."""
    return (part.startswith(".") and part not in (".", "..")) or part == "__MACOSX"
