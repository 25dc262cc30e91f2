"""A long table for one's own data, as CSV or Parquet: one line a joint, of any number of recordings and persons.

```
recording,frame,person,joint,x,y,z,confidence,label,subject
clip1,0,0,left_wrist,0.31,1.02,2.4,1,wave,anna
```
Only `frame`, `joint`, `x` and `y` must be there: without `recording` the file is one, called after it, and
without `person` there is one person. A `z` that is empty throughout a recording is as good as none. Further
columns (`label`; `layout`, `unit` and `fps`; any other is a tag) hold one value a recording. Columns are divided
by commas, semicolons or tabs; case and spaces in their names do not matter, and names of joints may be joined up
in any way. A joint is unobserved where its line is absent, a coordinate is empty or `nan`, or the confidence is 0.
Without a layout, the smallest built-in one that has all joints of the file is taken, of several the first in
`LAYOUTS`. Without a unit, 3D is in metres and 2D in pixels. The lines of a recording follow each other, frames may
start at any number, and the file is read in blocks.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import Lines, ReadLines, column_names, delimiter_of, read_csv
from skeletonmae.formats.decoders.parquet_table import MAGIC, read_parquet
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.joint_names import normalize_joint_name
from skeletonmae.formats.table_recording import TableRecording
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, VOCABULARY, Skeleton
from skeletonmae.skeletons.derived import suggest


def _parse(file: InputFile, options: ReadOptions, read: ReadLines) -> Iterator[SkeletonSequence]:
    layout = options.layout or _layout_of(file, read)
    cuts = (cut for block in read(file, ()) for cut in block.by_recording(file.path.stem))
    seen: set[str] = set()
    recording: TableRecording | None = None
    for name, lines in cuts:
        if recording is None or recording.name != name:
            if recording:
                yield recording.sequence()
            if name in seen:
                where = f"{file.path}, line {lines.number[0]}"
                raise InputError(f"the lines of recording {name!r} do not follow each other", where=where)
            seen.add(name)
            recording = TableRecording(file.path, name, layout or _said_layout(file.path, lines))
        recording.add(lines)
    if recording is None:
        raise InputError("there is no line after the header", where=file.path)
    yield recording.sequence()


def _said_layout(path: Path, lines: Lines) -> Skeleton:
    name = str(lines.columns["layout"][0]).strip()
    if name not in LAYOUTS:
        problem = f"unknown layout{suggest(name, LAYOUTS)}"
        expected = f"{', '.join(LAYOUTS)}, or --layout my.yaml"
        raise InputError(problem, where=f"{path}, line {lines.number[0]}", expected=expected, got=name)
    return LAYOUTS[name]


def _layout_of(file: InputFile, read: ReadLines) -> Skeleton | None:
    """The smallest built-in layout with all joints of the file; None if a column says the layout."""
    first: dict[str, int] = {}
    try:
        for block in read(file, ("joint", "layout")):
            if "layout" in block.columns:
                return None
            joints = list(block.columns["joint"])
            for raw_names in dict.fromkeys(joints):
                first.setdefault(normalize_joint_name(raw_names), block.number[joints.index(raw_names)])
            if len(first) > MAX_JOINTS:
                break
    except InputError:
        if not first:
            raise  # else it will be met again, after the recordings before it
    if unknown := [joint for joint in first if joint not in VOCABULARY]:
        problem = f"{unknown[0]!r} is not a joint of a built-in layout{suggest(unknown[0], VOCABULARY)}"
        raise InputError(
            problem, where=f"{file.path}, line {first[unknown[0]]}", expected=_how_to_say(list(first))
        )
    fitting = [layout for layout in LAYOUTS.values() if first.keys() <= layout.index.keys()]
    if not fitting:
        raise InputError("no built-in layout has all joints", where=file.path, expected=_how_to_say(list(first)))
    return min(fitting, key=lambda layout: layout.num_joints)


def _how_to_say(joints: list[str]) -> str:
    """What to do about joints that no layout has."""
    shown, parents = json.dumps(joints[:30]), json.dumps(dict.fromkeys(joints[1:30], joints[0]))
    return (
        "joints of a built-in layout, or --layout my.yaml with all joints and what each hangs on:\n"
        f"name: mine\njoints: {shown}\nparents: {parents}\n"
    )


def _parse_csv(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    return _parse(file, options, read_csv)


def _parse_parquet(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    return _parse(file, options, read_parquet)


def _claims_csv(head: bytes) -> bool:
    line = head.decode("utf-8-sig", "replace").split("\n", 1)[0]
    try:
        column_names(Path(), next(csv.reader([line], delimiter=delimiter_of(line))))
    except (InputError, csv.Error, StopIteration):
        return False
    return True


def _claims_parquet(head: bytes) -> bool:
    return head.startswith(MAGIC)


_COLUMNS = "[recording,]frame,[person,]joint,x,y[,z][,confidence][,label][,...]"
TABLE = Format("table", f"long CSV: {_COLUMNS}", (".csv", ".tsv", ".txt"), _claims_csv, _parse_csv)
PARQUET = Format("parquet", f"long Parquet: {_COLUMNS}", (".parquet",), _claims_parquet, _parse_parquet)
