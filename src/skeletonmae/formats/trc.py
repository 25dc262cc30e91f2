"""TRC (track row column): markers in 3D, one line per frame, as OpenSim, Pose2Sim and Motion Analysis write them.

```
PathFileType  4         (X/Y/Z)    walk.trc
DataRate      CameraRate  NumFrames  NumMarkers  Units  OrigDataRate  OrigDataStartFrame  OrigNumFrames
60            60        2          2           m      60            0                   2
Frame#        Time      RHip                         RKnee
                        X1         Y1          Z1     X2            Y2                  Z2
1             0.000     0.1        0.9         -1.4   ...
```
Columns are separated by tabs or commas. A marker is unobserved where its cells are empty or NaN, or all three are
exactly 0, as some converters write lost markers. The axes are right-handed with y up (OpenSim's convention); they
are turned by half a turn about y, like those of BVH. Millimeters and centimeters become meters. The joints are
those of the file; names that `skeletons.aliases` knows become the vocabulary's, and the tree is a plausible one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import turn_about_y
from skeletonmae.formats.decoders.csv_table import check_columns
from skeletonmae.formats.decoders.text_numbers import MISSING_WORDS, is_number
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_numbers import FrameNumbering, is_frame_number
from skeletonmae.formats.length_units import METERS_PER_UNIT
from skeletonmae.formats.named_skeletons import layout_from_names, named_recording
from skeletonmae.limits import MAX_JOINTS, check_density
from skeletonmae.sequences import SkeletonSequence

MAGIC = b"PathFileType"
NUM_HEADER_LINES = 5
EXPECTED = (
    "five header lines: PathFileType, names of settings, their values, names of markers, and X1, Y1, Z1, ..."
)


@dataclass(frozen=True)
class _Header:
    markers: tuple[str, ...]
    columns: tuple[int, ...]
    fps: float | None
    unit: str
    num_frames: str
    delimiter: str


def _sniff(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(MAGIC)


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    lines = file.text().splitlines()
    header = _header(file, lines)
    numbers, positions = _rows(file, lines, header)
    if len(np.unique(numbers)) < len(numbers):
        raise InputError("a frame is duplicated", where=file.path)
    is_zero = (positions == 0).all(-1)
    positions[is_zero] = np.nan
    scale = 1.0 if options.unit else METERS_PER_UNIT.get(header.unit.lower(), 1.0)
    unit = "m" if header.unit.lower() in METERS_PER_UNIT else "unknown"
    skeleton, joint_order = layout_from_names(file, f"trc{len(header.markers)}", header.markers)
    numbering = FrameNumbering.of(numbers)
    frame = numbering.index(numbers)
    shape = (1, int(frame.max()) + 1, skeleton.num_joints)
    check_density(file.path, shape, positions[..., 0].size)
    placed = np.full((*shape, 3), np.nan, dtype=np.float32)
    with np.errstate(over="ignore"):
        placed[0, frame[:, None], joint_order] = (positions if options.up else turn_about_y(positions)) * scale
    notes = list(numbering.notes)
    if is_zero.any():
        notes.append(f"{is_zero.sum()} marker positions are exactly (0, 0, 0) and count as unobserved")
    if is_number(header.num_frames) and float(header.num_frames) > len(numbers):
        notes.append(f"the header declares {header.num_frames} frames, but the file has {len(numbers)}")
    if unit == "unknown" and not options.unit:
        notes.append(f"the unit {header.unit!r} is not known; state it with --unit")
    raw_names = [""] * len(header.markers)
    for name, index in zip(header.markers, joint_order.tolist(), strict=True):
        raw_names[index] = name
    yield named_recording(
        file,
        skeleton,
        raw_names,
        placed,
        options,
        name=file.path.stem,
        unit=unit,
        fps=numbering.fps(header.fps),
        notes=tuple(notes),
    )


def _header(file: InputFile, lines: Sequence[str]) -> _Header:
    if len(lines) < NUM_HEADER_LINES or not lines[0].strip().startswith(MAGIC.decode()):
        raise InputError("not a TRC file, or truncated", where=file.path, expected=EXPECTED)
    delimiter = max("\t,", key=lines[3].count)
    check_columns(file.path, lines[3].count(delimiter))
    keys = [cell.strip().lower() for cell in lines[1].split(delimiter) if cell.strip()]
    values = [cell.strip() for cell in lines[2].split(delimiter)]
    filled = [value for value in values if value]  # some writers double the delimiters
    settings = dict(zip(keys, filled if len(filled) == len(keys) else values, strict=False))
    cells = [cell.strip() for cell in lines[3].split(delimiter)]
    if not cells[0].lower().startswith("frame") or [cell.lower() for cell in cells[1:2]] != ["time"]:
        where = f"{file.path}, line 4"
        raise InputError(
            "not the names of markers", where=where, expected="Frame#, Time, and names", got=lines[3][:80]
        )
    named = [(column, cell) for column, cell in enumerate(cells) if cell and column >= 2]
    markers = tuple(cell for _, cell in named)
    if not 0 < len(markers) <= MAX_JOINTS:
        expected = f"1 to {MAX_JOINTS}"
        raise InputError("impossible number of markers", where=file.path, expected=expected, got=len(markers))
    is_spaced = all((column - 2) % 3 == 0 for column, _ in named)  # some writers leave no room for y and z
    columns = tuple(column for column, _ in named) if is_spaced else tuple(range(2, 2 + 3 * len(markers), 3))
    declared = settings.get("nummarkers", "")
    if is_number(declared) and float(declared) != len(markers):
        raise InputError(
            "wrong number of markers", where=f"{file.path}, line 4", expected=declared, got=len(markers)
        )
    rate = settings.get("datarate", "")
    fps = float(rate) if is_number(rate) and 0 < float(rate) < np.inf else None
    return _Header(markers, columns, fps, settings.get("units", ""), settings.get("numframes", ""), delimiter)


def _rows(file: InputFile, lines: Sequence[str], header: _Header) -> tuple[np.ndarray, np.ndarray]:
    """Frame numbers, and positions `(frame, marker, 3)` with NaN where a marker is lost."""
    width = header.columns[-1] + 3
    rows = []
    for number, line in enumerate(lines[NUM_HEADER_LINES:], start=NUM_HEADER_LINES + 1):
        cells = [cell.strip() for cell in line.split(header.delimiter)]
        if not any(cells):
            continue
        if any(cells[width:]):
            where = f"{file.path}, line {number}"
            raise InputError("wrong number of columns", where=where, expected=width, got=len(cells))
        values = ["nan" if cell.lower() in MISSING_WORDS else cell for cell in cells[:width]]
        try:
            rows.append([*map(float, values), *(float("nan"),) * (width - len(values))])
        except ValueError:
            got = next(cell for cell in values if not is_number(cell))
            raise InputError("not a number", where=f"{file.path}, line {number}", got=got) from None
    if not rows:
        raise InputError("it has no frame", where=file.path)
    table = np.array(rows)
    frame = table[:, 0]
    if not is_frame_number(frame).all():
        raise InputError("a frame number is not a whole number", where=file.path, expected="Frame# in column 1")
    columns = np.array(header.columns)[:, None] + np.arange(3)
    return frame.astype(np.int64), table[:, columns]


TRC = Format("trc", "TRC: markers in 3D, as OpenSim and Pose2Sim write them", (".trc",), _sniff, _parse)
