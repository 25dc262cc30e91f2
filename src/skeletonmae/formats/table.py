"""Tables with one line per joint, as CSV or Parquet, for any number of recordings and persons.

```
recording,frame,person,joint,x,y,z,confidence,label,subject
clip1,0,0,left_wrist,-0.31,1.02,2.4,1,wave,anna
```
Only `frame`, `joint`, `x` and `y` are required; other usual names are understood (`csv_table.OTHER_NAMES`), and a
column of times stands in for the frames. Without `recording` the file is one recording, named after the
file; without `person` there is one person. A `z` that is empty throughout a recording counts as missing. Further
columns (`label`; `layout`, `unit` and `fps`; any other is a tag) hold one value per recording. The delimiter is a
comma, a semicolon or a tab; case and spaces in column names do not matter, and joint names may have any of the
spellings in `skeletons.aliases`. A joint is unobserved where its line is missing, a coordinate is empty or `nan`,
the confidence is 0, the visibility below 0.5 or the likelihood below 0.6. The default layout is the smallest
built-in one that has all joints of the file, and of several the first in `LAYOUTS`; if these are less than half of
its joints, they are a layout of their own, as they are in wide tables and arrays. The default unit is meters in
3D and pixels in 2D, except for MediaPipe's landmarks with a column `visibility` (`wide_coordinates`). The lines of
a recording are consecutive, its frame numbers may start anywhere, and the file is read in blocks.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import ReadBlocks, TableBlock, delimiter_of, is_long_table, read_csv
from skeletonmae.formats.decoders.parquet_table import MAGIC, read_parquet
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.joint_names import JointLookup, joint_indices, normalize_joint_name
from skeletonmae.formats.named_skeletons import skeleton_from_names
from skeletonmae.formats.table_recording import TableRecording
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, VOCABULARY, Skeleton
from skeletonmae.skeletons.aliases import canonical_joint_names
from skeletonmae.skeletons.derived import suggest
from skeletonmae.skeletons.plausible_tree import suggested_layout


def _parse(file: InputFile, options: ReadOptions, read: ReadBlocks) -> Iterator[SkeletonSequence]:
    first_lines = _joint_names(file, read)
    layout = options.layout or (_layout_of(file, first_lines) if first_lines else None)
    lookups: dict[str, JointLookup] = {}
    names: set[str] = set()
    recording: TableRecording | None = None
    for block in read(file, ()):
        for name, lines in block.by_recording(file.path.stem):
            if recording is None or recording.name != name:
                if recording:
                    yield recording.sequence()
                if name in names:
                    where = f"{file.path}, line {lines.line_numbers[0]}"
                    raise InputError(f"the lines of recording {name!r} are not consecutive", where=where)
                names.add(name)
                declared = layout or _declared_layout(file.path, lines)
                if declared.name not in lookups:
                    lookups[declared.name] = _lookup(declared, list(first_lines))
                recording = TableRecording(file.path, name, declared, lookups[declared.name], options)
            recording.add(lines)
    if recording is None:
        raise InputError("there is no line after the header", where=file.path)
    yield recording.sequence()


def _declared_layout(path: Path, lines: TableBlock) -> Skeleton:
    name = str(lines.columns["layout"][0]).strip()
    if name not in LAYOUTS:
        problem = f"unknown layout{suggest(name, LAYOUTS)}"
        expected = f"{', '.join(LAYOUTS)}, or --layout my.yaml"
        raise InputError(problem, where=f"{path}, line {lines.line_numbers[0]}", expected=expected, got=name)
    return LAYOUTS[name]


def _joint_names(file: InputFile, read: ReadBlocks) -> dict[str, int]:
    """Joint name -> the first line that has it; empty if a column declares the layout."""
    first_lines: dict[str, int] = {}
    try:
        for block in read(file, ("joint", "layout")):
            if "layout" in block.columns:
                return {}
            joints = list(block.columns["joint"])
            for joint in dict.fromkeys(joints):
                first_lines.setdefault(joint, block.line_numbers[joints.index(joint)])
            if len(first_lines) > MAX_JOINTS:
                break
    except InputError:
        if not first_lines:
            raise  # otherwise it is met again, after the recordings before it
    return first_lines


def _lookup(layout: Skeleton, names: list[str]) -> JointLookup:
    """Find all names of the file together: the same joint may be spelled in several ways."""
    lookup = JointLookup(layout)
    spellings = list(dict.fromkeys(map(normalize_joint_name, names)))
    indices = dict(zip(spellings, joint_indices(layout, spellings).tolist(), strict=True))
    lookup.update({name: layout.index.get(name, indices[normalize_joint_name(name)]) for name in names})
    return lookup


def _layout_of(file: InputFile, first_lines: dict[str, int]) -> Skeleton:
    """The smallest built-in layout with all joints of the file, or their own if it has more than twice as many."""
    lines: dict[str, int] = {}
    for name, line in first_lines.items():
        lines.setdefault(normalize_joint_name(name), line)
    joints = dict(zip(canonical_joint_names(list(lines)), lines.values(), strict=True))
    if unknown := next((joint for joint in joints if joint not in VOCABULARY), None):
        problem = f"{unknown!r} is not a joint of a built-in layout{suggest(unknown, VOCABULARY)}"
        raise InputError(
            problem, where=f"{file.path}, line {joints[unknown]}", expected=_how_to_declare(list(joints))
        )
    layouts = [layout for layout in LAYOUTS.values() if joints.keys() <= layout.index.keys()]
    if not layouts:
        raise InputError(
            "no built-in layout has all joints", where=file.path, expected=_how_to_declare(list(joints))
        )
    smallest = min(layouts, key=lambda layout: layout.num_joints)
    if 2 * len(joints) >= smallest.num_joints:
        return smallest
    return skeleton_from_names(file, f"table{len(joints)}", [joint for joint in VOCABULARY if joint in joints])


def _how_to_declare(joints: list[str]) -> str:
    """How to declare joints that no built-in layout has."""
    return (
        "joints of a built-in layout, or --layout my.yaml with all joints and their parents, such as (check the "
        f"parents):\n{suggested_layout('mine', joints[:30])}"
    )


def _parse_csv(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    return _parse(file, options, read_csv)


def _parse_parquet(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    return _parse(file, options, read_parquet)


def _sniff_csv(head: bytes) -> bool:
    line = head.decode("utf-8-sig", "replace").split("\n", 1)[0]
    try:
        names = next(csv.reader([line], delimiter=delimiter_of(line)), [])
    except csv.Error:
        return False
    return is_long_table(names)


def _sniff_parquet(head: bytes) -> bool:
    return head.startswith(MAGIC)


_COLUMNS = "[recording,]frame,[person,]joint,x,y[,z][,confidence][,label][,...]"
TABLE = Format("table", f"CSV, a line per joint: {_COLUMNS}", (".csv", ".tsv", ".txt"), _sniff_csv, _parse_csv)
PARQUET = Format("parquet", f"Parquet, a row per joint: {_COLUMNS}", (".parquet",), _sniff_parquet, _parse_parquet)
