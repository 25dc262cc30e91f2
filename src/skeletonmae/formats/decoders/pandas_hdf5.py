"""Tables that pandas wrote to HDF5, in the forms that DeepLabCut uses: numbers with a header of several levels.

A `table` stores its header as a pickle, which is never executed; a `fixed` table stores it as arrays of text.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.hdf5 import Hdf5, read_hdf5
from skeletonmae.formats.decoders.plain_pickle import read_pickle
from skeletonmae.formats.files import InputFile

ARRAYS = r"[^/]+/(table|axis1|block\d+_(values|items_(level|label)\d+))"
ATTRIBUTES = r"[^/]+@(pandas_type|nblocks|block\d+_items_nlevels)|[^/]+/table@values_block_\d+_kind"

Names = list[tuple[str, ...]]


def read_frame(file: InputFile) -> tuple[Names, np.ndarray, np.ndarray]:
    """Read the only table in a file.

    Returns:
        The names of each column, one per level; the index; and the values `(row, column)`.

    Raises:
        InputError: h5py is not installed; the file has no table or several; or it is damaged.
    """
    content = read_hdf5(file, ARRAYS, ATTRIBUTES)
    kinds = {name: content.text(f"{name}@pandas_type", "") for name in content.names}
    tables = [name for name, kind in kinds.items() if kind in ("frame", "frame_table")]
    if len(tables) != 1:
        got = ", ".join(content.names) or "nothing"
        raise InputError("not exactly one pandas table", where=file.path, expected="df_with_missing", got=got)
    read = _table if kinds[tables[0]] == "frame_table" else _fixed
    names, index, values = read(content, tables[0])
    if not values or len(names) != sum(block.shape[1] for block in values):
        raise InputError("its header and its columns differ in number", where=file.path)
    return names, index, np.concatenate(values, axis=1)


def _table(content: Hdf5, group: str) -> tuple[Names, np.ndarray, list[np.ndarray]]:
    rows = content.array(f"{group}/table")
    names: Names = []
    values = []
    for block in sorted(name for name in rows.dtype.names or () if name.startswith("values_block_")):
        pickled = content.text(f"{group}/table@{block}_kind").encode()
        names += _texts(content, read_pickle(io.BytesIO(pickled), f"{content.path}, {block}"))
        values.append(rows[block].reshape(len(rows), -1))
    return names, rows["index"], values


def _fixed(content: Hdf5, group: str) -> tuple[Names, np.ndarray, list[np.ndarray]]:
    names: Names = []
    values = []
    for number in range(int(content.array(f"{group}@nblocks"))):
        block = f"{group}/block{number}"
        levels = []
        for level in range(int(content.array(f"{group}@block{number}_items_nlevels"))):
            texts = content.list(f"{block}_items_level{level}")
            levels.append([texts[code] for code in content.array(f"{block}_items_label{level}").tolist()])
        names += zip(*levels, strict=True)
        values.append(content.array(f"{block}_values"))
    return names, content.array(f"{group}/axis1"), values


def _texts(content: Hdf5, names: Any) -> Names:
    """Check that the pickled header is a list of tuples of text."""
    if not isinstance(names, list) or not all(isinstance(text, str) for name in names for text in name):
        raise InputError("its header does not consist of names", where=content.path)
    return [tuple(name) for name in names]
