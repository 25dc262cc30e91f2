"""Zip archives, which may be damaged or made to harm: members without unpacking, in bounded memory."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_COMPRESSION_RATIO, MAX_MEMBER_BYTES, MIN_SUSPICIOUS_BYTES

STREAMABLE = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
"""Compression methods that decompress in pieces. With any other, a few bytes can become gigabytes at once."""
READ_ERRORS = (OSError, EOFError, RuntimeError, UnicodeDecodeError, zipfile.BadZipFile, zlib.error, struct.error)
"""Exceptions that the system and zipfile raise for a file that they cannot read."""


@contextmanager
def wrap_os_errors(path: Path) -> Iterator[None]:
    """Raise `InputError` in place of the errors of the system and of zipfile."""
    try:
        yield
    except InputError:
        raise
    except READ_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "truncated"
        raise InputError(f"cannot be read ({reason})", where=path) from error


def is_zip(path: Path) -> bool:
    """Whether the name of a file is that of a zip archive."""
    return path.suffix.lower() == ".zip"


def open_archive(path: Path) -> zipfile.ZipFile:
    """An archive, opened once until it changes.

    Raises:
        Exception: Whatever a damaged archive leads zipfile to.
    """
    return _open(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _open(path: Path, changed: int) -> zipfile.ZipFile:  # noqa: ARG001
    """Open an archive; `changed` is its modification time, so that a changed archive is opened again."""
    try:
        return zipfile.ZipFile(path, metadata_encoding="utf-8")  # many programs write UTF-8 without saying so
    except UnicodeDecodeError:
        return zipfile.ZipFile(path)


def member_info(archive: Path, member: str) -> zipfile.ZipInfo:
    """What the directory of an archive states about a member.

    Raises:
        InputError: The archive has no such member, or its name points outside the archive.
    """
    if ".." in PurePosixPath(member).parts:
        raise InputError("the name points outside the archive", where=archive, got=member)
    try:
        return open_archive(archive).getinfo(member)
    except KeyError as error:
        raise InputError("not in the archive, or its name is absolute", where=archive, got=member) from error


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[BinaryIO]:
    """Open a member of an archive for reading in pieces.

    Raises:
        InputError: There is no such member, it would decompress to too much, or it turns out to be damaged.
    """
    path = archive / member
    with wrap_os_errors(path):
        info = member_info(archive, member)
        if info.compress_type not in STREAMABLE:
            raise InputError("unsupported compression method", where=path, expected="deflate, or no compression")
        packed = max(info.compress_size, 1)
        if info.file_size > MAX_MEMBER_BYTES or (
            info.file_size > MIN_SUSPICIOUS_BYTES and info.file_size > MAX_COMPRESSION_RATIO * packed
        ):
            got = f"{info.file_size} bytes packed in {info.compress_size}"
            raise InputError("decompresses to more than a recording can hold", where=path, got=got)
        with open_archive(archive).open(info) as file:
            yield cast(BinaryIO, file)
