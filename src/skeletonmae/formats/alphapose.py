"""AlphaPose results with tracked persons, keyed by image or by person: 17, 26 or more joints in pixels.

PoseFlow writes `{image: [{"keypoints": [x, y, score, ...], "scores", "idx"}, ...]}`. Others key its results by
person: `{person: {frame: {"keypoints": [...], "scores"}}}`, as the skeletons of ShanghaiTech and UBnormal are
passed on (`*_alphapose_tracked_person.json`), or `{person: [{"frame_idx", "keypoints": [[x, y, score], ...]}]}`.
The number of joints gives the layout. A joint with score 0 is unobserved. The plain list of results, with
`image_id`, is COCO's (`coco_json`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import (
    describe,
    json_list,
    json_object,
    number_array,
    point_array,
    read_json,
)
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_files import number_frames
from skeletonmae.formats.layout_by_shape import joints_of_body
from skeletonmae.formats.person_tracking import PERSON_ID_KEYS, Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17

EXPECTED = "{image: [{'keypoints': [x, y, score of each joint]}]}, or the same keyed by person and frame"
FRAME_KEYS = ("frame_idx", "frame_index", "frame_id", "frame", "image_id", "filename", "imgname")

KEYS_OF_OTHERS = (b'"images"', b'"annotations"', b'"instance_info"', b'"instances"')  # COCO's and MMPose's
START = rb"^(?:\xef\xbb\xbf)?\s*\{\s*\"[^\"]*\"\s*:\s*"
KEYED = re.compile(START + rb"(?:\[\s*[\{\]]|\{\s*\"[^\"]*\"\s*:\s*[\[\{])")
KEYPOINTS = re.compile(rb"\"keypoints\"\s*:\s*\[\s*(?:\[\s*)?[-\d\]]")
IMAGE_NAME = re.compile(r"\.(?:jpe?g|png|bmp|tiff?|webp)$", re.IGNORECASE)


class Detection(NamedTuple):
    """A person in a frame, as the file states them."""

    frame: str
    person: int
    record: Any
    where: str


def _sniff(head: bytes) -> bool:
    is_keyed = bool(KEYED.match(head) and KEYPOINTS.search(head))
    return is_keyed and not any(key in head for key in KEYS_OF_OTHERS)


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    content = json_object(read_json(file), file.path, EXPECTED)
    detections, frames = _detections(content, str(file.path))
    if not frames:
        raise InputError("no frames", where=file.path, expected=EXPECTED)
    numbered = dict(zip(frames, number_frames(frames), strict=True))
    poses: dict[tuple[str, int], list[Pose]] = {frame: [] for frame in numbered.values()}
    for frame, person, record, where in detections:
        values = _keypoints(record, where)
        if len(values):
            poses[numbered[frame]].append(Pose(values[:, :2], values[:, 2] > 0, person))
    body, skeleton, notes = joints_of_body(poses, file.path, COCO17, options.layout)
    recordings: dict[str, dict[int, list[Pose]]] = defaultdict(dict)
    for (recording, number), in_frame in body.items():
        recordings[recording][number] = in_frame
    for recording, by_frame in recordings.items():
        name = recording or file.path.stem
        yield recording_from_poses(by_frame, skeleton, 2, where=file.path, name=name, unit="px", notes=notes)


def _detections(content: dict[str, Any], where: str) -> tuple[list[Detection], list[str]]:
    """The persons of all frames, and the names of the frames, those without a person included."""
    detections: list[Detection] = []
    frames: dict[str, None] = {}
    for index, (key, value) in enumerate(content.items()):
        if isinstance(value, dict):
            images = IMAGE_NAME.search(key) is not None
            for inner, record in value.items():
                frame, person = (key, _person(inner)) if images else (inner, index)
                frames[frame] = None
                detections.append(Detection(frame, person, record, f"{where}, {key}, {inner}"))
            continue
        for record_index, record in enumerate(json_list(value, f"{where}, {key}", EXPECTED)):
            at = f"{where}, {key}, record {record_index}"
            stated = next((record[k] for k in FRAME_KEYS if k in json_object(record, at, EXPECTED)), None)
            if stated is None or IMAGE_NAME.search(key):
                frame = key
                person = parse_person_id(next((record[k] for k in PERSON_ID_KEYS if k in record), -1))
            else:
                frame, person = str(stated), index
            frames[frame] = None
            detections.append(Detection(frame, person, record, at))
        if not value:
            frames.setdefault(key)
    return detections, list(frames)


def _person(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else -1


def _keypoints(record: Any, where: str) -> np.ndarray:
    """(joint, x y score) of a person: flat or by joint, in an object or not."""
    values = record.get("keypoints") if isinstance(record, dict) else record
    if isinstance(values, list) and values and isinstance(values[0], list):
        return point_array(values, (3,), where, "x, y, score of each joint")
    if not isinstance(values, list | None):
        raise InputError("not keypoints", where=where, expected=EXPECTED, got=describe(values))
    return number_array(values, 3, where, "x, y, score of each joint")


ALPHAPOSE = Format(
    "alphapose",
    "AlphaPose JSON with tracked persons, keyed by image or by person: 17, 26 or more joints in 2D",
    (".json",),
    _sniff,
    _parse,
)
