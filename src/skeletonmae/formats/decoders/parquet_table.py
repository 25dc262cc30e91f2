"""The lines of a table in Parquet. Needs the extra `skeletonmae[table]`."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import NUMBERS, Column, Lines, column_names
from skeletonmae.formats.files import InputFile
from skeletonmae.limits import PARQUET_ROWS

MAGIC = b"PAR1"
BLOCK = 2**14


def read_parquet(file: InputFile, only: Collection[str] = ()) -> Iterator[Lines]:
    """The lines of a Parquet file.

    Raises:
        InputError: pyarrow is not installed, a column is missing, or the file is damaged.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        problem = "Parquet files need pyarrow: pip install skeletonmae[table]"
        raise InputError(problem, where=file.path) from error

    def source() -> Any:
        return io.BytesIO(file.content()) if file.archive else file.path

    try:
        with pq.ParquetFile(source()) as about:
            schema, count = about.schema_arrow, about.metadata.num_rows
        place = column_names(file.path, schema.names)
        if count > PARQUET_ROWS.of(file.size):
            raise InputError(
                "more lines than a file can have", where=file.path, got=f"{count} in {file.size} bytes"
            )
        wanted = {schema.names[at]: name for name, at in place.items() if not only or name in only}
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        number = 1
        with pq.ParquetFile(source(), read_dictionary=texts) as table:
            for batch in table.iter_batches(BLOCK, columns=list(wanted), use_threads=False):
                columns = {wanted[name]: _column(wanted[name], batch.column(name)) for name in batch.schema.names}
                yield Lines(range(number, number + len(batch)), columns)
                number += len(batch)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"not Parquet that can be read ({error})", where=file.path) from error


def _column(name: str, cells: Any) -> Column:
    """Coordinates as float64, NaN where there is none; anything else as text, equal cells as one object."""
    import pyarrow as pa

    if name in NUMBERS and (pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)):
        numbers: np.ndarray = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return numbers
    coded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    values = [*map(_text, coded.dictionary.to_pylist()), ""]
    codes = coded.indices.fill_null(-1).to_pylist()
    if not all(-1 <= code < len(values) - 1 for code in codes):
        raise pa.ArrowInvalid("a cell that is not in its dictionary")
    return [values[code] for code in codes]


def _text(value: object) -> str:
    if isinstance(value, float):  # a column of whole numbers with gaps, as pandas keeps it
        return f"{value:.0f}" if value.is_integer() else str(value).replace("nan", "")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)
