"""Azure Kinect body tracking as JSON, as the SDK's offline processor writes it: 32 joints in 3D, several bodies.

`{"frames": [{"frame_id", "timestamp_usec", "bodies": [{"body_id", "joint_positions": [[x, y, z], ...]}]}],
"bone_list", "joint_names"}` (Azure-Kinect-Samples, `offline_processor`).

Positions are millimeters in the axes of the depth camera, x right, y down, z away; they become meters and are
rotated by half a turn about z. The frame rate follows from the time stamps. Bodies are told apart by `body_id`.
The file has no confidence, and the SDK predicts every joint of a body that it found: only a joint at exactly (0,
0, 0), the camera itself, is unobserved, and one with a `confidence_level` of 0 (none) in files of programs that
add it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import turn_y_down
from skeletonmae.formats.decoders.json_text import describe, json_list, json_object, point_array, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.person_tracking import Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS

SKELETON = LAYOUTS["azure32"]
EXPECTED = "{'frames': [{'timestamp_usec', 'bodies': [{'body_id', 'joint_positions': [32 times x, y, z]}]}]}"
CONFIDENCE_KEYS = ("confidence_levels", "joint_confidence_levels", "joint_confidences")
START = re.compile(rb"^(?:\xef\xbb\xbf)?\s*\{")


def _sniff(head: bytes) -> bool:
    """The file begins with its bones, if its keys are sorted, or with its frames."""
    is_bones = b'"bone_list"' in head and b'"SPINE_NAVEL"' in head
    return bool(START.match(head)) and (is_bones or b'"joint_positions"' in head)


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    if options.layout and options.layout.num_joints != SKELETON.num_joints:
        raise InputError(
            "the layout is not that of Azure Kinect",
            where=file.path,
            expected=SKELETON.name,
            got=options.layout.name,
        )
    content = json_object(read_json(file), file.path, EXPECTED)
    frames = json_list(content.get("frames"), f"{file.path}, frames", EXPECTED)
    if not frames:
        raise InputError("no frames", where=file.path, expected=EXPECTED)
    to_meters = 1.0 if options.unit else 1e-3
    poses: dict[int, list[Pose]] = {}
    for index, frame in enumerate(frames):
        where = f"{file.path}, frames, record {index}"
        number = json_object(frame, where, EXPECTED).get("frame_id", index)
        if not isinstance(number, int):
            raise InputError("not a frame number", where=where, expected="'frame_id'", got=describe(number))
        if number in poses:
            raise InputError(f"frame {number} is duplicated", where=where)
        bodies = json_list(frame.get("bodies"), where, EXPECTED)
        poses[number] = [_pose(body, f"{where}, body {i}", to_meters) for i, body in enumerate(bodies)]
    yield recording_from_poses(
        poses,
        options.layout or SKELETON,
        3,
        where=file.path,
        name=file.path.stem,
        unit="m",
        fps=_frame_rate(frames),
    )


def _pose(body: object, where: str, to_meters: float) -> Pose:
    values = json_object(body, where, EXPECTED)
    positions = point_array(values.get("joint_positions"), (3,), where, EXPECTED)
    if len(positions) != SKELETON.num_joints:
        raise InputError("wrong number of joints", where=where, expected=SKELETON.num_joints, got=len(positions))
    observed = np.asarray((positions != 0).any(1))
    levels = next((values[key] for key in CONFIDENCE_KEYS if values.get(key) is not None), None)
    if levels is not None:
        observed &= point_array([levels], (SKELETON.num_joints,), where, "a level for each joint")[0] > 0
    return Pose(turn_y_down(positions) * np.float32(to_meters), observed, parse_person_id(values.get("body_id")))


def _frame_rate(frames: list[Any]) -> float | None:
    """Frames per second, from the median time between frames; to a hundredth, as cameras have it."""
    times = [frame.get("timestamp_usec") for frame in frames]
    numbers = [frame.get("frame_id", index) for index, frame in enumerate(frames)]
    if len(times) < 2 or not all(
        isinstance(value, int | float) and abs(value) < 2**53 for value in times + numbers
    ):
        return None
    step = float(np.median(np.diff(times) / np.diff(numbers)))
    return round(1e6 / step, 2) if step > 1e3 else None


AZURE_KINECT = Format(
    "azure_kinect",
    "Azure Kinect JSON of the offline processor: 32 joints in 3D, several persons",
    (".json",),
    _sniff,
    _parse,
    fixed_axes=True,
)
