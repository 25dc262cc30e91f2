"""Recordings of two files: the second one, such as the labels of an array, lies beside the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from skeletonmae.formats.archives import READ_ERRORS, open_archive
from skeletonmae.formats.files import InputFile


def attach_sidecars(
    files: list[InputFile], sidecar_name: Callable[[str], str | Sequence[str] | None]
) -> list[InputFile]:
    """Give each file its sidecar, which is then no longer a file of its own.

    Args:
        files: Sorted.
        sidecar_name: The name of the file that belongs to a file of a given name and lies beside it, several
            names of which the first that exists counts, or None. `*.asf` means the only file of the folder that
            ends in `.asf`, in any case.
    """
    attached: list[InputFile] = []
    taken: set[InputFile] = set()
    folders: dict[tuple[Path, Path | None], list[str]] = {}
    for file in files:
        names = sidecar_name(file.path.name) or ()
        sidecar = None
        for name in [names] if isinstance(names, str) else names:
            if name.startswith("*"):
                key = file.path.parent, file.archive
                if key not in folders:
                    folders[key] = names_beside(file)
                ending = name[1:].lower()
                found = [other for other in folders[key] if other.lower().endswith(ending)]
                sidecar = _beside(file, found[0]) if len(found) == 1 else None
            else:
                sidecar = _beside(file, name)
            if sidecar:
                break
        attached.append(replace(file, sidecar=sidecar) if sidecar else file)
        taken |= {sidecar} if sidecar else set()
    return [file for file in attached if file not in taken]


def names_beside(file: InputFile) -> list[str]:
    """Names in the folder of a file, on disk or in its archive, without hidden ones; none if it cannot be read."""
    try:
        if file.archive is None:
            names = [path.name for path in file.path.parent.iterdir()]
        else:
            folder = PurePosixPath(file.member).parent
            members = map(PurePosixPath, open_archive(file.archive).namelist())
            names = [member.name for member in members if member.parent == folder]
    except READ_ERRORS:
        return []
    return sorted(name for name in names if not name.startswith("."))


def _beside(file: InputFile, name: str) -> InputFile | None:
    other = replace(file, path=file.path.with_name(name), sidecar=None)
    return other if other.exists else None
