"""Tables with one line per frame, as CSV: SLEAP's analysis CSV, Anipose, MediaPipe in columns, and home-made ones.

`wide_header` describes the headers that are understood. Columns named like `frame`, `time`, `person` (or `track`),
`recording` (or `video`), `label` and `fps` hold what they say; without a frame column every line is the next
frame. Without a person column, the same joints under `person1`, `person2`, ... are persons (`wide_persons`). How a
file was understood is a remark in the report. Joints are matched by name (`skeletons.aliases`), numbered joints by
their count; MediaPipe's landmarks may even have no names of columns (`flat_landmarks`). A joint is unobserved
where a coordinate is empty or NaN, or its confidence is too low (`wide_coordinates`, which also finds unit and
axes). The frame rate follows from the times, if there are any.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, groupby

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import check_columns, csv_rows, delimiter_of, is_long_table
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.flat_landmarks import flat_header
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.wide_header import MAX_PREFACE_LINES, WideHeader, find_header
from skeletonmae.formats.wide_persons import person_columns
from skeletonmae.formats.wide_recording import WideRecording
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons.derived import abbreviate

OTHER_FORMATS = re.compile(r"[\ufeff\s]*([,;\t]?scorer\b|Timestamp,HipCenterX,|PathFileType|HIERARCHY|[\[{<])")
"""Beginnings of files that have a reader of their own."""
Block = tuple[Sequence[int], Sequence[list[str]]]


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    header, width, blocks = _open(file)
    persons = person_columns(header, width)
    header = persons.header if persons else header
    column = header.roles.get("recording")
    names: set[str] = set()
    recording: WideRecording | None = None
    for line_numbers, rows in blocks:
        filled = [(number, cells) for number, cells in zip(line_numbers, rows, strict=True) if any(cells)]
        for number, line in filled:
            _check_width(file, number, line, width)
        for name, group in groupby(
            filled, lambda line: file.path.stem if column is None else line[1][column].strip()
        ):
            numbers, cells = zip(*group, strict=True)
            if recording is None or recording.name != name:
                if recording:
                    yield recording.sequence(options)
                if name in names:
                    where = f"{file.path}, line {numbers[0]}"
                    raise InputError(f"the lines of recording {name!r} are not consecutive", where=where)
                names.add(name)
                recording = WideRecording(file, name, header)
            recording.add(*(persons.expand(numbers, cells) if persons else (numbers, cells)))
    if recording is None:
        raise InputError("there is no line after the header", where=file.path)
    yield recording.sequence(options)


def _open(file: InputFile) -> tuple[WideHeader, int, Iterator[Block]]:
    """The header, the number of columns, and the lines after the header in blocks."""
    source = csv_rows(file, _delimiter(file.head()))
    numbers: list[int] = []
    rows: list[list[str]] = []
    for line_numbers, block in source:
        numbers += line_numbers
        rows += block
        if len(rows) > MAX_PREFACE_LINES:
            break
    check_columns(file.path, max(map(len, rows), default=0))
    header = find_header(rows) or flat_header(rows)
    if header is None:
        expected = "columns such as nose_x, nose_y, nose_z, or x1, y1, z1, v1"
        got = abbreviate(rows[0]) if rows else "nothing"
        raise InputError("it has no columns of joints", where=file.path, expected=expected, got=got)
    if header.duplicates:
        joint, word = header.duplicates[0]
        raise InputError(f"the column {word!r} of joint {joint!r} is duplicated", where=file.path)
    if len(header.joints) > MAX_JOINTS:
        expected = f"at most {MAX_JOINTS}"
        raise InputError("too many joints", where=file.path, expected=expected, got=len(header.joints))
    width = max(map(len, rows[max(header.num_lines - 2, 0) : max(header.num_lines, 1)]))
    first: Block = (numbers[header.num_lines :], rows[header.num_lines :])
    return header, width, chain((first,), source)


def _check_width(file: InputFile, number: int, cells: list[str], width: int) -> None:
    if len(cells) < width or any(cells[width:]):
        hint = " (decimal commas? write 0.5)" if len(cells) > width else ""
        raise InputError(
            f"wrong number of columns{hint}",
            where=f"{file.path}, line {number}",
            expected=f"{width} columns, as in the header",
            got=len(cells),
        )
    del cells[width:]


def _delimiter(head: bytes) -> str:
    """The delimiter that most often occurs in one of the first lines."""
    lines = head.decode("utf-8-sig", "replace").splitlines()[:MAX_PREFACE_LINES] or [""]
    return delimiter_of(max(lines, key=lambda line: line.count(delimiter_of(line))))


def _sniff(head: bytes) -> bool:
    text = head.decode("utf-8-sig", "replace")
    if OTHER_FORMATS.match(text):
        return False
    complete, newline, _ = text.rpartition("\n")
    if not newline:  # one long line: without its last cell, which may be cut
        complete = text[: max(map(text.rfind, ",;\t"), default=0)] if len(head) >= 1024 else text
    try:
        rows = list(csv.reader(complete.splitlines()[: MAX_PREFACE_LINES + 2], delimiter=_delimiter(head)))
    except csv.Error:
        return False
    if rows and is_long_table(rows[0]):
        return False
    return (find_header(rows) or flat_header(rows)) is not None


WIDE_TABLE = Format(
    "wide_table",
    "CSV, a line per frame: nose_x,nose_y,..., x1,y1,z1,v1,..., of SLEAP, Anipose, MediaPipe or your own",
    (".csv", ".tsv", ".txt"),
    _sniff,
    _parse,
)
