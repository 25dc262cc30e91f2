"""Recordings from what other pose estimators return in Python: rtmlib, Ultralytics, and MediaPipe's Tasks.

None of them is imported: what counts is which attributes the results have. Identities are used where all poses of
a recording have them; else persons are linked by position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import turn_y_down
from skeletonmae.formats.layout_by_shape import joints_of_body
from skeletonmae.formats.person_tracking import Pose, assign_persons, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, MEDIAPIPE33, Skeleton


def recording_from_rtmlib(
    frames: Iterable[Sequence[Any]],
    *,
    fps: float | None = None,
    min_confidence: float = 0.3,
    layout: Skeleton | None = None,
    name: str = "video",
) -> SkeletonSequence:
    """Return a recording from the results of rtmlib, one per frame, in pixels.

    For example::

        tracker = PoseTracker(Body, det_frequency=10)
        recording = recording_from_rtmlib((tracker(image) for image in images), fps=30)

    Args:
        frames: For each frame, what `Body`, `Wholebody`, `PoseTracker` and others return: keypoints
            `(person, joint, 2)` and scores `(person, joint)`. A third entry, if there is one, is the identities of
            the persons.
        fps: Frames per second.
        min_confidence: Score from which on a joint counts as observed.
        layout: The layout, if the number of joints does not tell: 17, 26, 133 and others are known.
        name: Name of the recording.

    Raises:
        InputError: There are no frames, a result has another shape, or no layout is known.
    """
    poses: dict[int, list[Pose]] = {}
    for number, frame in enumerate(frames):
        where = f"{name}, frame {number}"
        if not 2 <= len(frame) <= 3:
            raise InputError(
                "not a result of rtmlib", where=where, expected="keypoints and scores", got=len(frame)
            )
        keypoints, scores = (_array(values) for values in frame[:2])
        poses[number] = _poses(keypoints, scores, frame[2] if len(frame) == 3 else None, min_confidence, where)
    return _recording(poses, layout, fps, name)


def recording_from_ultralytics(
    results: Iterable[Any],
    *,
    fps: float | None = None,
    min_confidence: float = 0.5,
    layout: Skeleton | None = None,
    name: str = "video",
) -> SkeletonSequence:
    """Return a recording from the `Results` of an Ultralytics pose model, one per frame, in pixels.

    For example::

        results = YOLO("yolo11n-pose.pt").track("video.mp4", stream=True)
        recording = recording_from_ultralytics(results, fps=30)

    Args:
        results: For each frame, an object with `keypoints.data`, `(person, joint, 3)`: x, y and confidence. Where
            `boxes.id` has the identities that `track` gives, they are used.
        fps: Frames per second.
        min_confidence: Confidence from which on a joint counts as observed.
        layout: The layout, if the number of joints does not tell; 17 are COCO's.
        name: Name of the recording.

    Raises:
        InputError: There are no frames, a result has no keypoints or another shape, or no layout is known.
    """
    poses: dict[int, list[Pose]] = {}
    for number, result in enumerate(results):
        where = f"{name}, frame {number}"
        data = getattr(getattr(result, "keypoints", None), "data", None)
        if data is None:
            expected = "an object with keypoints.data, as pose models return"
            raise InputError(
                "not a result of a pose model", where=where, expected=expected, got=type(result).__name__
            )
        values = _array(data)
        values = values.reshape(0, 1, 3) if 0 in values.shape else values
        if values.ndim != 3 or values.shape[2] not in (2, 3):
            raise InputError("wrong shape", where=where, expected="(person, joint, 3)", got=values.shape)
        scores = values[..., 2] if values.shape[2] == 3 else (values != 0).any(2).astype(np.float64)
        identities = getattr(getattr(result, "boxes", None), "id", None)
        poses[number] = _poses(values[..., :2], scores, identities, min_confidence, where)
    return _recording(poses, layout, fps, name)


def recording_from_mediapipe(
    results: Iterable[Any],
    *,
    axes: Literal[2, 3] = 2,
    image_size: tuple[int, int] | None = None,
    fps: float | None = None,
    min_confidence: float = 0.5,
    name: str = "video",
) -> SkeletonSequence:
    """Return a recording from the results of MediaPipe's `PoseLandmarker`, one per frame.

    For example::

        results = [landmarker.detect_for_video(image, time) for image, time in frames]
        recording = recording_from_mediapipe(results, axes=3, fps=30)

    Persons are linked by their landmarks in the image, also with 3 axes: the origin of world landmarks is between
    the hips of each person, so that they do not tell where a person is. Results without landmarks in the image are
    linked by their world landmarks, and a note says so.

    Args:
        results: For each frame, an object with `pose_landmarks` and `pose_world_landmarks`: a list of persons,
            each with 33 landmarks that have `x`, `y`, `z`, `visibility` and `presence`.
        axes: 2 for landmarks in the image, 3 for world landmarks in meters.
        image_size: Width and height in pixels. Without it, 2D coordinates stay shares of the image (unit
            `image`), whose x and y have different scales.
        fps: Frames per second.
        min_confidence: Visibility and presence from which on a landmark counts as observed.
        name: Name of the recording.

    Raises:
        InputError: There are no frames, a result is of another kind, or it has another number of persons in the
            image than in the world.
    """
    attribute = "pose_world_landmarks" if axes == 3 else "pose_landmarks"
    poses: dict[int, list[Pose]] = {}
    places: dict[int, list[np.ndarray]] = {}
    for number, result in enumerate(results):
        persons = getattr(result, attribute, None)
        where = f"{name}, frame {number}"
        if persons is None:
            got = type(result).__name__
            raise InputError("not a result", where=where, expected=f"an object with {attribute}", got=got)
        poses[number] = []
        for landmarks in persons:
            points = _points(landmarks, where)
            sure = [[_share(one, "visibility"), _share(one, "presence")] for one in landmarks]
            positions = turn_y_down(points) if axes == 3 else points[:, :2] * (image_size or (1, 1))
            poses[number].append(Pose(positions, np.array(sure).min(1) >= min_confidence))
        in_image = getattr(result, "pose_landmarks", None) if axes == 3 else None
        if in_image is not None:
            if len(in_image) != len(persons):
                expected = f"{len(persons)} persons in pose_landmarks, as in {attribute}"
                raise InputError("wrong number of persons", where=where, expected=expected, got=len(in_image))
            places[number] = [_points(one, where)[:, :2] * (image_size or (1, 1)) for one in in_image]
    unit = "m" if axes == 3 else "px" if image_size else "image"
    notes: tuple[str, ...] = ()
    _check_frames(poses, name)
    if axes == 3 and any(len(places.get(number, ())) < len(persons) for number, persons in poses.items()):
        if any(len(persons) > 1 for persons in poses.values()):
            notes = ("a result has no pose_landmarks, so persons were linked by their poses, not by their places",)
    elif axes == 3:
        poses = _linked_by_place(poses, places, name)
    return recording_from_poses(
        poses, MEDIAPIPE33, axes, where=Path(name), name=name, unit=unit, fps=fps, notes=notes
    )


def _points(landmarks: Sequence[Any], where: str) -> np.ndarray:
    """The coordinates of the landmarks of one person, `(joint, 3)`."""
    if len(landmarks) != MEDIAPIPE33.num_joints:
        raise InputError("wrong number of landmarks", where=where, expected=33, got=len(landmarks))
    return np.array([[one.x, one.y, one.z] for one in landmarks], dtype=np.float64)


def _linked_by_place(
    poses: Mapping[int, list[Pose]], places: Mapping[int, list[np.ndarray]], name: str
) -> dict[int, list[Pose]]:
    """The observed poses, with the numbers of the persons by where their joints are in the image."""
    seen = [
        (number, pose, place)
        for number, persons in poses.items()
        for pose, place in zip(persons, places[number], strict=True)
        if pose.observed.any()
    ]
    linked: dict[int, list[Pose]] = {number: [] for number in poses}
    if not seen:
        return linked
    points = np.array([place for _, _, place in seen])
    observed = np.array([pose.observed for _, pose, _ in seen]) & np.isfinite(points).all(-1)
    identities = assign_persons(np.array([number for number, _, _ in seen]), points, observed, name)
    for (number, pose, _), identity in zip(seen, identities.tolist(), strict=True):
        linked[number].append(pose._replace(person=identity))
    return linked


def _share(landmark: Any, attribute: str) -> float:
    """A visibility or presence; 1 if the result does not say."""
    value = getattr(landmark, attribute, None)
    return 1.0 if value is None else float(value)


def _array(values: Any) -> np.ndarray:
    """An array, or a tensor on any device."""
    for method in ("detach", "cpu"):
        values = getattr(values, method, lambda values=values: values)()
    return np.asarray(values, dtype=np.float64)


def _poses(
    points: np.ndarray, scores: np.ndarray, identities: Any, min_confidence: float, where: str
) -> list[Pose]:
    if not points.size:
        return []
    if points.ndim != 3 or points.shape[2] != 2 or scores.shape != points.shape[:2]:
        got = f"{points.shape} and {scores.shape}"
        raise InputError("wrong shapes", where=where, expected="(person, joint, 2) and (person, joint)", got=got)
    numbers = np.full(len(points), -1) if identities is None else _array(identities).astype(np.int64).reshape(-1)
    if len(numbers) != len(points):
        raise InputError("wrong number of identities", where=where, expected=len(points), got=len(numbers))
    observed = scores >= min_confidence
    return [Pose(*pose) for pose in zip(points, observed, numbers.tolist(), strict=True)]


def _recording(
    poses: Mapping[int, list[Pose]], layout: Skeleton | None, fps: float | None, name: str
) -> SkeletonSequence:
    _check_frames(poses, name)
    body, skeleton, notes = joints_of_body(poses, name, COCO17, layout)
    return recording_from_poses(body, skeleton, 2, where=Path(name), name=name, unit="px", fps=fps, notes=notes)


def _check_frames(poses: Mapping[int, list[Pose]], name: str) -> None:
    if not poses:
        raise InputError("no frames", where=name, expected="a result for each frame", got="none")
