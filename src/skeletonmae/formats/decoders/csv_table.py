"""CSV files, row by row, and tables with one line per joint in blocks of columns."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice, pairwise
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile
from skeletonmae.limits import MAX_COLUMNS, MAX_LINE_BYTES

REQUIRED_COLUMNS = ("frame", "joint", "x", "y")
NUMERIC_COLUMNS = ("frame", "x", "y", "z", "confidence", "visibility", "likelihood")
OTHER_NAMES = {
    "frame": (
        "frame_id", "frame_index", "frame_idx", "frame_number", "frame_num", "frame_no", "frameid", "frameindex",
        "framenumber", "fnum",
    ),
    "time": ("timestamp", "time_s", "timestamp_s", "seconds", "time_ms", "timestamp_ms"),
    "joint": (
        "landmark", "landmark_name", "keypoint", "keypoint_name", "bodypart", "body_part", "marker", "marker_name",
        "joint_name", "jointname",
    ),
    "person": ("person_id", "track", "track_id", "individual"),
    "confidence": ("score", "conf"),
}  # fmt: skip
"""Column -> other names of it. A name counts if the header has neither the column nor an earlier name."""
JOINT_GUESSES = {"name", "part", "part_name", "point", "point_name", "node", "label_name"}
"""Names of columns that may hold joints; the user is asked to rename them."""
BLOCK_LINES = 512
"""Lines that are held as text at a time. They fit the cache of the processor: 4 times faster than 16,000."""

Column = Sequence[str] | np.ndarray


@dataclass(frozen=True)
class TableBlock:
    """Consecutive lines of a table.

    Args:
        line_numbers: Number of each line in the file, for messages.
        columns: Name -> one cell per line, as text, or as float64 if the file stores numbers.
    """

    line_numbers: Sequence[int]
    columns: Mapping[str, Column]

    def by_recording(self, default_name: str) -> Iterator[tuple[str, TableBlock]]:
        """Yield the name and the lines of each recording.

        Args:
            default_name: The name if there is no column `recording`.
        """
        names = self.columns.get("recording")
        if names is None:
            yield default_name, self
            return
        ends = (end for end, (name, next_name) in enumerate(pairwise(names), 1) if name != next_name)
        for start, stop in pairwise((0, *ends, len(names))):
            columns = {name: column[start:stop] for name, column in self.columns.items()}
            yield str(names[start]).strip(), TableBlock(self.line_numbers[start:stop], columns)


ReadBlocks = Callable[[InputFile, Collection[str]], Iterator[TableBlock]]
"""Reads a file in blocks, with the named columns, or all of them if none is named."""


def column_indices(where: Path, header: Sequence[str]) -> dict[str, int]:
    """Column name -> index. Case and spaces in names do not matter; columns without a name are left out.

    Columns with one of the `OTHER_NAMES` count under the usual name. Times stand in for frames if there are none.

    Raises:
        InputError: A required column is missing, a column is duplicated, or there are too many.
    """
    check_columns(where, len(header))
    names = _known_names(["_".join(name.lower().split()) for name in header])
    named = [name for name in names if name and not name.startswith("unnamed:")]  # as pandas names its index
    examples = ", ".join(names[:20])
    required = [name for name in REQUIRED_COLUMNS if name != "frame" or "time" not in names]
    if missing := [name for name in required if name not in names]:
        problem = f"column {missing[0]!r} is missing; the header has {examples}"
        expected = f"columns {', '.join(REQUIRED_COLUMNS)}; rename the columns that hold them"
        raise InputError(problem, where=where, expected=expected)
    if duplicates := [name for name, times in Counter(named).items() if times > 1]:
        raise InputError(f"column {duplicates[0]!r} is duplicated; the header has {examples}", where=where)
    return {name: index for index, name in enumerate(names) if name in set(named)}


def is_long_table(header: Sequence[str]) -> bool:
    """Whether a header is that of a table with one line per joint, even if a column has another name."""
    names = set(_known_names(["_".join(name.lower().split()) for name in header]))
    has_joint = "joint" in names or ("frame" in names and bool(names & JOINT_GUESSES))
    return {"x", "y"} <= names and has_joint


def _known_names(names: list[str]) -> list[str]:
    """Names of columns, with the usual name in place of one of the `OTHER_NAMES`."""
    usual: dict[str, str] = {}
    for name, others in OTHER_NAMES.items():
        if name == "time" and "frame" in (*names, *usual.values()):
            continue
        if name not in names and (other := next((other for other in others if other in names), None)):
            usual[other] = name
    return [usual.get(name, name) for name in names]


def check_columns(where: Path, num_columns: int) -> None:
    """Refuse a table with more columns than any recording has.

    Raises:
        InputError: There are more than `MAX_COLUMNS`.
    """
    if num_columns > MAX_COLUMNS:
        raise InputError("too many columns", where=where, expected=f"at most {MAX_COLUMNS}", got=num_columns)


def delimiter_of(line: str) -> str:
    """The delimiter of a header: a comma, a semicolon or a tab."""
    return max(",;\t", key=line.count)


def read_csv(file: InputFile, only: Collection[str] = ()) -> Iterator[TableBlock]:
    """Read a CSV file in UTF-8, in blocks; empty lines are left out.

    Raises:
        InputError: The header is invalid, a line has another number of columns, or the file is not CSV. The lines
            before it are yielded first.
    """
    indices: dict[str, int] = {}
    num_columns = 0
    for line_numbers, rows in csv_rows(file):
        if not indices:
            indices, num_columns = column_indices(file.path, rows[0]), len(rows[0])
            line_numbers, rows = line_numbers[1:], rows[1:]
        problem = None
        if set(map(len, rows)) != {num_columns} or not all(map(any, rows)):
            filled = [(number, cells) for number, cells in zip(line_numbers, rows, strict=True) if any(cells)]
            if wrong := [(i, *line) for i, line in enumerate(filled) if len(line[1]) != num_columns]:
                first, number, cells = wrong[0]
                hint = " (decimal commas? write 0.5)" if len(cells) > num_columns else ""
                problem = InputError(
                    f"wrong number of columns{hint}",
                    where=f"{file.path}, line {number}",
                    expected=f"{num_columns} columns, as in the header",
                    got=len(cells),
                )
                filled = filled[:first]
            line_numbers, rows = [number for number, _ in filled], [cells for _, cells in filled]
        if rows:
            columns = list(zip(*rows, strict=True))
            selected = {name: columns[index] for name, index in indices.items() if not only or name in only}
            yield TableBlock(line_numbers, selected)
        if problem:
            raise problem


def csv_rows(file: InputFile, delimiter: str | None = None) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """Yield blocks of lines as cells, with their line numbers.

    Args:
        file: The file.
        delimiter: Delimiter of the cells; by default that of the first line.

    Raises:
        InputError: The file is not CSV in UTF-8, or a line is too long. The lines before it are yielded first.
    """
    with file.lines() as text:
        first = text.readline(MAX_LINE_BYTES)
        delimiter = delimiter or delimiter_of(first)
        rest = iter(lambda: text.readline(MAX_LINE_BYTES), "")
        lines = _bounded_lines(chain((first,) if first else (), rest), file.path, delimiter)
        reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
        problem = None
        while problem is None:
            before, rows = reader.line_num, list[list[str]]()
            try:
                rows.extend(islice(reader, BLOCK_LINES))  # which keeps the lines before an error
            except (csv.Error, UnicodeDecodeError) as error:
                where = f"{file.path}, after line {reader.line_num}"
                problem = InputError(f"not CSV in UTF-8 ({error})", where=where)
            except InputError as error:
                problem = error
            line_numbers: Sequence[int] = range(before + 1, before + 1 + len(rows))
            if reader.line_num != before + len(rows):  # a cell continues in the next line
                longer = accumulate(sum(cell.count("\n") for cell in cells) for cells in rows)
                line_numbers = [number + more for number, more in zip(line_numbers, longer, strict=True)]
            if rows:
                yield line_numbers, rows
            elif problem is None:
                return
        raise problem


def _bounded_lines(lines: Iterable[str], where: Path, delimiter: str) -> Iterator[str]:
    """Refuse a line that is too long or has too many columns, before it is split."""
    for number, line in enumerate(lines, start=1):
        if line.count(delimiter) >= MAX_COLUMNS:
            check_columns(where, line.count(delimiter) + 1)
        if len(line) == MAX_LINE_BYTES:
            expected = f"at most {MAX_LINE_BYTES} characters"
            raise InputError(
                "the line is too long for a table", where=f"{where}, line {number}", expected=expected
            )
        yield line
