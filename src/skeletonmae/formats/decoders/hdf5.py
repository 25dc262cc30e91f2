"""Untrusted HDF5 files, read in a child process. Needs the extra `skeletonmae[animals]`."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile
from skeletonmae.limits import HDF5_BYTES

SIGNATURE = b"\x89HDF\r\n\x1a\n"
END_OF_FILE_OFFSETS = {0: 40, 1: 44, 2: 28, 3: 28}
"""Version of the file -> offset in its head of the size of the file."""
CHILD = Path(__file__).with_name("hdf5_child.py")
TIMEOUT_SECONDS = 30
BYTES_PER_SECOND = 2_000_000
"""A file may take the first, and a second more for each of the second: reading some damaged files never ends."""


@dataclass(frozen=True)
class Hdf5:
    """The requested parts of a file.

    Args:
        path: Path of the file, for messages.
        names: Names of the objects at its top level.
        numbers: Arrays and attributes (`group/array`, `group@attribute`) of numbers or records.
        texts: Arrays and attributes of text, flattened.
    """

    path: Path
    names: tuple[str, ...]
    numbers: Mapping[str, np.ndarray]
    texts: Mapping[str, list[str]]

    def array(self, name: str) -> np.ndarray:
        """An array of numbers or records.

        Raises:
            InputError: The file does not have it.
        """
        if name not in self.numbers:
            raise self._missing(name)
        return self.numbers[name]

    def text(self, name: str, default: str | None = None) -> str:
        """The first text of an array or attribute.

        Raises:
            InputError: The file does not have it, and there is no default.
        """
        return self.list(name, None if default is None else [default])[0]

    def list(self, name: str, default: list[str] | None = None) -> list[str]:
        """An array of text.

        Raises:
            InputError: The file does not have it, and there is no default.
        """
        texts = self.texts.get(name, default)
        if not texts:
            raise self._missing(name)
        return texts

    def _missing(self, name: str) -> InputError:
        return InputError(f"the file has no {name!r}", where=self.path, got=", ".join(self.names) or "nothing")


def read_hdf5(file: InputFile, arrays: str, attributes: str) -> Hdf5:
    """Read arrays and attributes of a file.

    Args:
        file: The file.
        arrays: Regular expression for the paths of the arrays, such as `frames` or `group/table`.
        attributes: Regular expression for the paths of the attributes, such as `group@name`.

    Raises:
        InputError: h5py is not installed, or the file is damaged.
    """
    if importlib.util.find_spec("h5py") is None:
        raise InputError("HDF5 files need h5py: pip install skeletonmae[animals]", where=file.path)
    _check_length(file)
    max_bytes = HDF5_BYTES.of(file.size)
    with _on_disk(file) as path:
        command = [sys.executable, "-I", str(CHILD), str(path), arrays, attributes, str(max_bytes)]
        try:
            process = subprocess.run(
                command, capture_output=True, check=False, timeout=TIMEOUT_SECONDS + file.size / BYTES_PER_SECOND
            )
        except subprocess.TimeoutExpired as error:
            raise InputError("damaged: reading it took too long", where=file.path) from error
    if process.returncode:
        message = process.stderr.decode("utf-8", "replace").strip()[-300:]
        reason = message if process.returncode > 0 else f"the HDF5 library crashed, signal {-process.returncode}"
        raise InputError(f"damaged HDF5 ({reason})", where=file.path)
    with np.load(io.BytesIO(process.stdout), allow_pickle=False) as archive:
        numbers = dict(archive)
    texts = json.loads(numbers.pop("texts").tobytes())
    return Hdf5(file.path, tuple(texts.pop("names")), numbers, texts)


def _check_length(file: InputFile) -> None:
    """Refuse at once a file that is truncated or not HDF5."""
    head = file.head()
    if not head.startswith(SIGNATURE) or len(head) < 64:
        raise InputError("not HDF5", where=file.path)
    if offset := END_OF_FILE_OFFSETS.get(head[len(SIGNATURE)]):
        size = int.from_bytes(head[offset : offset + 8], "little")
        if size > file.size:
            raise InputError("the file is truncated", where=file.path, expected=f"{size} bytes", got=file.size)


@contextmanager
def _on_disk(file: InputFile) -> Iterator[Path]:
    """The path of a file that another process can open; a member of an archive is extracted."""
    if file.archive is None:
        yield file.path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "member.h5")
        path.write_bytes(file.content())
        yield path
