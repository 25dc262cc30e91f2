"""Kinetics-skeleton JSON, as ST-GCN reads it: the frames of one video with its action.

`{"data": [{"frame_index": 1, "skeleton": [{"pose": [x, y, ...], "score": [...]}]}], "label", "label_index"}`
(Yan et al., AAAI 2018). There the pose is flat, the 18 joints are OpenPose's, x and y are normalized image
coordinates, and the frame rate is 30, though the file does not state it. Files of others have other joints,
pairs (`[[x, y], ...]`) or pixels: the number of joints gives the layout, and a coordinate above
`image_units.MAX_NORMALIZED` means pixels. A joint with score 0 is unobserved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import (
    describe,
    frames_per_second,
    json_list,
    json_object,
    number_array,
    point_array,
    read_json,
)
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.image_units import image_unit
from skeletonmae.formats.layout_by_shape import joints_of_body
from skeletonmae.formats.person_tracking import PERSON_ID_KEYS, Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import OPENPOSE18

EXPECTED = "{'data': [{'frame_index', 'skeleton': [{'pose': [x, y of each joint], 'score'}]}], 'label'}"
START = re.compile(rb"^(?:\xef\xbb\xbf)?\s*\{")


def _sniff(head: bytes) -> bool:
    return bool(START.match(head)) and b'"frame_index"' in head and b'"skeleton"' in head


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    content = json_object(read_json(file), file.path, EXPECTED)
    frames = json_list(content.get("data"), f"{file.path}, data", EXPECTED)
    if not frames:
        raise InputError("no frames", where=file.path, expected=EXPECTED)
    poses: dict[int, list[Pose]] = {}
    for index, frame in enumerate(frames):
        where = f"{file.path}, data, record {index}"
        number = json_object(frame, where, EXPECTED).get("frame_index", index)
        if not isinstance(number, int):
            raise InputError("not a frame number", where=where, expected="'frame_index'", got=describe(number))
        if number in poses:
            raise InputError(f"frame {number} is duplicated", where=where)
        persons = json_list(frame.get("skeleton"), where, EXPECTED)
        poses[number] = [
            pose
            for i, person in enumerate(persons)
            if len((pose := _pose(person, f"{where}, person {i}")).observed)
        ]
    body, skeleton, notes = joints_of_body(poses, file.path, OPENPOSE18, options.layout)
    observed_xy = [pose.positions[pose.observed] for in_frame in poses.values() for pose in in_frame]
    yield recording_from_poses(
        body,
        skeleton,
        2,
        where=file.path,
        name=file.path.stem,
        unit=image_unit(np.concatenate(observed_xy)) if observed_xy else "image",
        fps=frames_per_second(content),
        label=_label(content),
        notes=notes,
    )


def _pose(person: object, where: str) -> Pose:
    values = json_object(person, where, EXPECTED)
    pose = values.get("pose")
    paired = isinstance(pose, list) and bool(pose) and isinstance(pose[0], list)
    expected = "x, y of each joint"
    xy = point_array(pose, (2, 3), where, expected) if paired else number_array(pose, 2, where, expected)
    scores = values.get("score")
    observed = np.ones(len(xy), dtype=bool)
    if scores is not None:
        observed = point_array([scores], (len(xy),), where, f"{len(xy)} scores, one for each joint")[0] > 0
    elif xy.shape[1] == 3:
        observed = xy[:, 2] > 0
    person_id = next((values[key] for key in PERSON_ID_KEYS if key in values), -1)
    return Pose(xy[:, :2], observed, parse_person_id(person_id))


def _label(content: dict[str, Any]) -> str | None:
    """The action; none where the index is negative, as the demo of ST-GCN writes it."""
    label, index = content.get("label"), content.get("label_index")
    if isinstance(index, int) and index < 0:
        return None
    if isinstance(label, str | int) and str(label).strip():
        return str(label)
    return str(index) if isinstance(index, int) else None


KINETICS_JSON = Format(
    "kinetics_json",
    "Kinetics-skeleton JSON of ST-GCN: one video with its action, 17 or 18 joints in 2D, several persons",
    (".json",),
    _sniff,
    _parse,
)
