"""Tables in Parquet, in blocks of rows. Needs the extra `skeletonmae[table]`."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import NUMERIC_COLUMNS, Column, TableBlock, column_indices
from skeletonmae.formats.files import InputFile
from skeletonmae.limits import PARQUET_ROWS

MAGIC = b"PAR1"
BLOCK_ROWS = 2**14


def read_parquet(file: InputFile, only: Collection[str] = ()) -> Iterator[TableBlock]:
    """Read a Parquet file in blocks.

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
        with pq.ParquetFile(source()) as parquet:
            schema, num_rows = parquet.schema_arrow, parquet.metadata.num_rows
        indices = column_indices(file.path, schema.names)
        if num_rows > PARQUET_ROWS.of(file.size):
            got = f"{num_rows} rows in {file.size} bytes"
            raise InputError("more rows than a file of this size can hold", where=file.path, got=got)
        selected = {schema.names[index]: name for name, index in indices.items() if not only or name in only}
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        first = 1
        with pq.ParquetFile(source(), read_dictionary=texts) as table:
            for batch in table.iter_batches(BLOCK_ROWS, columns=list(selected), use_threads=False):
                columns = {
                    selected[name]: _column(selected[name], batch.column(name)) for name in batch.schema.names
                }
                yield TableBlock(range(first, first + len(batch)), columns)
                first += len(batch)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"invalid Parquet ({error})", where=file.path) from error


def _column(name: str, cells: Any) -> Column:
    """Coordinates as float64, NaN where missing; any other column as text, equal cells as one object."""
    import pyarrow as pa

    if name in NUMERIC_COLUMNS and (pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)):
        numbers: np.ndarray = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return numbers
    coded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    values = [*map(_text, coded.dictionary.to_pylist()), ""]
    codes = coded.indices.fill_null(-1).to_pylist()
    if not all(-1 <= code < len(values) - 1 for code in codes):
        raise pa.ArrowInvalid("a cell is not in its dictionary")
    return [values[code] for code in codes]


def _text(value: object) -> str:
    if isinstance(value, float):  # a column of whole numbers with gaps, as pandas keeps it
        return f"{value:.0f}" if value.is_integer() else str(value).replace("nan", "")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)
