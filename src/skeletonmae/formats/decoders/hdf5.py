"""HDF5 files of anybody's, read in a process of its own. Needs the extra `skeletonmae[animals]`."""

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
END_OF_FILE = {0: 40, 1: 44, 2: 28, 3: 28}
"""Version of the file -> where in its head its size is."""
CHILD = Path(__file__).with_name("hdf5_child.py")
SECONDS = 30
BYTES_A_SECOND = 2_000_000
"""A file may take half a minute, and a second more for each so many bytes; some damaged ones never end."""


@dataclass(frozen=True)
class Hdf5:
    """What was wanted of a file.

    Args:
        path: of the file, for messages.
        names: what is at its top.
        numbers: arrays and attributes (`group/array`, `group@attribute`) of numbers or records.
        texts: those of text, flat.
    """

    path: Path
    names: tuple[str, ...]
    numbers: Mapping[str, np.ndarray]
    texts: Mapping[str, list[str]]

    def array(self, name: str) -> np.ndarray:
        """An array of numbers or records.

        Raises:
            InputError: it is not there.
        """
        if name not in self.numbers:
            raise self._missing(name)
        return self.numbers[name]

    def text(self, name: str, default: str | None = None) -> str:
        """One text.

        Raises:
            InputError: it is not there, and there is no default.
        """
        return self.list(name, None if default is None else [default])[0]

    def list(self, name: str, default: list[str] | None = None) -> list[str]:
        """An array of text.

        Raises:
            InputError: it is not there, and there is no default.
        """
        found = self.texts.get(name, default)
        if not found:
            raise self._missing(name)
        return found

    def _missing(self, name: str) -> InputError:
        return InputError(f"{name!r} is not in it", where=self.path, got=", ".join(self.names) or "nothing")


def read_hdf5(file: InputFile, arrays: str, attributes: str) -> Hdf5:
    """The parts of a file that are wanted.

    Args:
        file: to be read.
        arrays: regular expression for the paths of those that are wanted, such as `frames` or `group/table`.
        attributes: the same for attributes, such as `group@name`.

    Raises:
        InputError: h5py is not installed, or the file is damaged.
    """
    if importlib.util.find_spec("h5py") is None:
        raise InputError("HDF5 files need h5py: pip install skeletonmae[animals]", where=file.path)
    _must_be_whole(file)
    most = HDF5_BYTES.of(file.size)
    with _on_disk(file) as path:
        command = [sys.executable, "-I", str(CHILD), str(path), arrays, attributes, str(most)]
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, timeout=SECONDS + file.size / BYTES_A_SECOND
            )
        except subprocess.TimeoutExpired as error:
            raise InputError("damaged: reading it does not end", where=file.path) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-300:]
        why = said if done.returncode > 0 else f"the HDF5 library crashes on it, signal {-done.returncode}"
        raise InputError(f"not HDF5 that can be read ({why})", where=file.path)
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as archive:
        numbers = dict(archive)
    texts = json.loads(numbers.pop("texts").tobytes())
    return Hdf5(file.path, tuple(texts.pop("names")), numbers, texts)


def _must_be_whole(file: InputFile) -> None:
    """Refuse at once what is cut short, or no HDF5."""
    head = file.head()
    if not head.startswith(SIGNATURE) or len(head) < 64:
        raise InputError("not HDF5", where=file.path)
    if at := END_OF_FILE.get(head[len(SIGNATURE)]):
        said = int.from_bytes(head[at : at + 8], "little")
        if said > file.size:
            raise InputError("cut short", where=file.path, expected=f"{said} bytes", got=file.size)


@contextmanager
def _on_disk(file: InputFile) -> Iterator[Path]:
    """A file that another process can open."""
    if file.archive is None:
        yield file.path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "member.h5")
        path.write_bytes(file.content())
        yield path
