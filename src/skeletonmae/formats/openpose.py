"""OpenPose: a folder with one JSON a frame, `NAME_000000000012_keypoints.json`; 18 or 25 joints.

`{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, confidence, ...], ...}]}`, as OpenPose's
`--write_json` writes it (its document "Output format"). How many values a person has says which layout it is. A
joint of confidence 0 is unobserved. `pose_keypoints_3d` (x, y, z, confidence), where a person of the recording has
it, is read in place of the image's: those are the axes of a camera, x right and y down, and are turned by half a
turn about z. Face and hands are left aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import number_array, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.person_tracking import Pose, person_number, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS

FRAMES = r"(?P<recording>.*?)_?(?P<frame>\d+)_keypoints\.json"
BY_JOINTS = {18: LAYOUTS["openpose18"], 25: LAYOUTS["openpose25"]}
EXPECTED = "{'people': [{'pose_keypoints_2d': [18 or 25 times x, y, confidence]}, ...]}"
TURN = np.array([-1.0, -1.0, 1.0], dtype=np.float32)
"""From x right, y down, z away to the axes of recordings: a turn, so that left stays left."""

Person = tuple[int, np.ndarray, np.ndarray]


def _sniff(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"people"' in head


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    people: dict[int, list[Person]] = {}
    for part in file.frame_files or (file,):
        match = re.fullmatch(FRAMES, part.path.name)
        number = int(match["frame"]) if match else 0
        if number in people:
            raise InputError("the frame is there twice", where=part.path)
        people[number] = list(_people(part))
    everyone = [person for persons in people.values() for person in persons]
    solid = any(len(in_3d) for _, _, in_3d in everyone)
    joints = {len(values[solid]) for _, *values in everyone} - {0}
    skeleton = options.layout or BY_JOINTS.get(max(joints, default=25))
    if skeleton is None or joints - {skeleton.num_joints}:
        expected = f"{options.layout.num_joints} joints, as the layout has" if options.layout else EXPECTED
        got = f"{', '.join(map(str, sorted(joints)))} joints"
        raise InputError("wrong number of joints", where=file.path, expected=expected, got=got)
    found = {
        number: [
            Pose(at[:, :-1] * (TURN if solid else 1), at[:, -1] > 0, who)
            for who, *values in persons
            if len(at := values[solid])
        ]
        for number, persons in people.items()
    }
    yield recording_from_poses(
        found,
        skeleton,
        3 if solid else 2,
        where=file.path,
        name=file.path.name if file.frame_files else file.path.stem,
        unit="unknown" if solid else "px",
    )


def _people(file: InputFile) -> Iterator[Person]:
    """(identity, (joint, x y confidence), (joint, x y z confidence)) of each person in a frame."""
    content = read_json(file)
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise InputError("no list of people in it", where=file.path, expected=EXPECTED)
    for person in people:
        flat = person.get("pose_keypoints_2d", person.get("pose_keypoints"))
        yield (
            person_number(person.get("person_id")),
            number_array(flat, 3, file.path, EXPECTED),
            number_array(person.get("pose_keypoints_3d"), 4, file.path, "x, y, z, confidence of each joint"),
        )


OPENPOSE = Format(
    "openpose",
    "OpenPose JSON: a folder of frames, 18 or 25 joints in 2D (or 3D), several persons",
    (".json",),
    _sniff,
    _parse,
    FRAMES,
)
