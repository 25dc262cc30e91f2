"""A long CSV for one's own data: one line a joint, of any number of recordings and persons.

```
recording,frame,person,joint,x,y,z,confidence,label,subject
clip1,0,0,left_wrist,0.31,1.02,2.4,1,wave,anna
```
`z` and `confidence` may be absent; further columns (`label`; `layout`, `unit` and `fps`; any other is a tag)
hold one value a recording. Joints are called as in the package's vocabulary. Without a layout, the smallest
built-in layout that has all joints of the file is taken. A joint is unobserved where its line is absent, a
coordinate is empty or `nan`, or the confidence is 0. The lines of a recording follow each other, frames may
start at any number, and the file is read a recording at a time.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.format import Format, is_number
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, VOCABULARY, Skeleton

NEEDED = ("recording", "frame", "person", "joint", "x", "y")
NUMBERS = ("frame", "x", "y", "z", "confidence")
SETTINGS = ("label", "layout", "unit", "fps")
ROOM = 1_000_000, 1_000
"""Array cells a recording may take in any case, and for each of its lines; more is a wrong frame number."""

Line = tuple[int, list[str]]


def read_table(path: Path, *, layout: str | None = None, unit: str | None = None) -> Iterator[SkeletonSequence]:
    """The recordings of a long CSV (see the module).

    Args:
        path: the file, UTF-8 with a header.
        layout: name of a built-in layout, if the file has no column `layout`.
        unit: of the coordinates, if the file has no column `unit`; metres if 3D and pixels if 2D.

    Raises:
        InputError: a column is missing, a line is not sound, or no layout has the joints.
    """
    lines = _lines(path)
    header = _header(path, lines)
    place = {name: index for index, name in enumerate(header)}
    if layout is None and "layout" not in place:
        layout = _smallest_layout(path, {line[place["joint"]] for _, line in lines})
        lines = _lines(path)
        _header(path, lines)
    seen: set[str] = set()
    for name, group in itertools.groupby(lines, key=lambda line: line[1][place["recording"]]):
        rows = list(group)
        if name in seen:
            where = f"{path}, line {rows[0][0]}"
            raise InputError(f"the lines of recording {name!r} do not follow each other", where=where)
        seen.add(name)
        yield _recording(path, name, header, rows, layout, unit)
    if not seen:
        raise InputError("there is no line after the header", where=path)


def _lines(path: Path) -> Iterator[Line]:
    """(line number, cells) of every line that is not blank."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        width = None
        try:
            for cells in reader:
                if not cells:
                    continue
                width = width or len(cells)
                if len(cells) != width:
                    where = f"{path}, line {reader.line_num}"
                    expected = f"{width} columns, as in the header"
                    raise InputError("wrong number of columns", where=where, expected=expected, got=len(cells))
                yield reader.line_num, [cell.strip() for cell in cells]
        except (csv.Error, UnicodeDecodeError) as error:
            where = f"{path}, after line {reader.line_num}"
            raise InputError(f"not CSV in UTF-8 ({error})", where=where) from error


def _header(path: Path, lines: Iterator[Line]) -> list[str]:
    header = next(lines, (0, []))[1]
    if len(set(header)) != len(header) or not set(header) >= set(NEEDED):
        expected = f"columns {', '.join(NEEDED)}, each once"
        raise InputError("not a table of recordings", where=path, expected=expected, got=header[:20])
    return header


def _smallest_layout(path: Path, joints: set[str]) -> str:
    fitting = [layout for layout in LAYOUTS.values() if joints <= layout.index.keys()]
    if not fitting:
        unknown = sorted(joints - VOCABULARY.keys())
        raise InputError(
            f"{unknown[0]!r} is not a joint of the vocabulary" if unknown else "no layout has all these joints",
            where=path,
            expected=f"joints of one of {', '.join(LAYOUTS)}, or a column 'layout'",
            got=unknown[:5] or sorted(joints),
        )
    return min(fitting, key=lambda layout: layout.num_joints).name


