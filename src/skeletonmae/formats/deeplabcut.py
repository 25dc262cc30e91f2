"""DeepLabCut: poses of animals in a video, as CSV or HDF5, of one or several animals, in 2D or triangulated.

The header has a line each for scorer, (individuals,) bodyparts and coords, which are x, y(, z)(, likelihood). The
first column is the frame number. A body part with a likelihood below 0.6, the default of DeepLabCut's `pcutoff`,
is unobserved. Individuals are persons, including `single`, which has the parts that belong to no animal. The file
has no bones: without a layout the tree is a plausible one. A file that pandas has saved again may have numbered
its scorers (S, S.1, S.2) and body parts (ear, ear.1, ear.2) and put an index before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import check_columns, csv_rows
from skeletonmae.formats.decoders.hdf5 import SIGNATURE
from skeletonmae.formats.decoders.pandas_hdf5 import read_frame
from skeletonmae.formats.decoders.text_numbers import MISSING_WORDS, is_number
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_numbers import FrameNumbering, is_frame_number
from skeletonmae.formats.named_skeletons import named_recording, skeleton_from_names
from skeletonmae.limits import check_density
from skeletonmae.sequences import SkeletonSequence

MIN_LIKELIHOOD = 0.6
"""Body parts below it are unobserved; the default of DeepLabCut's `pcutoff`."""
COORDS = ("x", "y", "z", "likelihood")
MAX_HEADER_LINES = 4
IMAGE_NAME = re.compile(r"labeled-data|.*\.(png|jpe?g|bmp|tiff?)$", re.IGNORECASE)


class _Column(NamedTuple):
    scorer: str
    individual: str
    part: str
    coord: str


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    names, frame, values = read_frame(file) if file.head().startswith(SIGNATURE) else _read_csv(file)
    columns = _columns(file, names)
    individual_index, part_index, coords = (
        {name: index for index, name in enumerate(dict.fromkeys(column[level] for column in columns))}
        for level in range(1, len(_Column._fields))
    )
    axes = [axis for axis in COORDS[:3] if axis in coords]
    if not len(frame):
        raise InputError("it has no frame", where=file.path)
    if not np.issubdtype(frame.dtype, np.number) or not is_frame_number(frame).all():
        expected = "whole frame numbers (labeled images are no recording: give the file of a tracked video)"
        got = frame[0].decode("utf-8", "replace") if isinstance(frame[0], bytes) else frame[0]
        raise InputError("the first column has no frame numbers", where=file.path, expected=expected, got=got)
    numbering = FrameNumbering.of(frame)
    frame_index = numbering.index(frame)
    if len(np.unique(frame_index)) < len(frame_index):
        raise InputError("a frame is duplicated", where=file.path)
    shape = (len(individual_index), int(frame_index.max()) + 1, len(part_index))
    check_density(file.path, shape, len(frame) * len(columns))
    positions = np.full((*shape, len(axes)), np.nan, dtype=np.float32)
    likelihood = np.ones(shape, dtype=np.float32)
    with np.errstate(over="ignore"):
        for column, value in zip(columns, values.T, strict=True):
            cells = individual_index[column.individual], frame_index, part_index[column.part]
            if column.coord == "likelihood":
                likelihood[cells] = value
            else:
                positions[(*cells, axes.index(column.coord))] = value
    unlikely = ~(likelihood >= MIN_LIKELIHOOD)
    positions[unlikely] = np.nan
    note = f"{unlikely.mean():.0%} of the joints have a likelihood below {MIN_LIKELIHOOD} and count as unobserved"
    parts = list(part_index)
    yield named_recording(
        file,
        skeleton_from_names(file, "deeplabcut", parts),
        parts,
        positions,
        options,
        name=file.path.stem,
        unit="px" if len(axes) == 2 else "unknown",
        notes=(*numbering.notes, *((note,) if unlikely.mean() > 0.5 else ())),
    )


