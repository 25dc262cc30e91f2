"""What a file format is, and the checks that several readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.raw import RawFile, as_raw
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20, Skeleton


def raise_it(error: InputError) -> None:
    """Raise what is wrong with a recording; the reading of its file ends."""
    raise error


@dataclass(frozen=True)
class ReadOptions:
    """What the user says of recordings that do not say it themselves, and how to read those that can be read in
    more than one way.

    Args:
        layout: of formats that name their joints; found from the names if not given.
        unit: of the coordinates, one of `sequences.UNITS`, in place of the format's own.
        fps: frames per second, in place of the file's own.
        clean: of NTU: `reference` is the field's clean-up, `none` keeps every body as it was recorded.
        format: name of the format, for files whose content does not tell it; else it is found by content.
        cut: whether a long recording with a list of its actions is cut into them.
        refuse: called with what is wrong with one recording of a file in which others may be sound. The default
            raises it.
    """

    layout: Skeleton | None = None
    unit: str | None = None
    fps: float | None = None
    clean: Literal["reference", "none"] = "reference"
    format: str | None = None
    cut: bool = True
    refuse: Callable[[InputError], None] = raise_it


ROOM = 10_000_000, 100
"""Coordinates that a file may hold in any case, and for each of its bytes; more has been made up."""
AS_IT_IS = ReadOptions()
Parse = Callable[[RawFile, ReadOptions], Iterator[SkeletonSequence]]


@dataclass(frozen=True)
class Format:
    """One file format.

    Args:
        name: what it is called in `FORMATS`.
        describe: one line for the list of formats.
        suffixes: what its files' names end in, with the dot, in lower case.
        claims: whether the first `HEAD_BYTES` bytes of a file look like this format; never raises.
        parse: the recordings of a file; raises `InputError` for whatever is wrong with it.
        frames: if every frame is a file of its own: a regular expression for their names, with groups `recording`
            and `frame`. Then `parse` is given a file with `parts` (and, for a single frame, one without).
    """

    name: str
    describe: str
    suffixes: tuple[str, ...]
    claims: Callable[[bytes], bool]
    parse: Parse
    frames: str | None = None

    def matches(self, file: RawFile | Path) -> bool:
        """Whether `file` can be read and its first bytes look like this format."""
        try:
            return self.claims(as_raw(file).head())
        except InputError:
            return False

    def read(self, file: RawFile | Path, options: ReadOptions = AS_IT_IS) -> Iterator[SkeletonSequence]:
        """The recordings in `file`, one at a time.

        Raises:
            InputError: the file is missing, damaged, or of another format.
        """
        file = as_raw(file)
        try:
            cells, room = 0, ROOM[0] + ROOM[1] * file.size
            for sequence in self.parse(file, options):
                cells += sequence.positions.size
                if cells > room:
                    got = f"{cells} numbers in {file.size} bytes"
                    raise InputError("more than a file of this size can hold", where=file.path, got=got)
                unit, fps = options.unit or sequence.unit, options.fps or sequence.fps
                changed = (unit, fps) != (sequence.unit, sequence.fps)
                yield replace(sequence, unit=unit, fps=fps) if changed else sequence
        except InputError:
            raise
        except Exception as error:  # a damaged file must never stop the reading of the others
            raise InputError(f"cannot be read ({type(error).__name__}: {error})", where=file.path) from error


def number_rows(
    where: Path,
    text: str,
    width: int,
    *,
    columns: Sequence[int] = (),
    delimiter: str | None = None,
    header: int = 0,
) -> np.ndarray:
    """The numbers in each line of `text`, as float64 `(line, column)`.

    Args:
        where: the file, for messages.
        text: its content.
        width: how many columns a line has.
        columns: places of those that are wanted; all if not given.
        delimiter: between columns; white space if not given.
        header: how many lines come before the numbers.

    Raises:
        InputError: there is no line, a line has too few columns (or too many, if all are wanted), or a cell is not
            a number.
    """
    lines = text.splitlines()
    if not any(line.strip() for line in lines[header:]):
        raise InputError("no line of numbers in it", where=where, expected=f"lines of {width} numbers")
    try:
        values = np.loadtxt(
            lines,
            delimiter=delimiter,
            comments=None,
            skiprows=header,
            usecols=columns or None,
            ndmin=2,
        )
        if columns or values.shape[1] == width:
            return values
        problem = "wrong number of columns"
    except ValueError as error:
        problem = f"not rows of numbers ({error})"
    for number, line in enumerate(lines, start=1):  # slower, to say which line it is
        cells, at = line.split(delimiter), f"{where}, line {number}"
        if number <= header or not line.strip():
            continue
        if len(cells) != width:
            raise InputError("wrong number of columns", where=at, expected=width, got=len(cells))
        if bad := [cell for cell in (cells[c] for c in columns or range(width)) if not is_number(cell)]:
            raise InputError("not a number", where=at, got=repr(bad[0]))
    raise InputError(problem, where=where)


def is_number(text: str) -> bool:
    """Whether `text` is a number, as `float` reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def kinect_recording(
    file: RawFile,
    values: np.ndarray,
    joints: tuple[str, ...],
    *,
    fps: float | None = None,
) -> SkeletonSequence:
    """One person in front of Kinect v1, named after the file.

    Kinect writes exactly (0, 0, 0), the place of the camera itself, for a joint it lost: that is unobserved.

    Args:
        file: that the values are from.
        values: `(frame, joint, 3)` in metres.
        joints: names of the joints in the order of `values`.
        fps: frames per second, if known.
    """
    order = [joints.index(joint) for joint in KINECT20.joints]
    positions = values[:, order]
    return SkeletonSequence.from_positions(
        positions,
        KINECT20,
        observed=(positions != 0).any(-1),
        name=file.path.stem,
        fps=fps,
    )
