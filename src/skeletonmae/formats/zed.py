"""Body tracking of ZED cameras as JSON, as the SDK's export sample writes it: 18, 34 or 38 joints in 3D.

`{timestamp: {"body_list": [{"id", "keypoint": [[x, y, z], ...], "keypoint_confidence": [...]}], "timestamp"}}`
(Stereolabs, "JSON export" in Python and C++), keyed by the time in milliseconds, or a list of such frames. A frame
without `body_list` shows nobody.

The sample exports meters in the axes of OpenGL, x right, y up, z towards the viewer; they are rotated by half a
turn about y. If the export was changed to other axes or units, use `--up` and `--unit`. A joint that is null or
not a number, or whose confidence is 0, is unobserved. The number of joints gives the body format: BODY_18 has the
joints of OpenPose's COCO model. The frame rate follows from the times. Bodies are told apart by `id`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import describe, json_list, json_object, point_array, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.person_tracking import Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, OPENPOSE18

EXPECTED = "{time in milliseconds: {'body_list': [{'id', 'keypoint': [x, y, z of each joint]}]}}"
BODY_FORMATS = {18: OPENPOSE18, 34: LAYOUTS["zed34"], 38: LAYOUTS["zed38"]}
OPENGL_TO_KINECT = np.array([-1.0, 1.0, -1.0], dtype=np.float32)
"""From x right, y up, z towards the viewer to x left, y up, z away: a rotation, so that left stays left."""
KEYED_BY_TIME = re.compile(rb"^(?:\xef\xbb\xbf)?\s*\{\s*\"\d+\"\s*:\s*\{")
LISTED = re.compile(rb"^(?:\xef\xbb\xbf)?\s*\[\s*\{")


def _sniff(head: bytes) -> bool:
    is_frames = KEYED_BY_TIME.match(head) or LISTED.match(head)
    return bool(is_frames) and (b'"body_list"' in head or b'"is_tracked"' in head)


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    content = _keyed_by_time(file, read_json(file))
    turn = 1.0 if options.up else OPENGL_TO_KINECT
    frames: dict[int, list[Pose]] = {}
    for key, frame in content.items():
        where = f"{file.path}, {key}"
        if not key.isdecimal() or len(key) > 20:
            raise InputError("not a time", where=where, expected=EXPECTED)
        bodies = json_list(json_object(frame, where, EXPECTED).get("body_list"), where, EXPECTED)
        frames[int(key)] = [_pose(body, f"{where}, body {i}", turn) for i, body in enumerate(bodies)]
    frames = {time: poses for time, poses in frames.items() if time or poses}  # the C++ sample begins with a "0"
    if not frames:
        raise InputError("no frames", where=file.path, expected=EXPECTED)
    counts = sorted({len(pose.observed) for poses in frames.values() for pose in poses})
    skeleton = options.layout or BODY_FORMATS.get(counts[0] if counts else 38)
    if skeleton is None or (counts and counts != [skeleton.num_joints]):
        expected = skeleton.num_joints if skeleton else f"one of {tuple(BODY_FORMATS)}"
        got = ", ".join(map(str, counts))
        raise InputError("wrong number of joints", where=file.path, expected=expected, got=got)
    step = _median_step(sorted(frames))
    yield recording_from_poses(
        _numbered(frames, step),
        skeleton,
        3,
        where=file.path,
        name=file.path.stem,
        unit="m",
        fps=round(1000 / step, 2) if step else None,
    )


def _keyed_by_time(file: InputFile, content: Any) -> dict[str, Any]:
    """Time in milliseconds -> frame; of a list of frames, by their `timestamp` in nanoseconds."""
    if not isinstance(content, list):
        return json_object(content, file.path, EXPECTED)
    frames: dict[str, Any] = {}
    for index, frame in enumerate(content):
        where = f"{file.path}, record {index}"
        time = json_object(frame, where, EXPECTED).get("timestamp")
        if not isinstance(time, int):
            raise InputError("not a time", where=where, expected="'timestamp' in nanoseconds", got=describe(time))
        if (key := str(time // 1_000_000)) in frames:
            raise InputError("a time is duplicated", where=where, got=time)
        frames[key] = frame
    return frames


def _pose(body: object, where: str, turn: np.ndarray | float) -> Pose:
    values = json_object(body, where, EXPECTED)
    keypoints = [
        point if point is not None else [None] * 3 for point in json_list(values.get("keypoint"), where, EXPECTED)
    ]
    positions = point_array(keypoints, (3,), where, EXPECTED)
    observed = np.isfinite(positions).all(1)
    if values.get("keypoint_confidence") is not None:
        confidence = point_array([values["keypoint_confidence"]], (len(positions),), where, "one for each joint")[
            0
        ]
        observed &= np.nan_to_num(confidence) > 0
    return Pose(positions * turn, observed, parse_person_id(values.get("id")))


def _median_step(times: list[int]) -> float:
    """Median time between frames; 0 of a single frame."""
    return float(np.median(np.diff(np.array(times, dtype=np.float64)))) if len(times) > 1 else 0.0


def _numbered(frames: dict[int, list[Pose]], step: float) -> dict[int, list[Pose]]:
    """Frame number -> poses, such that a frame that the camera dropped leaves a gap."""
    times = sorted(frames)
    numbered: dict[int, list[Pose]] = {}
    number = -1
    for time in times:
        number = max(number + 1, round((time - times[0]) / step) if step else 0)
        numbered[number] = frames[time]
    return numbered


ZED = Format(
    "zed", "ZED camera JSON of the body tracking export: 18, 34 or 38 joints in 3D", (".json",), _sniff, _parse
)
