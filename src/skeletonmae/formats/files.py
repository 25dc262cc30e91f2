"""Where the bytes of recordings are: files on disk, members of zip archives, and the files of single frames."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_COMPRESSION_RATIO, MAX_MEMBER_BYTES, MAX_READ_BYTES, MIN_SUSPICIOUS_BYTES

HEAD_BYTES = 4096
CHUNK_BYTES = 2**20
UNPACKED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
"""Methods that can be unpacked piece by piece; of the others, a few bytes may become gigabytes before a look."""


@dataclass(frozen=True, order=True)
class InputFile:
    """A file on disk, a member of a zip archive, or the files of one recording's frames.

    Args:
        path: on disk; for a member that of the archive with the member's name behind it, for frames that of
            what they have in common.
        archive: the archive that it is in.
        frame_files: the files of the frames, in the order of their names.
    """

    path: Path
    archive: Path | None = None
    frame_files: tuple[InputFile, ...] = ()

    @property
    def member(self) -> str:
        """The name within the archive."""
        return self.path.relative_to(self.archive).as_posix() if self.archive else ""

    @cached_property
    def size(self) -> int:
        """Bytes.

        Raises:
            InputError: it cannot be looked at.
        """
        if self.frame_files:
            return sum(part.size for part in self.frame_files)
        with _wrap_os_errors(self.path):
            return _info(self.archive, self.member).file_size if self.archive else self.path.stat().st_size

    @property
    def exists(self) -> bool:
        """Whether it can be looked at."""
        try:
            return self.size >= 0
        except InputError:
            return False

    @property
    def stat_key(self) -> tuple[object, ...]:
        """Path, size and time of change, of every part: a file with the same stamp has not changed."""
        if self.frame_files:
            return tuple(part.stat_key for part in self.frame_files)
        with _wrap_os_errors(self.path):
            changed = (self.archive or self.path).stat().st_mtime_ns
            return (os.fsencode(self.path).hex(), self.size, changed)

    def head(self) -> bytes:
        """The first `HEAD_BYTES` bytes; of frames, those of the first."""
        with self.open() as file:
            return file.read(HEAD_BYTES)

    def content(self) -> bytes:
        """All bytes.

        Raises:
            InputError: it cannot be read, or unpacks to more than a recording can be.
        """
        if self.size > MAX_READ_BYTES:
            expected = f"at most {MAX_READ_BYTES} bytes"
            raise InputError("too large to be read at once", where=self.path, expected=expected, got=self.size)
        with self.open() as file, _wrap_os_errors(self.path):
            return b"".join(iter(lambda: file.read(CHUNK_BYTES), b""))  # at once, a member may unpack to far more

    def text(self) -> str:
        """The text.

        Raises:
            InputError: it is empty or not UTF-8.
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
        """The bytes, to be read piece by piece.

        Raises:
            InputError: it cannot be opened or, while it is read, is found to be damaged.
        """
        if self.frame_files:
            with self.frame_files[0].open() as file:
                yield file
        elif self.archive is None:
            with _wrap_os_errors(self.path):
                if not stat.S_ISREG(self.path.stat().st_mode):
                    raise InputError("not a file that can be read from its beginning to its end", where=self.path)
                with self.path.open("rb") as file:
                    yield file
        else:
            with _wrap_os_errors(self.path):
                info = _info(self.archive, self.member)
                if info.compress_type not in UNPACKED:
                    expected = "deflate, or not compressed"
                    raise InputError("compressed by an unusual method", where=self.path, expected=expected)
                packed = max(info.compress_size, 1)
                if info.file_size > MAX_MEMBER_BYTES or (
                    info.file_size > MIN_SUSPICIOUS_BYTES and info.file_size > MAX_COMPRESSION_RATIO * packed
                ):
                    got = f"{info.file_size} bytes packed in {info.compress_size}"
                    raise InputError("unpacks to more than a recording can be", where=self.path, got=got)
                with _archive(*_key(self.archive)).open(info) as member:
                    yield cast(BinaryIO, member)

    @contextmanager
    def lines(self) -> Iterator[io.TextIOWrapper]:
        """The lines of a UTF-8 text, to be read one by one; line ends are kept as they are."""
        with self.open() as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as lines:
            try:
                yield lines
            except UnicodeDecodeError as error:
                got = f"byte {error.object[error.start]:#04x}"
                raise InputError("not a text file: save it as UTF-8", where=self.path, got=got) from error


