"""Landmarks of the persons or hands in one frame of MediaPipe's results as JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import describe, json_list, number_array

HANDEDNESS_KEYS = ("handedness", "handednesses", "multi_handedness", "multiHandedness")
COLUMNS = ("x", "y", "z", "visibility", "presence")
MISSING = (np.nan, np.nan, 0.0, 1.0, 1.0)
EXPECTED = "frames of landmarks with x, y, z: 33 of a pose or 21 of a hand"

_SIDED = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hip", "knee", "ankle", "heel", "foot_index")
NAMES = {
    33: (
        "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
        "left_ear", "right_ear", "mouth_left", "mouth_right",
        *(f"{side}_{joint}" for joint in _SIDED for side in ("left", "right")),
    ),
    21: (
        "wrist", "thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip",
        *(f"{finger}_{joint}" for finger in ("index_finger", "middle_finger", "ring_finger", "pinky")
          for joint in ("mcp", "pip", "dip", "tip")),
    ),
}  # fmt: skip
"""Number of landmarks -> what MediaPipe calls them (`PoseLandmark`, `HandLandmark`), in lower case."""


class Landmarks(NamedTuple):
    """A person or a hand in a frame."""

    values: np.ndarray
    """(landmark, x y z visibility presence)"""
    side: int
    """0 of a left hand, 1 of a right one, -1 if it is not stated."""


def is_person(value: object) -> bool:
    """Whether it is a list of landmarks."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, list):
        return bool(first) and isinstance(first[0], int | float)
    return isinstance(first, dict) and "x" in first


def person_by_landmark(value: object) -> list[Any] | None:
    """The landmarks of an object that is keyed by their indices or names, in MediaPipe's order."""
    if (
        not isinstance(value, dict)
        or not value
        or not all(isinstance(landmark, dict) and "x" in landmark for landmark in value.values())
    ):
        return None
    for count, names in NAMES.items():
        index = {name: i for i, name in enumerate(names)} | {str(i): i for i in range(count)}
        indices = [index.get(str(key).lower()) for key in value]
        if None not in indices and len(set(indices)) == len(indices) > count // 2:
            by_index = dict(zip(indices, value.values(), strict=True))
            return [by_index.get(i) for i in range(count)]
    return None


def persons_in_frame(frame: Any, key: str | None, where: str) -> list[Landmarks]:
    """The persons or hands in a frame.

    Args:
        frame: Content of the frame: null, landmarks, persons, or an object that has them under `key`.
        key: Key of the landmarks that are read; None if no frame has one.
        where: File and frame, for messages.

    Raises:
        InputError: It holds no landmarks.
    """
    sides: list[int] = []
    if isinstance(frame, dict) and (person := person_by_landmark(frame)) is None:
        stated = next((k for k in HANDEDNESS_KEYS if isinstance(frame.get(k), list)), None)
        sides = [_side(value) for value in frame[stated]] if stated else []
        frame = frame.get(key, frame if "landmark" in frame else None)
    elif isinstance(frame, dict):
        frame = person
    frame = _unwrapped(frame)
    persons = [frame] if is_person(frame) else [_unwrapped(person) for person in json_list(frame, where, EXPECTED)]
    sides = sides if len(sides) == len(persons) else [-1] * len(persons)
    return [Landmarks(_values(person, where), side) for person, side in zip(persons, sides, strict=True)]


def _unwrapped(value: Any) -> Any:
    """Landmarks without the object that a protocol message puts around them, or from one keyed by landmark."""
    if isinstance(value, dict):
        return value["landmark"] if "landmark" in value else person_by_landmark(value) or value
    return value


def _side(value: Any) -> int:
    """0 for `Left` and 1 for `Right`, in whatever MediaPipe wraps it."""
    if isinstance(value, str):
        return {"left": 0, "right": 1}.get(value.lower(), -1)
    if isinstance(value, list):
        return _side(value[0]) if value else -1
    if isinstance(value, dict):
        keys = ("categoryName", "category_name", "label", "classification")
        return next((_side(value[key]) for key in keys if key in value), -1)
    return -1


def _values(person: object, where: str) -> np.ndarray:
    """(landmark, x y z visibility presence); visibility and presence are 1, and the depth 0, unless stated."""
    flat: list[Any] = []
    for landmark in json_list(person, where, EXPECTED):
        if not isinstance(landmark, dict | list | None):
            raise InputError("not a landmark", where=where, expected=EXPECTED, got=describe(landmark))
        stated = [landmark.get(column) for column in COLUMNS] if isinstance(landmark, dict) else landmark or []
        padded = [*stated, *[None] * len(COLUMNS)][: len(COLUMNS)]
        flat += [other if value is None else value for value, other in zip(padded, MISSING, strict=True)]
    return number_array(flat, len(COLUMNS), where, EXPECTED)
