"""Input files: files on disk, members of zip archives, and groups of single-frame files."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from skeletonmae.errors import InputError
from skeletonmae.formats.archives import member_info, open_member, wrap_os_errors
from skeletonmae.limits import MAX_READ_BYTES

HEAD_BYTES = 4096
CHUNK_BYTES = 2**20


@dataclass(frozen=True, order=True)
class InputFile:
    """A file on disk, a member of a zip archive, or the single-frame files of one recording.

    Args:
        path: Path on disk. For a member, the path of the archive followed by the member's name; for a group of
            single-frame files, the part of their path that they share.
        archive: The archive that holds the file.
        frame_files: One file per frame, in the order of their numbers.
        sidecar: A second file that belongs to this one, such as the labels of an array.
    """

    path: Path
    archive: Path | None = None
    frame_files: tuple[InputFile, ...] = ()
    sidecar: InputFile | None = field(default=None, compare=False)

    @property
    def member(self) -> str:
        """The name of the file within its archive."""
        return self.path.relative_to(self.archive).as_posix() if self.archive else ""

    @cached_property
    def size(self) -> int:
        """Size in bytes.

        Raises:
            InputError: The file cannot be accessed.
        """
        if self.frame_files:
            return sum(part.size for part in self.frame_files)
        with wrap_os_errors(self.path):
            return member_info(self.archive, self.member).file_size if self.archive else self.path.stat().st_size

    @property
    def exists(self) -> bool:
        """Whether the file can be accessed."""
        try:
            return self.size >= 0
        except InputError:
            return False

    @property
    def stat_key(self) -> tuple[object, ...]:
        """Path, size and modification time of every part. A file with an equal key has not changed."""
        if self.frame_files:
            return tuple(part.stat_key for part in self.frame_files)
        with wrap_os_errors(self.path):
            changed = (self.archive or self.path).stat().st_mtime_ns
            sidecar = self.sidecar.stat_key if self.sidecar else ()
            return (os.fsencode(self.path).hex(), self.size, changed, *sidecar)

    def head(self) -> bytes:
        """The first `HEAD_BYTES` bytes (of the first frame)."""
        with self.open() as file:
            return file.read(HEAD_BYTES)

    def content(self) -> bytes:
        """All bytes.

        Raises:
            InputError: The file cannot be read or is larger than `MAX_READ_BYTES`.
        """
        if self.size > MAX_READ_BYTES:
            expected = f"at most {MAX_READ_BYTES} bytes"
            raise InputError("the file is too large", where=self.path, expected=expected, got=self.size)
        with self.open() as file, wrap_os_errors(self.path):
            # In chunks, because a member can decompress to more than it declares.
            return b"".join(iter(lambda: file.read(CHUNK_BYTES), b""))

    def text(self) -> str:
        """The whole file as text.

        Raises:
            InputError: The file is empty or not UTF-8.
        """
        try:
            text = self.content().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            got = f"byte {error.object[error.start]:#04x} at {error.start}"
            raise InputError("not a text file", where=self.path, expected="UTF-8", got=got) from error
        if not text.strip():
            raise InputError("the file is empty", where=self.path)
        return text

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file for reading in pieces.

        Raises:
            InputError: The file cannot be opened, or turns out to be damaged while it is read.
        """
        if self.frame_files:  # an empty one says nothing about the format
            with next((part for part in self.frame_files if part.size), self.frame_files[0]).open() as file:
                yield file
        elif self.archive is None:
            with wrap_os_errors(self.path):
                if not stat.S_ISREG(self.path.stat().st_mode):
                    raise InputError("not a regular file", where=self.path)
                with self.path.open("rb") as file:
                    yield file
        else:
            with open_member(self.archive, self.member) as file:
                yield file

    @contextmanager
    def lines(self) -> Iterator[io.TextIOWrapper]:
        """Open the file as UTF-8 text; line ends are kept."""
        with self.open() as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as lines:
            try:
                yield lines
            except UnicodeDecodeError as error:
                got = f"byte {error.object[error.start]:#04x}"
                raise InputError("not a text file: save it as UTF-8", where=self.path, got=got) from error


def as_input_file(file: InputFile | Path) -> InputFile:
    """Wrap a path as an `InputFile`."""
    return file if isinstance(file, InputFile) else InputFile(file)
