"""MediaPipe Pose landmarks that were saved as JSON: 33 joints, one or several persons.

A list of frames, alone or under a key such as `frames` or `pose_landmarks`, or one frame a line. A frame is
null, a list of 33 landmarks `{"x", "y", "z", "visibility"}` (or `[x, y, z, visibility]`), a list of such persons,
or an object with those under `pose_world_landmarks`, `pose_landmarks`, `landmarks` (or in camel case), which may
say its number as `frame`. World landmarks are taken before those in the image; without a key that says so,
landmarks are of the world if the hips are about its origin.

World landmarks are metres from the middle of the hips, x right, y down, z away from the camera; they are turned
by half a turn about z. Of landmarks in the image only x and y are taken, shares of its width and height. A
landmark is unobserved where visibility or presence is given and below `SEEN`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import number_array, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.person_tracking import Pose, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS

SEEN = 0.5
"""What MediaPipe's own drawing asks of visibility and presence."""
SKELETON = LAYOUTS["mediapipe33"]
WORLD = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks")
IMAGE = ("pose_landmarks", "poseLandmarks", "landmarks")
KEYS = {*WORLD, *IMAGE, "landmark"}
FRAMES = ("frames", "poses", "results", "data", *WORLD, *IMAGE)
NUMBERS = ("frame", "frame_index", "frame_id", "frame_number")
COLUMNS = ("x", "y", "z", "visibility", "presence")
TURN = np.array([-1.0, -1.0, 1.0], dtype=np.float32)
AT_ORIGIN = 0.05
EXPECTED = f"frames of {SKELETON.num_joints} landmarks with x, y, z"


def _sniff(head: bytes) -> bool:
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"[", b"{"):
        return False
    return bool(re.search(rb'(?i)landmarks?"|"visibility"', head)) and b'"keypoints"' not in head


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    content = read_json(file, lines=True)
    key, fps = None, None
    if isinstance(content, dict):
        fps = content.get("fps")
        key = next((key for key in FRAMES if isinstance(content.get(key), list)), None)
        content = content[key] if key else [content]
    if not isinstance(content, list) or not content:
        raise InputError("no frames in it", where=file.path, expected=EXPECTED)
    if _is_person(content):
        content = [content]
    inside = next((k for k in WORLD + IMAGE for one in content if isinstance(one, dict) and one.get(k)), None)
    if inside is None and any(isinstance(one, dict) and not one.keys() & KEYS for one in content):
        raise InputError("no landmarks in its frames", where=file.path, expected=", ".join(WORLD + IMAGE))
    found: dict[int, list[np.ndarray]] = {}
    for place, frame in enumerate(content):
        number = _number(frame, place)
        where = f"{file.path}, frame {number}"
        if number in found:
            raise InputError("the frame is there twice", where=where)
        found[number] = [_values(person, where) for person in _persons(frame, inside)]
    everyone = [person for persons in found.values() for person in persons]
    world = _is_world(inside or key, everyone)
    poses = {
        number: [
            Pose(person[:, :3] * TURN if world else person[:, :2], person[:, 3:].min(1) >= SEEN)
            for person in persons
        ]
        for number, persons in found.items()
    }
    yield recording_from_poses(
        poses,
        SKELETON,
        3 if world else 2,
        where=file.path,
        name=file.path.stem,
        unit="m" if world else "image",
        fps=float(fps) if isinstance(fps, int | float) and fps > 0 else None,
    )


def _number(frame: object, place: int) -> int:
    said = (frame.get(key) for key in NUMBERS) if isinstance(frame, dict) else ()
    return next((number for number in said if isinstance(number, int)), place)


def _is_person(value: object) -> bool:
    """Whether it is a list of landmarks."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, list):
        return bool(first) and isinstance(first[0], int | float)
    return isinstance(first, dict) and "x" in first


def _persons(frame: Any, key: str | None) -> list[Any]:
    """The lists of landmarks in a frame."""
    frame = _bare(frame)
    if isinstance(frame, dict):
        frame = _bare(frame.get(key))
    return [frame] if _is_person(frame) else [_bare(person) for person in frame or ()]


def _bare(value: Any) -> Any:
    """A list of landmarks as it is when a message is written out, `{"landmark": [...]}`, without that."""
    return value["landmark"] if isinstance(value, dict) and "landmark" in value else value


def _values(person: list[Any], where: Path | str) -> np.ndarray:
    """(landmark, x y z visibility presence); what is not said is 1, a depth 0, and a null landmark NaN."""
    if not isinstance(person, list) or len(person) != SKELETON.num_joints:
        got = len(person) if isinstance(person, list) else type(person).__name__
        raise InputError("wrong number of landmarks", where=where, expected=SKELETON.num_joints, got=got)
    default = (np.nan, np.nan, 0.0, 1.0, 1.0)
    flat: list[Any] = []
    for landmark in person:
        said = [landmark.get(column) for column in COLUMNS] if isinstance(landmark, dict) else landmark or []
        said = [*said, *[None] * len(COLUMNS)][: len(COLUMNS)]
        flat += [other if value is None else value for value, other in zip(said, default, strict=True)]
    return number_array(flat, len(COLUMNS), where, EXPECTED)


def _is_world(key: str | None, persons: list[np.ndarray]) -> bool:
    """Whether these are world landmarks: the key says so, or says nothing and the hips are at the origin."""
    if key in WORLD or key in IMAGE[:2] or not persons:
        return key in WORLD
    hips = np.array(persons)[:, [SKELETON.index["left_hip"], SKELETON.index["right_hip"]], :2].mean(1)
    return bool(np.nanmedian(np.abs(hips)) < AT_ORIGIN)


MEDIAPIPE = Format(
    "mediapipe",
    "MediaPipe Pose landmarks as JSON: 33 joints, in the image or in metres",
    (".json", ".jsonl"),
    _sniff,
    _parse,
)
