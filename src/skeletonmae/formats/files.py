"""Input files: files on disk, members of zip archives, and groups of single-frame files."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_COMPRESSION_RATIO, MAX_MEMBER_BYTES, MAX_READ_BYTES, MIN_SUSPICIOUS_BYTES

HEAD_BYTES = 4096
CHUNK_BYTES = 2**20
STREAMABLE = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
"""Compression methods that decompress in pieces. With any other, a few bytes can become gigabytes at once."""


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
            return _info(self.archive, self.member).file_size if self.archive else self.path.stat().st_size

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
            with wrap_os_errors(self.path):
                info = _info(self.archive, self.member)
                if info.compress_type not in STREAMABLE:
                    expected = "deflate, or no compression"
                    raise InputError("unsupported compression method", where=self.path, expected=expected)
                packed = max(info.compress_size, 1)
                if info.file_size > MAX_MEMBER_BYTES or (
                    info.file_size > MIN_SUSPICIOUS_BYTES and info.file_size > MAX_COMPRESSION_RATIO * packed
                ):
                    got = f"{info.file_size} bytes packed in {info.compress_size}"
                    raise InputError("decompresses to more than a recording can hold", where=self.path, got=got)
                with _archive(*_key(self.archive)).open(info) as member:
                    yield cast(BinaryIO, member)

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
        return _members(root, wanted, excluded) if _is_zip(root) else [InputFile(root)]
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


def attach_sidecars(
    files: list[InputFile], sidecar_name: Callable[[str], str | Sequence[str] | None]
) -> list[InputFile]:
    """Give each file its sidecar, which is then no longer a file of its own.

    Args:
        files: Sorted.
        sidecar_name: The name of the file that belongs to a file of a given name and lies beside it, several
            names of which the first that exists counts, or None.
    """
    attached: list[InputFile] = []
    taken: set[InputFile] = set()
    for file in files:
        names = sidecar_name(file.path.name) or ()
        candidates = (
            replace(file, path=file.path.with_name(name))
            for name in ([names] if isinstance(names, str) else names)
        )
        if sidecar := next((candidate for candidate in candidates if candidate.exists), None):
            attached.append(replace(file, sidecar=sidecar))
            taken.add(sidecar)
        else:
            attached.append(file)
    return [file for file in attached if file not in taken]


def archive_problem(file: InputFile) -> str:
    """Why a file is a zip archive that was not opened; empty for any other file."""
    if not _is_zip(file.path):
        return ""
    if file.archive:
        return "an archive in an archive is not opened; unpack it"
    return "not a valid zip archive; is it complete?"


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _members(archive: Path, wanted: Callable[[str], bool], excluded: list[ExcludedPath]) -> list[InputFile]:
    try:
        if not stat.S_ISREG(archive.stat().st_mode):
            return [InputFile(archive)]
        infos = _archive(*_key(archive)).infolist()
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


def _key(archive: Path) -> tuple[Path, int]:
    return archive, archive.stat().st_mtime_ns


@lru_cache(maxsize=8)
def _archive(path: Path, changed: int) -> zipfile.ZipFile:  # noqa: ARG001
    """Open an archive once; `changed` is its modification time, so that a changed archive is opened again."""
    try:
        return zipfile.ZipFile(path, metadata_encoding="utf-8")  # many programs write UTF-8 without saying so
    except UnicodeDecodeError:
        return zipfile.ZipFile(path)


def _info(archive: Path, member: str) -> zipfile.ZipInfo:
    if ".." in PurePosixPath(member).parts:
        raise InputError("the name points outside the archive", where=archive, got=member)
    try:
        return _archive(*_key(archive)).getinfo(member)
    except KeyError as error:
        raise InputError("not in the archive, or its name is absolute", where=archive, got=member) from error


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
