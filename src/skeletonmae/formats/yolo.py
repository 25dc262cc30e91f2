"""Poses of Ultralytics YOLO: text with one file per frame (`save_txt`), and JSON (`Results.to_json`).

A line of text is a person: class, box (x, y, width, height), x, y and confidence of each joint in normalized image
coordinates, then, if they were saved, the confidence of the box and the track id
(`Results.save_txt`). A frame in which nobody was found has no file. Labels for training have the same form, with a
visibility of 0, 1 or 2 in place of the confidence. Keypoints without a confidence are x and y alone.

JSON is a list of persons, `{"class", "box", "track_id"?, "keypoints": {"x": [...], "y": [...], "visible": [...]}}`
for each frame: one file per frame, or a list or lines of such lists. Coordinates are pixels, or normalized image
coordinates.

Ultralytics sets a joint with a confidence below 0.5 to (0, 0): that is unobserved, and so is a confidence of 0.
The 17 joints are COCO's; custom models have others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import describe, json_list, json_object, number_array, read_json
from skeletonmae.formats.decoders.text_numbers import is_number
from skeletonmae.formats.files import HEAD_BYTES, InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_files import numbered_frame_files
from skeletonmae.formats.image_units import image_unit
from skeletonmae.formats.layout_by_shape import joints_of_body
from skeletonmae.formats.person_tracking import Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17

BOX = 5
"""Values before the joints: the class and the box."""
JOINT_COUNTS = (17, 21, 26, 33)
EXPECTED_LINE = "class, box, x y confidence of each joint, then a confidence and a track id or neither"
EXPECTED_JSON = "persons with 'keypoints' as {'x': [...], 'y': [...], 'visible': [...]}"

JSON_PERSON = re.compile(rb"^(?:\xef\xbb\xbf)?[\s\[\],]*\{\s*\"(?:name|class)\"\s*:")
JSON_FRAME = re.compile(rb"^(?:\xef\xbb\xbf)?\s*\[\s*\{")
JSON_POINTS = re.compile(rb"\"keypoints\"\s*:\s*\{\s*\"x\"\s*:")


class Line(NamedTuple):
    """How the values of a line are divided: joints, values per joint, and what follows them."""

    num_joints: int
    width: int
    extra: int


def _lines_of(num_values: int, joint_counts: tuple[int, ...]) -> list[Line]:
    """The ways to divide a line, those with a confidence per joint first."""
    return [
        Line(count, width, extra)
        for width in (3, 2)
        for count in joint_counts
        if 0 <= (extra := num_values - BOX - count * width) <= 2
    ]


def _sniff_text(head: bytes) -> bool:
    line, newline, _ = head.partition(b"\n")
    cells = line.decode("ascii", "replace").split()
    if (not newline and len(head) == HEAD_BYTES) or not _lines_of(len(cells), JOINT_COUNTS):
        return False
    box = cells[1:BOX]
    return cells[0].isdecimal() and all(map(is_number, cells)) and all(0 <= float(value) <= 1 for value in box)


def _sniff_text_frame(head: bytes) -> bool:
    """A frame, or a file without a line: an image in which nobody was labeled."""
    return not head or _sniff_text(head)


def _sniff_json(head: bytes) -> bool:
    return bool(JSON_PERSON.match(head) and JSON_POINTS.search(head))


def _sniff_json_frame(head: bytes) -> bool:
    return _sniff_json(head) and JSON_FRAME.match(head) is not None


def _parse_text(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    rows = {number: _rows(frame_file) for number, frame_file in numbered_frame_files(file).items()}
    widths = sorted({len(row) for frame in rows.values() for row in frame})
    counts = (options.layout.num_joints,) if options.layout else JOINT_COUNTS
    if len(widths) not in (1, 2) or widths[-1] - widths[0] > 1 or not (lines := _lines_of(widths[0], counts)):
        raise InputError("wrong number of values", where=file.path, expected=EXPECTED_LINE, got=widths)
    line = lines[0]
    tracked_width = widths[-1] if len(widths) == 2 or _ends_with_track_ids(rows, line) else None
    notes: tuple[str, ...] = ()
    poses: dict[int, list[Pose]] = {}
    for number, frame in rows.items():
        distinct = list(dict.fromkeys(map(tuple, frame)))
        if len(distinct) < len(frame):
            notes = ("lines that a second run had appended again were left out",)
        poses[number] = [_pose_of_row(np.array(row), line, len(row) == tracked_width) for row in distinct]
    yield _recording(file, poses, options, "image", notes)


def _ends_with_track_ids(rows: dict[int, list[list[float]]], line: Line) -> bool:
    """Whether the last value is a track id, a whole number from 1 on, and not the confidence of the box."""
    last = np.array([row[-1] for frame in rows.values() for row in frame])
    return line.extra == 2 or (line.extra == 1 and bool((last == last.round()).all() and (last >= 1).all()))


def _rows(file: InputFile) -> list[list[float]]:
    rows: list[list[float]] = []
    for number, text in enumerate(file.text().splitlines() if file.size else (), start=1):
        cells = text.split()
        if bad := [cell for cell in cells if not is_number(cell)]:
            raise InputError("not a number", where=f"{file.path}, line {number}", got=repr(bad[0][:40]))
        if cells:
            rows.append([float(cell) for cell in cells])
    return rows


def _pose_of_row(row: np.ndarray, line: Line, is_tracked: bool) -> Pose:
    joints = row[BOX : BOX + line.num_joints * line.width].reshape(line.num_joints, line.width)
    return _pose(joints, int(row[-1]) if is_tracked and abs(row[-1]) < 2**53 else -1)


def _pose(joints: np.ndarray, person: int) -> Pose:
    """A person from (joint, x y confidence), or x and y alone."""
    observed = (joints[:, :2] != 0).any(1)
    if joints.shape[1] == 3:
        observed &= joints[:, 2] > 0
    return Pose(joints[:, :2], observed, person)


def _parse_json(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    files = numbered_frame_files(file)
    if file.frame_files and len(_json_frames(file.frame_files[0])) > 1:  # numbered videos
        for video in files.values():
            try:
                yield _json_recording(video, dict(enumerate(_json_frames(video))), options)
            except InputError as error:
                options.on_error(error)
    elif file.frame_files:
        frames: dict[int, Any] = {}
        for number, image in files.items():
            in_image = _json_frames(image)
            if len(in_image) != 1:
                raise InputError("not a single frame, as in the first file", where=image.path, got=len(in_image))
            frames[number] = in_image[0]
        yield _json_recording(file, frames, options)
    else:
        yield _json_recording(file, dict(enumerate(_json_frames(file))), options)


def _json_frames(file: InputFile) -> list[Any]:
    content = json_list(read_json(file, lines=True), file.path, EXPECTED_JSON)
    is_frame = bool(content) and all(isinstance(person, dict) for person in content)
    return [content] if is_frame else content


def _json_recording(file: InputFile, frames: dict[int, Any], options: ReadOptions) -> SkeletonSequence:
    poses: dict[int, list[Pose]] = {}
    for number, frame in frames.items():
        where = f"{file.path}, frame {number}"
        persons = json_list(_parsed(frame, where), where, EXPECTED_JSON)
        in_frame = [_pose_of_object(person, f"{where}, person {i}") for i, person in enumerate(persons)]
        poses[number] = [pose for pose in in_frame if pose is not None]
    xy = [pose.positions[pose.observed] for in_frame in poses.values() for pose in in_frame]
    unit = image_unit(np.concatenate(xy)) if xy else "px"
    return _recording(file, poses, options, unit, ())


def _parsed(frame: Any, where: str) -> Any:
    """A frame, which may be JSON text within JSON."""
    if not isinstance(frame, str):
        return frame
    try:
        return json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON ({error})", where=where, expected=EXPECTED_JSON) from error


def _pose_of_object(person: Any, where: str) -> Pose | None:
    """A person; None of a detection without keypoints."""
    values = json_object(person, where, EXPECTED_JSON)
    keypoints = values.get("keypoints")
    if keypoints is None:
        return None
    points = json_object(keypoints, where, EXPECTED_JSON)
    columns = [number_array(points.get(key), 1, where, EXPECTED_JSON)[:, 0] for key in ("x", "y")]
    if points.get("visible") is not None:
        columns.append(number_array(points["visible"], 1, where, EXPECTED_JSON)[:, 0])
    if len({len(column) for column in columns}) != 1:
        got = ", ".join(str(len(column)) for column in columns)
        raise InputError("x, y and visible have different lengths", where=where, expected=EXPECTED_JSON, got=got)
    track_id = values.get("track_id")
    if track_id is not None and not isinstance(track_id, int | float):
        raise InputError("not a track id", where=where, expected="a number", got=describe(track_id))
    return _pose(np.stack(columns, axis=1), parse_person_id(track_id))


def _recording(
    file: InputFile, poses: dict[int, list[Pose]], options: ReadOptions, unit: str, notes: tuple[str, ...]
) -> SkeletonSequence:
    body, skeleton, layout_notes = joints_of_body(poses, file.path, COCO17, options.layout)
    name = file.path.name if file.frame_files else file.path.stem
    all_notes = (*notes, *layout_notes)
    return recording_from_poses(body, skeleton, 2, where=file.path, name=name, unit=unit, notes=all_notes)


YOLO_TXT = Format(
    "yolo_txt",
    "Ultralytics YOLO text (save_txt): one file per frame; 17 or more joints in 2D, several persons",
    (".txt",),
    _sniff_text,
    _parse_text,
    _sniff_text_frame,
)
YOLO_JSON = Format(
    "yolo_json",
    "Ultralytics YOLO JSON (to_json): one file per frame, or a list of frames; 17 or more joints in 2D",
    (".json", ".jsonl"),
    _sniff_json,
    _parse_json,
    _sniff_json_frame,
)
