"""DeepLabCut: poses of animals in a video, as CSV or HDF5, of one or several animals, in 2D or triangulated.

The header has a line each for scorer, (individuals,) bodyparts and coords, which are x, y(, z)(, likelihood); the
first column is the number of the frame. A body part with a likelihood below 0.6, DeepLabCut's own cut-off, was not
observed: its place is a guess. Individuals are persons, also `single`, who has the parts that belong to nobody.
Bones are not in the file: without a layout all joints hang on the first body part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import csv_rows
from skeletonmae.formats.decoders.hdf5 import SIGNATURE
from skeletonmae.formats.decoders.pandas_hdf5 import read_frame
from skeletonmae.formats.decoders.text_numbers import is_number
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.named_skeletons import named_recording, skeleton_from_names
from skeletonmae.limits import check_density
from skeletonmae.sequences import SkeletonSequence

CUTOFF = 0.6
"""Least likelihood of a body part that was observed; the default of DeepLabCut's `pcutoff`."""
COORDS = ("x", "y", "z", "likelihood")


class _Column(NamedTuple):
    scorer: str
    individual: str
    part: str
    coord: str


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    names, frame, values = read_frame(file) if file.head().startswith(SIGNATURE) else _read_csv(file)
    columns = _columns(file, names)
    individuals, parts, coords = (
        list(dict.fromkeys(column[level] for column in columns)) for level in range(1, len(_Column._fields))
    )
    axes = [axis for axis in COORDS[:3] if axis in coords]
    if not len(frame):
        raise InputError("there is no frame in it", where=file.path)
    if not np.issubdtype(frame.dtype, np.number) or not (np.abs(frame) < 2**53).all() or (frame % 1 != 0).any():
        expected = "whole numbers of frames (labelled images are no recording)"
        raise InputError(
            "the first column does not count frames", where=file.path, expected=expected, got=frame[0]
        )
    shape = (len(individuals), int(frame.max() - frame.min()) + 1, len(parts))
    check_density(file.path, shape, len(frame) * len(columns))
    at = (frame - frame.min()).astype(np.int64)
    if len(np.unique(at)) < len(at):
        raise InputError("a frame is there twice", where=file.path)
    positions = np.full((*shape, len(axes)), np.nan, dtype=np.float32)
    likelihood = np.ones(shape, dtype=np.float32)
    with np.errstate(over="ignore"):
        for column, value in zip(columns, values.T, strict=True):
            cells = individuals.index(column.individual), at, parts.index(column.part)
            if column.coord == "likelihood":
                likelihood[cells] = value
            else:
                positions[(*cells, axes.index(column.coord))] = value
    unlikely = ~(likelihood >= CUTOFF)
    positions[unlikely] = np.nan
    note = f"{unlikely.mean():.0%} of the joints have a likelihood below {CUTOFF} and count as not observed"
    yield named_recording(
        file,
        skeleton_from_names(file, "deeplabcut", parts),
        parts,
        positions,
        options,
        name=file.path.stem,
        unit="px" if len(axes) == 2 else "unknown",
        notes=(note,) if unlikely.mean() > 0.5 else (),
    )


def _columns(file: InputFile, names: Sequence[Sequence[str]]) -> list[_Column]:
    """The columns of values, each once and of one scorer."""
    if not names or {len(name) for name in names} not in ({3}, {4}):
        expected = "scorer, (individuals,) bodyparts and coords"
        raise InputError("not a header of DeepLabCut", where=file.path, expected=expected, got=names[:2])
    columns = [_Column(name[0], name[1] if len(name) == 4 else "", name[-2], name[-1]) for name in names]
    coords = {column.coord for column in columns}
    if not {"x", "y"} <= coords <= set(COORDS):
        got = ", ".join(sorted(coords)[:10])
        raise InputError("unknown coords", where=file.path, expected=", ".join(COORDS), got=got)
    if len({column.scorer for column in columns}) > 1 or len(set(columns)) < len(columns):
        raise InputError("there are two scorers, or a column twice", where=file.path)
    return columns


def _read_csv(file: InputFile) -> tuple[list[tuple[str, ...]], np.ndarray, np.ndarray]:
    """The names of each column, the numbers of the frames, and the values `(frame, column)`."""
    header: list[list[str]] = []
    blocks: list[np.ndarray] = []
    for number, rows in csv_rows(file):
        while rows and len(header) < 4 and (not header or header[-1][:1] != ["coords"]):
            header.append(rows[0])
            number, rows = number[1:], rows[1:]
        width = len(header[0])
        if any(len(line) != width for line in header) or header[-1][:1] != ["coords"]:
            raise InputError("not a header of DeepLabCut", where=file.path, got=[line[:2] for line in header])
        lines = [_numbers(file, at, cells, width) for at, cells in zip(number, rows, strict=True) if any(cells)]
        blocks.append(np.array(lines).reshape(len(lines), width))
    values = np.concatenate(blocks)
    return list(zip(*header, strict=True))[1:], values[:, 0], values[:, 1:]


def _numbers(file: InputFile, at: int, cells: list[str], width: int) -> list[float]:
    """The numbers in a line; an empty cell is NaN."""
    where = f"{file.path}, line {at}"
    if len(cells) != width:
        raise InputError("wrong number of columns", where=where, expected=width, got=len(cells))
    try:
        return [float(cell or "nan") for cell in cells]
    except ValueError:
        wrong = next(cell for cell in cells if cell and not is_number(cell))
        raise InputError("not a number", where=where, got=wrong) from None


def _sniff(head: bytes) -> bool:
    if head.startswith(SIGNATURE):
        return b"PYTABLES_FORMAT_VERSION" in head
    return head.removeprefix(b"\xef\xbb\xbf").startswith((b"scorer,", b"scorer;", b"scorer\t"))


DEEPLABCUT = Format("deeplabcut", "DeepLabCut: CSV or HDF5 with body parts", (".csv", ".h5"), _sniff, _parse)