def as_input_file(file: InputFile | Path) -> InputFile:
    """A path as a file."""
    return file if isinstance(file, InputFile) else InputFile(file)


def list_files(root: Path, wanted: Callable[[str], bool]) -> list[InputFile]:
    """The files under `root`, and in the zip archives there, whose names are wanted; sorted, none that is hidden.

    Args:
        root: a folder, a zip archive, or one file, which is then taken whatever its name.
        wanted: says so of a name.

    Raises:
        InputError: there is no such folder or file, or an archive cannot be opened.
    """
    if root.is_file():
        return _members(root, wanted) if _is_zip(root) else [InputFile(root)]
    if not root.is_dir():
        raise InputError("there is no such folder or file", where=root)
    found: list[InputFile] = []
    seen = {root.resolve()}

    def closed(error: OSError) -> None:  # reading it says what is wrong
        found.append(InputFile(Path(error.filename)))

    for folder, inner, names in os.walk(root, onerror=closed, followlinks=True):
        visible = {name: Path(folder, name).resolve() for name in sorted(inner) if not name.startswith(".")}
        inner[:] = [name for name, place in visible.items() if place not in seen]  # a link may lead back
        seen.update(visible.values())
        if "manifest.json" in names and ("positions.npy" in names or "shard-000" in inner):  # a store is not raw
            inner.clear()
            continue
        for name in names:
            if name.startswith("."):
                continue
            if name.lower().endswith(".zip"):
                found += _members(Path(folder, name), wanted)
            elif wanted(name):
                found.append(InputFile(Path(folder, name)))
    return sorted(found)


def group_frames(files: list[InputFile], pattern: str) -> list[InputFile]:
    """The files, with those of one folder whose names fit a pattern made into one recording.

    Args:
        files: sorted.
        pattern: regular expression for a whole name; its group `recording` is what the frames have in common,
            its group `frame` their number.
    """
    fits = re.compile(pattern)
    alone: list[InputFile] = []
    groups: dict[InputFile, list[tuple[int, InputFile]]] = defaultdict(list)
    for file in files:
        if match := fits.fullmatch(file.path.name):
            alike = match["recording"] in (None, "", file.path.parent.name)  # a folder for one recording
            common = replace(file, path=file.path.parent if alike else file.path.with_name(match["recording"]))
            groups[common].append((int(match["frame"]), file))
        else:
            alone.append(file)
    made = [
        replace(common, frame_files=tuple(file for _, file in sorted(parts))) for common, parts in groups.items()
    ]
    return sorted(alone + made)


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _members(archive: Path, wanted: Callable[[str], bool]) -> list[InputFile]:
    try:
        if not stat.S_ISREG(archive.stat().st_mode):
            return [InputFile(archive)]
        infos = _archive(*_key(archive)).infolist()
    except Exception:  # noqa: BLE001 - zipfile raises whatever a damaged archive leads it to; reading it says so
        return [InputFile(archive)]
    found = set()
    for info in infos:
        name = PurePosixPath(info.filename)
        hidden = any(part.startswith(".") and part not in (".", "..") for part in name.parts)
        folder = info.filename.endswith("/") or not name.name
        inside = name.name.lower().endswith(".zip")  # is not looked into; reading it says so
        if not folder and not hidden and name.parts[:1] != ("__MACOSX",) and (inside or wanted(name.name)):
            found.add(InputFile(archive / name.as_posix().lstrip("/"), archive))
    return sorted(found)


def _key(archive: Path) -> tuple[Path, int]:
    return archive, archive.stat().st_mtime_ns


@lru_cache(maxsize=8)
def _archive(path: Path, changed: int) -> zipfile.ZipFile:  # noqa: ARG001
    """An archive, opened once; `changed` is when it last changed, so that an old answer is not used."""
    return zipfile.ZipFile(path)


def _info(archive: Path, member: str) -> zipfile.ZipInfo:
    if ".." in PurePosixPath(member).parts:
        raise InputError("the name leads out of the archive", where=archive, got=member)
    try:
        return _archive(*_key(archive)).getinfo(member)
    except KeyError as error:
        raise InputError("not in the archive, or its name is absolute", where=archive, got=member) from error


READING = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error)
"""What the system and the archive raise at what they cannot read."""


@contextmanager
def _wrap_os_errors(path: Path) -> Iterator[None]:
    """What the system or the archive refuses, as an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except READING as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "cut short"
        raise InputError(f"cannot be read ({reason})", where=path) from error
