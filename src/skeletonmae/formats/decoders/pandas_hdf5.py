"""Tables that pandas wrote to HDF5, as far as DeepLabCut does: numbers under a header of several levels.

A `table` has its header as a pickle, of which nothing is run; a `fixed` one has it as arrays of text.
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
    """The only table in a file.

    Returns:
        The names of each column, one a level; the index; and the values `(row, column)`.

    Raises:
        InputError: h5py is not installed, there is no such table or more than one, or the file is damaged.
    """
    content = read_hdf5(file, ARRAYS, ATTRIBUTES)
    kinds = {name: content.text(f"{name}@pandas_type", "") for name in content.names}
    tables = [name for name, kind in kinds.items() if kind in ("frame", "frame_table")]
    if len(tables) != 1:
        got = ", ".join(content.names) or "nothing"
        raise InputError("not one table of pandas", where=file.path, expected="df_with_missing", got=got)
    read = _table if kinds[tables[0]] == "frame_table" else _fixed
    names, index, values = read(content, tables[0])
    if not values or len(names) != sum(block.shape[1] for block in values):
        raise InputError("not as many names as columns", where=file.path)
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
    """What a pickle said of columns, if that is a list of tuples of text."""
    if not isinstance(names, list) or not all(isinstance(text, str) for name in names for text in name):
        raise InputError("the header is not made of names", where=content.path)
    return [tuple(name) for name in names]
