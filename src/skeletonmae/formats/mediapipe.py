"""Landmarks of MediaPipe saved as JSON: the 33 of a pose or the 21 of a hand, one or several persons or hands.

MediaPipe writes no files; programs dump its results in several forms, and all of these are read. The frames are a
list, alone or under a key such as `frames` or `pose_landmarks`, or one frame per line, or one frame per file. A
frame is null, a list of landmarks `{"x", "y", "z", "visibility"}` (or `[x, y, z, visibility]`, or an object keyed
by the index or the name of the landmark), a list of such persons, or an object that has them under a key of
MediaPipe's solutions (`pose_landmarks`, `multi_hand_landmarks`) or tasks (`pose_world_landmarks`,
`hand_landmarks`, `landmarks`, in snake or camel case). It may state its number as `frame` and its time as
`timestamp_ms`. A pose is read before hands, and world landmarks before those in the image; where no key tells,
landmarks whose hips, or whose hand, lie about the origin are world landmarks.

World landmarks are meters from the center of the hips or of the hand, x right, y down, z away from the camera;
they are rotated by half a turn about z. Of landmarks in the image, x and y are read: normalized image
coordinates, or pixels if they are larger. A landmark is unobserved where its visibility or presence is below
`MIN_VISIBILITY`; a column that is 0 throughout, as in the results of hands, is not a measurement and does not
count. Where a frame has two hands, `handedness` tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import turn_y_down
from skeletonmae.formats.decoders.json_text import frames_per_second, json_list, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_files import numbered_frame_files
from skeletonmae.formats.image_units import image_unit, is_world_landmarks, world_unit
from skeletonmae.formats.mediapipe_landmarks import (
    COLUMNS,
    EXPECTED,
    HANDEDNESS_KEYS,
    is_person,
    person_by_landmark,
    persons_in_frame,
)
from skeletonmae.formats.person_tracking import Pose, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import HAND21, MEDIAPIPE33, Skeleton

MIN_VISIBILITY = 0.5
"""What MediaPipe's own drawing requires of visibility and presence."""

POSE_WORLD = ("pose_world_landmarks", "poseWorldLandmarks")
POSE_IMAGE = ("pose_landmarks", "poseLandmarks")
ANY_WORLD = ("world_landmarks", "worldLandmarks")
ANY_IMAGE = ("landmarks",)
HAND_WORLD = (
    "hand_world_landmarks",
    "handWorldLandmarks",
    "multi_hand_world_landmarks",
    "multiHandWorldLandmarks",
)
HAND_IMAGE = ("hand_landmarks", "handLandmarks", "multi_hand_landmarks", "multiHandLandmarks")
LANDMARK_KEYS = (*POSE_WORLD, *POSE_IMAGE, *ANY_WORLD, *ANY_IMAGE, *HAND_WORLD, *HAND_IMAGE)
"""In the order in which they are read."""
RESULT_KEYS = (*HANDEDNESS_KEYS, "gestures")
FRAME_LIST_KEYS = ("frames", "poses", "results", "data")
NUMBER_KEYS = ("frame", "frame_index", "frame_id", "frame_number")
TIME_KEYS = ("timestamp_ms", "timestampMs", "timestamps_ms")
LAYOUTS = {33: MEDIAPIPE33, 21: HAND21}

BEGINNING = rb"^(?:\xef\xbb\xbf)?\s*\{\s*"
ONE_PERSON = re.compile(BEGINNING + rb"\"(?:" + "|".join(LANDMARK_KEYS).encode() + rb")\"\s*:\s*\[\s*\{\s*\"x\"")
ONE_RESULT = re.compile(BEGINNING + rb"\"(?:" + "|".join(RESULT_KEYS).encode() + rb")\"\s*:")


def _sniff(head: bytes) -> bool:
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"[", b"{"):
        return False
    return bool(re.search(rb'(?i)landmarks?"|"visibility"', head)) and b'"keypoints"' not in head


def _sniff_frame(head: bytes) -> bool:
    """One person, or one result of a task; lists of frames are not."""
    return _sniff(head) and bool(ONE_PERSON.match(head) or ONE_RESULT.match(head))


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    if not file.frame_files:
        frames, fps = _frames(file)
        yield _recording(file, frames, fps, options, file.path.stem)
        return
    numbered: dict[int, Any] = {}
    for number, frame_file in numbered_frame_files(file).items():
        frames, _ = _frames(frame_file)
        if len(frames) != 1:
            raise InputError("not a single frame", where=frame_file.path, expected="one, as in the other files")
        numbered[number] = next(iter(frames.values()))
    yield _recording(file, numbered, None, options, file.path.name)


