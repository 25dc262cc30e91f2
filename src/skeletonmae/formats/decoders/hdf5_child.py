"""A program that reads an HDF5 file in a child process of `hdf5.py`.

On some damaged files the HDF5 library, which every reader of HDF5 uses, crashes, does not end, or allocates any
size that the file states. In a child process that does not affect the caller.

    python hdf5_child.py FILE ARRAYS ATTRIBUTES BYTES

reads the arrays, at most two groups deep, and the attributes whose paths match two regular expressions, provided
that no array takes more than the given number of bytes, and writes a numpy archive to the standard output.
"""

from __future__ import annotations

import io
import json
import re
import sys
from typing import Any

import h5py
import numpy as np

BASE_MEMORY_BYTES = 2**31
"""Address space for Python, numpy and the library, besides the arrays."""
MAX_TEXTS = 100_000
"""Texts of an array: equal texts of variable length take almost no space in a file."""


def read(path: str, arrays: str, attributes: str, max_bytes: int) -> bytes:
    """The numpy archive: `path` per array, `path@name` per attribute, and all text as JSON in `texts`."""
    numbers: dict[str, np.ndarray] = {}
    texts: dict[str, list[str]] = {}

    def add(name: str, value: Any) -> None:
        values = np.asarray(value)
        if values.dtype.kind in "SUO":
            texts[name] = [v.decode() if isinstance(v, bytes) else str(v) for v in values.reshape(-1).tolist()]
        else:
            numbers[name] = values

    def visit(group: Any, path: str, depth: int) -> None:
        for name in group.attrs:
            if re.fullmatch(attributes, f"{path}@{name}") and not isinstance(group.attrs[name], h5py.Empty):
                add(f"{path}@{name}", group.attrs[name])
        if isinstance(group, h5py.Dataset):
            if re.fullmatch(arrays, path):
                check_array(group, path)
                add(path, group[()])
        elif depth:
            for name in group:
                if isinstance(group.get(name, getlink=True), h5py.HardLink):
                    visit(group[name], f"{path}/{name}".lstrip("/"), depth - 1)

    def check_array(data: Any, path: str) -> None:
        if data.shape is None or data.external or data.is_virtual:
            raise ValueError(f"{path} is not an array in this file")
        if data.nbytes > max_bytes or (data.dtype.hasobject and data.size > MAX_TEXTS):
            raise ValueError(f"{path} is larger than the file can hold: {data.nbytes} bytes")

    with h5py.File(path, "r") as file:
        texts["names"] = list(file)[:20]
        visit(file, "", 2)
    archive = io.BytesIO()
    np.savez(archive, allow_pickle=False, texts=np.frombuffer(json.dumps(texts).encode(), np.uint8), **numbers)
    return archive.getvalue()


def main() -> None:
    """Read the file, or exit with the reason in one line."""
    path, arrays, attributes, max_bytes = sys.argv[1:]
    try:
        import resource

        limit = BASE_MEMORY_BYTES + 4 * int(max_bytes)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, ValueError, OSError):
        pass  # this system has no such limits
    try:
        sys.stdout.buffer.write(read(path, arrays, attributes, int(max_bytes)))
    except Exception as error:  # noqa: BLE001  the library raises errors of many types
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