def _columns(file: InputFile, names: Sequence[Sequence[str]]) -> list[_Column]:
    """The columns of values, without duplicates and of one scorer."""
    if not names or {len(name) for name in names} not in ({3}, {4}):
        expected = "scorer, (individuals,) bodyparts and coords"
        raise InputError("not a header of DeepLabCut", where=file.path, expected=expected, got=names[:2])
    columns = [_Column(name[0], name[1] if len(name) == 4 else "", name[-2], name[-1]) for name in names]
    coords = {column.coord for column in columns}
    if not {"x", "y"} <= coords <= set(COORDS):
        got = ", ".join(sorted(coords)[:10])
        raise InputError("unknown coords", where=file.path, expected=", ".join(COORDS), got=got)
    scorers = {column.scorer for column in columns}
    if len(set(map(_unnumbered, scorers))) == 1:
        columns = [column._replace(scorer="") for column in columns]
    elif len(scorers) > 1:
        got = ", ".join(sorted(scorers)[:5])
        raise InputError("the file has several scorers; save one of them", where=file.path, got=got)
    if {_unnumbered(column.part) for column in columns} <= {column.part for column in columns}:
        unnumbered = [column._replace(part=_unnumbered(column.part)) for column in columns]
        columns = unnumbered if len(set(unnumbered)) == len(columns) else columns
    if len(set(columns)) < len(columns):
        raise InputError("a column is duplicated", where=file.path)
    return columns


def _unnumbered(name: str) -> str:
    """A name without the number that pandas adds to equal names."""
    return re.sub(r"\.\d+$", "", name)


def _read_csv(file: InputFile) -> tuple[list[tuple[str, ...]], np.ndarray, np.ndarray]:
    """The names of each column, the frame numbers, and the values `(frame, column)`."""
    header: list[list[str]] = []
    blocks: list[np.ndarray] = []
    first_column = 0
    for line_numbers, rows in csv_rows(file):
        if not header:
            check_columns(file.path, len(rows[0]))
            first_column = int(rows[0][:2] == ["", "scorer"])  # an index that pandas wrote
        while rows and len(header) < MAX_HEADER_LINES and (not header or header[-1][:1] != ["coords"]):
            header.append(rows[0][first_column:])
            line_numbers, rows = line_numbers[1:], rows[1:]
        width = len(header[0])
        if any(len(line) != width for line in header) or header[-1][:1] != ["coords"]:
            raise InputError("not a header of DeepLabCut", where=file.path, got=[line[:2] for line in header])
        lines = [
            _numbers(f"{file.path}, line {number}", cells[first_column:], width)
            for number, cells in zip(line_numbers, rows, strict=True)
            if any(cells)
        ]
        blocks.append(np.array(lines).reshape(len(lines), width))
    if not blocks:
        raise InputError("the file is empty", where=file.path)
    values = np.concatenate(blocks)
    return list(zip(*header, strict=True))[1:], values[:, 0], values[:, 1:]


def _numbers(where: str, cells: list[str], width: int) -> list[float]:
    """The numbers in a line; an empty cell is NaN."""
    if cells and IMAGE_NAME.match(cells[0]):
        problem = "these are labeled images and no recording"
        expected = "the file that DeepLabCut wrote for a whole video (analyze_videos), with frame numbers"
        raise InputError(problem, where=where, expected=expected, got=cells[0])
    if len(cells) != width:
        raise InputError("wrong number of columns", where=where, expected=width, got=len(cells))
    try:
        return [float("nan" if cell.strip().lower() in MISSING_WORDS else cell) for cell in cells]
    except ValueError:
        wrong = next(cell for cell in cells if cell.strip().lower() not in MISSING_WORDS and not is_number(cell))
        raise InputError("not a number", where=where, got=wrong) from None


def _sniff(head: bytes) -> bool:
    if head.startswith(SIGNATURE):
        return b"PYTABLES_FORMAT_VERSION" in head
    return head.removeprefix(b"\xef\xbb\xbf").lstrip(b",;\t").startswith((b"scorer,", b"scorer;", b"scorer\t"))


DEEPLABCUT = Format("deeplabcut", "DeepLabCut: CSV or HDF5 with body parts", (".csv", ".h5"), _sniff, _parse)
