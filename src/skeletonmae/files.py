"""Atomic writes: files and folders that appear complete or not at all."""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WEIGHTS = "model.safetensors"
"""Name of the weights in a folder that holds a model."""
STALE_SECONDS = 24 * 3600.0
"""Age of a temporary file or folder whose writer no longer runs; one that writes touches it far more often."""
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors that say that nothing more can be written."""


@contextmanager
def name_full_disk(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Add the name of the file that is written to the error of a full disk, which has none.

    Args:
        path: The file.
        temporary: A hidden file beside it, whose name means nothing to the user.

    Raises:
        OSError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        is_hidden = temporary is not None and temporary.name in str(error.filename)
        if error.errno not in FULL_DISK or not (error.filename is None or is_hidden):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, else delete it.

    A reader never sees a partial file, and a failed write (a full disk, a kill) leaves the old file unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path.parent, path.name)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with name_full_disk(path, temporary):
            yield temporary
            _fsync(temporary)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def atomic_folder(path: Path, inside: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder; rename it to `path` if the block succeeds, else delete it.

    Args:
        path: The folder to create.
        inside: Where to create the temporary folder, on the same disk; beside `path` if not given.

    Raises:
        FileExistsError: `path` exists and is not an empty folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path} already exists; delete it or choose another folder")
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(inside or path.parent, path.name)
    temporary = (inside or path.parent) / f".{path.name}.{uuid.uuid4().hex[:8]}.tmp"
    temporary.mkdir()
    try:
        with name_full_disk(path):
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    _fsync(file)
        if path.exists():
            path.rmdir()
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def exists(path: Path) -> bool:
    """Return whether there is such a file or folder; there is none of a name that is too long."""
    try:
        return path.exists()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def weights_file(path: Path) -> Path:
    """Return the weights in the folder of a run or of a saved model; any other path as it is."""
    return path / WEIGHTS if path.is_dir() else path


def _remove_stale(folder: Path, name: str) -> None:
    """Remove what writers of a name left behind that were killed more than a day ago.

    Another process may write the same name now, or remove the same leftovers: a folder counts as used if anything
    in it was changed within the day.
    """
    pattern = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.tmp")
    oldest = time.time() - STALE_SECONDS
    try:
        beside = list(folder.iterdir())
    except OSError:  # one may write to the folder but not list it
        return
    for path in beside:
        if not pattern.fullmatch(path.name) or _last_change(path) > oldest:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):  # what cannot be removed hinders nobody
                path.unlink()


def _last_change(path: Path) -> float:
    """Return when a file, or anything in a folder, was changed last; infinity if another process removed it."""
    try:
        inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
        times: list[float] = [one.lstat().st_mtime for one in (path, *inside)]
    except OSError:
        return math.inf
    return max(times)


def _fsync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