def _frames(file: InputFile) -> tuple[dict[int, Any], float | None]:
    """Frame number -> content of the frame, and the frame rate, if the file states or implies one."""
    content = read_json(file, lines=True)
    fps = None
    if isinstance(content, dict):
        fps = frames_per_second(content)
        key = next((key for key in FRAME_LIST_KEYS if isinstance(content.get(key), list)), None)
        landmark_keys = [key for key in LANDMARK_KEYS if isinstance(content.get(key), list)]
        if key is None and len(landmark_keys) == 1 and not content.keys() & set(RESULT_KEYS):
            key = landmark_keys[0]
            frames = [content] if is_person(content[key]) else [{key: frame} for frame in content[key]]
        else:
            frames = content[key] if key else [content]
    else:
        frames = [content] if is_person(content) else json_list(content, file.path, EXPECTED)
    if not frames:
        raise InputError("no frames", where=file.path, expected=EXPECTED)
    numbered: dict[int, Any] = {}
    for index, frame in enumerate(frames):
        number = _number(frame, index)
        if number in numbered:
            raise InputError(f"frame {number} is duplicated", where=file.path)
        numbered[number] = frame
    return numbered, fps or _rate_of_times(frames)


def _recording(
    file: InputFile, frames: dict[int, Any], fps: float | None, options: ReadOptions, name: str
) -> SkeletonSequence:
    objects = [frame for frame in frames.values() if isinstance(frame, dict) and not person_by_landmark(frame)]
    key = next((key for key in LANDMARK_KEYS for frame in objects if frame.get(key)), None)
    if key is None and any(not frame.keys() & {*LANDMARK_KEYS, "landmark"} for frame in objects):
        raise InputError("no landmarks in its frames", where=file.path, expected=", ".join(LANDMARK_KEYS))
    found = {
        number: persons_in_frame(frame, key, f"{file.path}, frame {number}") for number, frame in frames.items()
    }
    everyone = [landmarks.values for in_frame in found.values() for landmarks in in_frame]
    skeleton = options.layout or LAYOUTS.get(len(everyone[0]) if everyone else 33, MEDIAPIPE33)
    for number, in_frame in found.items():
        if wrong := [
            len(landmarks.values) for landmarks in in_frame if len(landmarks.values) != skeleton.num_joints
        ]:
            expected = f"{skeleton.num_joints}, as in {'the layout' if options.layout else 'the first frame'}"
            expected = expected if len(everyone[0]) in LAYOUTS or options.layout else EXPECTED
            where = f"{file.path}, frame {number}"
            raise InputError("wrong number of landmarks", where=where, expected=expected, got=wrong[0])
    values = np.array(everyone, dtype=np.float32).reshape(-1, skeleton.num_joints, len(COLUMNS))
    is_world = _is_world(key, values, skeleton)
    measured = (values[..., 3:] != 0).any((0, 1))  # visibility, presence
    several = any(len(in_frame) > 1 for in_frame in found.values())
    poses = {
        number: [
            Pose(
                turn_y_down(landmarks.values[:, :3]) if is_world else landmarks.values[:, :2],
                ((landmarks.values[:, 3:] >= MIN_VISIBILITY) | ~measured).all(1),
                landmarks.side if several else -1,
            )
            for landmarks in in_frame
        ]
        for number, in_frame in found.items()
    }
    return recording_from_poses(
        poses,
        skeleton,
        3 if is_world else 2,
        where=file.path,
        name=name,
        unit=world_unit(values[..., :2]) if is_world else image_unit(values[..., :2]),
        fps=fps,
    )


def _number(frame: object, index: int) -> int:
    stated = (frame.get(key) for key in NUMBER_KEYS) if isinstance(frame, dict) else ()
    return next((number for number in stated if isinstance(number, int)), index)


def _rate_of_times(frames: list[Any]) -> float | None:
    """Frames per second, if every frame states a later time than the one before it."""
    times = [
        next((frame[key] for key in TIME_KEYS if key in frame), None)
        for frame in frames
        if isinstance(frame, dict)
    ]
    if len(times) < max(2, len(frames)) or not all(isinstance(time, int | float) for time in times):
        return None
    steps = np.diff(np.array(times, dtype=np.float64))
    return float(1000 / np.median(steps)) if np.isfinite(steps).all() and (steps > 0).all() else None


def _is_world(key: str | None, values: np.ndarray, skeleton: Skeleton) -> bool:
    """Whether these are world landmarks: the key says so, or says nothing and they are centered at the origin."""
    if key is not None and key not in ANY_IMAGE:
        return key in (*POSE_WORLD, *ANY_WORLD, *HAND_WORLD)
    return is_world_landmarks(values[..., :2], skeleton)


MEDIAPIPE = Format(
    "mediapipe",
    "MediaPipe landmarks as JSON: 33 joints of a pose or 21 of a hand, in the image or in meters",
    (".json", ".jsonl"),
    _sniff,
    _parse,
    _sniff_frame,
    fixed_axes=True,
)
