"""A program that reads an HDF5 file in a process of its own; `hdf5.py` runs it.

The HDF5 library, which every reader of such files rests on, crashes on some damaged files, never ends on others,
and makes room for any length that they state. Here it can do no harm to whoever asked.

    python hdf5_child.py FILE ARRAYS ATTRIBUTES BYTES

reads the arrays, at most two groups deep, and the attributes whose paths fit two regular expressions, as long as
no array takes more than so many bytes, and writes a numpy archive to the standard output.
"""

from __future__ import annotations

import io
import json
import re
import sys
from typing import Any

import h5py
import numpy as np

MEMORY = 2**31
"""Bytes for Python, numpy, and whatever the library needs besides the arrays themselves."""
LONGEST_LIST = 100_000
"""Texts of a list: equal ones of varying length take next to nothing in the file."""


def read(path: str, arrays: str, attributes: str, most: int) -> bytes:
    """The numpy archive: `path` of each array, `path@name` of each attribute; texts as JSON in `texts`."""
    numbers: dict[str, np.ndarray] = {}
    texts: dict[str, list[str]] = {}

    def take(name: str, value: Any) -> None:
        values = np.asarray(value)
        if values.dtype.kind in "SUO":
            texts[name] = [v.decode() if isinstance(v, bytes) else str(v) for v in values.reshape(-1).tolist()]
        else:
            numbers[name] = values

    def visit(group: Any, path: str, depth: int) -> None:
        for name in group.attrs:
            if re.fullmatch(attributes, f"{path}@{name}") and not isinstance(group.attrs[name], h5py.Empty):
                take(f"{path}@{name}", group.attrs[name])
        if isinstance(group, h5py.Dataset):
            if re.fullmatch(arrays, path):
                must_be_sound(group, path)
                take(path, group[()])
        elif depth:
            for name in group:
                if isinstance(group.get(name, getlink=True), h5py.HardLink):
                    visit(group[name], f"{path}/{name}".lstrip("/"), depth - 1)

    def must_be_sound(data: Any, path: str) -> None:
        if data.shape is None or data.external or data.is_virtual:
            raise ValueError(f"{path} is not an array in this file")
        if data.nbytes > most or (data.dtype.hasobject and data.size > LONGEST_LIST):
            raise ValueError(f"{path} is larger than the file can hold: {data.nbytes} bytes")

    with h5py.File(path, "r") as file:
        texts["names"] = list(file)[:20]
        visit(file, "", 2)
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, texts=np.frombuffer(json.dumps(texts).encode(), np.uint8), **numbers)
    return packed.getvalue()


def main() -> None:
    """Read, or say in one line why not."""
    path, arrays, attributes, most = sys.argv[1:]
    try:
        import resource

        limit = MEMORY + 4 * int(most)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits
    try:
        sys.stdout.buffer.write(read(path, arrays, attributes, int(most)))
    except Exception as error:  # noqa: BLE001  the library's own are of every kind
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