def _recording(
    path: Path, name: str, header: list[str], rows: list[Line], layout: str | None, unit: str | None
) -> SkeletonSequence:
    where = f"{path}, recording {name!r}"
    numbers = [number for number, _ in rows]
    columns = dict(zip(header, zip(*(cells for _, cells in rows), strict=True), strict=True))
    value = {key: _constant(where, key, columns[key]) for key in header if key not in (*NEEDED, *NUMBERS)}
    layout, unit = value.get("layout") or layout or "", value.get("unit") or unit
    if layout not in LAYOUTS:
        raise InputError("unknown layout", where=where, expected=", ".join(LAYOUTS), got=layout)
    skeleton = LAYOUTS[layout]
    column = {key: _numbers(path, key, columns[key], numbers) for key in NUMBERS if key in columns}
    axes = np.stack([column[axis] for axis in "xyz" if axis in column], axis=-1)
    seen = np.isfinite(axes).all(-1)
    if "confidence" in column:
        seen &= column["confidence"] > 0
    cells, shape = _cells(path, columns, column["frame"], numbers, skeleton)
    positions = np.full((*shape, axes.shape[1]), np.nan, dtype=np.float32)
    positions[cells] = np.where(seen[:, None], axes, np.nan)
    fps = float(_numbers(path, "fps", (value.get("fps", ""),), numbers)[0])
    if fps <= 0:
        raise InputError("fps must be more than 0", where=where, got=fps)
    return SkeletonSequence.from_positions(
        positions,
        skeleton,
        name=name,
        unit=unit or ("m" if "z" in column else "px"),
        fps=None if np.isnan(fps) else fps,
        label=value.get("label") or None,
        tags={key: text for key, text in value.items() if text and key not in SETTINGS},
    )


def _constant(where: str, key: str, texts: tuple[str, ...]) -> str:
    if len(values := set(texts)) > 1:
        raise InputError(f"column {key!r} must hold one value a recording", where=where, got=sorted(values)[:5])
    return texts[0]


def _numbers(path: Path, key: str, texts: tuple[str, ...], lines: list[int]) -> np.ndarray:
    """A column as float64, NaN where it is empty."""
    try:
        values = np.array([text or "nan" for text in texts], dtype=np.float64)
    except ValueError:
        line, text = next(
            (line, text) for line, text in zip(lines, texts, strict=False) if text and not is_number(text)
        )
        raise InputError(f"column {key!r} is not a number", where=f"{path}, line {line}", got=text) from None
    with np.errstate(over="ignore"):
        bad = np.flatnonzero(np.isinf(values.astype(np.float32)))
    if len(bad):
        where = f"{path}, line {lines[bad[0]]}"
        raise InputError(f"column {key!r} is not a finite number", where=where, got=texts[bad[0]])
    return values


def _cells(
    path: Path, columns: dict[str, tuple[str, ...]], frame: np.ndarray, lines: list[int], skeleton: Skeleton
) -> tuple[tuple[np.ndarray, ...], tuple[int, int, int]]:
    """Where in an array (person, frame, joint) each line belongs, and the shape of that array."""

    def refuse(problem: str, bad: np.ndarray, key: str, expected: str | None = None) -> InputError:
        row = int(np.flatnonzero(bad)[0])
        return InputError(problem, where=f"{path}, line {lines[row]}", expected=expected, got=columns[key][row])

    if (bad := ~(frame == np.floor(frame))).any():
        raise refuse("a frame is not a whole number", bad, "frame")
    joint = np.array([skeleton.index.get(name, -1) for name in columns["joint"]])
    if (bad := joint < 0).any():
        raise refuse(f"not a joint of {skeleton.name}", bad, "joint", ", ".join(skeleton.joints))
    persons, person = np.unique(np.array(columns["person"]), return_inverse=True)
    start = frame.min()
    shape = (len(persons), int(frame.max() - start) + 1, skeleton.num_joints)
    if shape[0] * shape[1] * shape[2] > ROOM[0] + ROOM[1] * len(frame):
        got = f"{len(frame)} lines for {shape[0]} persons in {shape[1]} frames"
        raise refuse(f"a frame number is far too large: {got}", frame == frame.max(), "frame")
    cells = (person, (frame - start).astype(np.int64), joint)
    flat = np.ravel_multi_index(cells, shape)
    first = np.zeros(len(flat), dtype=bool)
    first[np.unique(flat, return_index=True)[1]] = True
    if not first.all():
        raise refuse("the joint is there twice in this frame of this person", ~first, "joint")
    return cells, shape


def _claims(head: bytes) -> bool:
    first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    names = {name.strip(b' "\r').decode("utf-8", "replace") for name in first.split(b",")}
    return names >= set(NEEDED)


TABLE = Format(
    "table",
    "long CSV: recording,frame,person,joint,x,y[,z][,confidence][,label][,...]",
    ".csv",
    _claims,
    read_table,
)
