"""What a file format is, and the checks that every reader shares."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20

HEAD_BYTES = 4096


@dataclass(frozen=True)
class Format:
    """One file format.

    Args:
        name: what it is called in `FORMATS`.
        describe: one line for the list of formats.
        suffix: what its files' names end in, with the dot.
        claims: whether the first `HEAD_BYTES` bytes of a file look like this format; never raises.
        parse: the recordings of a file; raises `InputError` for whatever is wrong with it.
    """

    name: str
    describe: str
    suffix: str
    claims: Callable[[bytes], bool]
    parse: Callable[[Path], Iterator[SkeletonSequence]]

    def matches(self, path: Path) -> bool:
        """Whether `path` is a file whose first bytes look like this format."""
        try:
            with path.open("rb") as file:
                return self.claims(file.read(HEAD_BYTES))
        except OSError:
            return False

    def read(self, path: Path) -> Iterator[SkeletonSequence]:
        """The recordings in `path`, one at a time.

        Raises:
            InputError: the file is missing, damaged, or of another format.
        """
        try:
            yield from self.parse(path)
        except InputError:
            raise
        except Exception as error:  # a damaged file must never stop the reading of the others
            raise InputError(f"cannot be read ({type(error).__name__}: {error})", where=path) from error


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        InputError: it is empty or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte {error.object[error.start]:#04x} at {error.start}"
        raise InputError("not a text file", where=path, expected="UTF-8", got=got) from error
    if not text.strip():
        raise InputError("the file is empty", where=path)
    return text


def number_rows(
    path: Path,
    text: str,
    width: int,
    *,
    columns: Sequence[int] = (),
    delimiter: str | None = None,
    header: int = 0,
) -> np.ndarray:
    """The numbers in each line of `text`, as float64 `(line, column)`.

    Args:
        path: of the file, for messages.
        text: its content.
        width: how many columns a line has.
        columns: places of those that are wanted; all if not given.
        delimiter: between columns; white space if not given.
        header: how many lines come before the numbers.

    Raises:
        InputError: a line has too few columns (or too many, if all are wanted), or a cell is not a number.
    """
    try:
        values = np.loadtxt(
            io.StringIO(text),
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
    for number, line in enumerate(io.StringIO(text), start=1):  # slower, to say which line it is
        cells, where = line.split(delimiter), f"{path}, line {number}"
        if number <= header or not line.strip():
            continue
        if len(cells) != width:
            raise InputError("wrong number of columns", where=where, expected=width, got=len(cells))
        if bad := [cell for cell in (cells[c] for c in columns or range(width)) if not is_number(cell)]:
            raise InputError("not a number", where=where, got=repr(bad[0]))
    raise InputError(problem, where=path)


def is_number(text: str) -> bool:
    """Whether `text` is a number, as `float` reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def kinect_recording(
    path: Path,
    values: np.ndarray,
    joints: tuple[str, ...],
    *,
    fps: float | None = None,
) -> SkeletonSequence:
    """One person in front of Kinect v1, named after the file.

    Kinect writes exactly (0, 0, 0), the place of the camera itself, for a joint it lost: that is unobserved.

    Args:
        path: of the file the values are from.
        values: `(frame, joint, 3)` in metres.
        joints: names of the joints in the order of `values`.
        fps: frames per second, if known.

    Raises:
        InputError: a value is not finite in float32.
    """
    with np.errstate(over="ignore"):
        positions = values[:, [joints.index(joint) for joint in KINECT20.joints]].astype(np.float32)
    if not (finite := np.isfinite(positions)).all():
        frame, joint, _ = np.argwhere(~finite)[0]
        where = f"{path}, frame {frame}, {KINECT20.joints[joint]}"
        raise InputError("a coordinate is not a finite number", where=where, got=positions[frame, joint])
    return SkeletonSequence.from_positions(
        positions,
        KINECT20,
        observed=(positions != 0).any(-1),
        name=path.stem,
        fps=fps,
    )
