"""OpenPose: a folder with one JSON file per frame, whose names carry the frame number.

`{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, confidence, ...], ...}]}`, as OpenPose's
`--write_json` writes it (its document "Output format") and, under other names, rtmlib, Pose2Sim, Sports2D and
AlphaPose (`--format open`, which also writes all frames into one object, keyed by image), and ControlNet's
editors, which put one frame or several into a list. The number of values per person gives the layout; BODY_25
and BODY_25B, both with 25 joints, are told apart by their bone lengths. A joint with confidence 0, or whose
values are not numbers, is unobserved. If a person of the recording has `pose_keypoints_3d` (x, y, z,
confidence), those are read instead of the image coordinates: their axes are a camera's, x right and y down, and
are rotated by half a turn about z. Face and hands are not read, which the report says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import turn_y_down
from skeletonmae.formats.decoders.json_text import describe, json_list, json_object, number_array, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_files import number_frames, numbered_frame_files
from skeletonmae.formats.layout_by_shape import joints_of_body
from skeletonmae.formats.person_tracking import Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS

EXPECTED = "{'people': [{'pose_keypoints_2d': [x, y, confidence of each joint]}, ...]}"
DEFAULT_LAYOUT = LAYOUTS["openpose25"]
UNREAD = tuple(f"{part}_keypoints_{axes}" for part in ("face", "hand_left", "hand_right") for axes in ("2d", "3d"))
"""Sets of keypoints that are not read."""

Person = tuple[int, np.ndarray, np.ndarray]


def _sniff(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n[").startswith(b"{") and b'"people"' in head


def _sniff_frame(head: bytes) -> bool:
    """Not the object of all frames, whose first key is an image and holds an object."""
    return _sniff(head) and b"{" not in head[head.index(b"{") + 1 : head.index(b'"people"')]


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    people: dict[int, list[Person]] = {}
    unread: set[str] = set()
    for number, frame_file in numbered_frame_files(file).items():
        content = read_json(frame_file)
        if isinstance(content, list):
            if len(content) != 1 and len(file.frame_files) > 1:
                got = f"a list of {len(content)}"
                raise InputError("not a single frame", where=frame_file.path, expected="one in each file", got=got)
            for index, frame in enumerate(content, start=number if len(content) == 1 else 0):
                listed = json_object(frame, frame_file.path, EXPECTED)
                if "people" not in listed:
                    raise InputError("no list of people", where=frame_file.path, expected=EXPECTED)
                people[index] = list(_people(listed, frame_file.path, unread))
            continue
        content = json_object(content, frame_file.path, EXPECTED)
        if "people" in content:
            people[number] = list(_people(content, frame_file.path, unread))
        else:
            people |= _keyed_by_image(content, frame_file.path, unread)
    everyone = [person for persons in people.values() for person in persons]
    is_3d = any(len(in_3d) for _, _, in_3d in everyone)
    poses_by_frame = {
        number: [
            Pose(turn_y_down(pose[:, :-1]) if is_3d and not options.up else pose[:, :-1], pose[:, -1] > 0, person)
            for person, *values in persons
            if len(pose := values[is_3d])
        ]
        for number, persons in people.items()
    }
    body, skeleton, notes = joints_of_body(poses_by_frame, file.path, DEFAULT_LAYOUT, options.layout)
    yield recording_from_poses(
        body,
        skeleton,
        3 if is_3d else 2,
        where=file.path,
        name=file.path.name if file.frame_files else file.path.stem,
        unit="unknown" if is_3d else "px",
        notes=(*notes, *((f"not read: {', '.join(sorted(unread))}",) if unread else ())),
    )


def _keyed_by_image(content: dict[str, Any], where: Path, unread: set[str]) -> dict[int, list[Person]]:
    """The people of all frames of an object keyed by image."""
    frames = [value for value in content.values() if isinstance(value, dict) and "people" in value]
    if not frames or len(frames) < len(content):
        raise InputError("no list of people", where=where, expected=EXPECTED, got=describe(content))
    people: dict[int, list[Person]] = {}
    for (_, number), image, frame in zip(number_frames(list(content)), content, frames, strict=True):
        if number in people:
            raise InputError(f"frame {number} is duplicated", where=where, got=image)
        people[number] = list(_people(frame, f"{where}, {image}", unread))
    return people


def _people(frame: dict[str, Any], where: Path | str, unread: set[str]) -> Iterator[Person]:
    """(Person number, (joint, x y confidence), (joint, x y z confidence)) of each person in a frame.

    The names of other sets of keypoints that have values are added to `unread`.
    """
    for index, person in enumerate(json_list(frame["people"], where, EXPECTED)):
        person_where = f"{where}, person {index}"
        values = json_object(person, person_where, EXPECTED)
        unread.update(name for name in UNREAD if isinstance(values.get(name), list) and any(values[name]))
        in_image = values.get("pose_keypoints_2d", values.get("pose_keypoints"))
        yield (
            parse_person_id(values.get("person_id")),
            number_array(in_image, 3, person_where, EXPECTED),
            number_array(values.get("pose_keypoints_3d"), 4, person_where, "x, y, z, confidence of each joint"),
        )


OPENPOSE = Format(
    "openpose",
    "OpenPose JSON: a folder with one file per frame; 17, 18, 25 or 26 joints in 2D (or 3D), several persons",
    (".json",),
    _sniff,
    _parse,
    _sniff_frame,
)
