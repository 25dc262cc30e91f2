"""Persons that were detected frame by frame, linked into recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.frame_numbers import FrameNumbering
from skeletonmae.limits import FRAME_SPAN, LINKED_PAIRS, MAX_LINKED_PERSONS, check_shape
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

MAX_DISTANCE = 0.5
"""Body sizes that a person may move between two frames in which they were detected."""
MAX_AGE = 30
"""Frames that a person may be absent for and still be the same person."""
PERSON_ID_KEYS = ("track_id", "idx", "instance_id", "person_id")
"""Keys under which the files of pose estimators state the number of a person."""


class Pose(NamedTuple):
    """One person in one frame."""

    positions: np.ndarray
    """(joint, axis)"""
    observed: np.ndarray
    """(joint)"""
    person: int = -1
    """Number of the person; negative if it is not known."""


def recording_from_poses(
    poses_by_frame: Mapping[int, Sequence[Pose]],
    skeleton: Skeleton,
    num_axes: int,
    *,
    where: Path,
    name: str,
    unit: str,
    fps: float | None = None,
    label: str | None = None,
    notes: tuple[str, ...] = (),
) -> SkeletonSequence:
    """A recording of the persons that were detected in its frames.

    The persons are those that the poses name, if all of them do, or else those that `assign_persons` finds.
    Frames between the first and the last that are not listed are frames in which nothing was observed, unless
    their numbers count in steps (`FrameNumbering`).

    Args:
        poses_by_frame: Frame number -> the poses in the frame.
        skeleton: Layout of the poses.
        num_axes: Axes of their positions.
        where: The file, for messages.
        name: Name of the recording.
        unit: Unit of the positions.
        fps: Frames per second, if known.
        label: The action, if known.
        notes: What the reader has to say about the recording.

    Raises:
        InputError: There is no frame, the frame numbers are too far apart, or there are too many persons to link.
    """
    first, last = min(poses_by_frame, default=0), max(poses_by_frame, default=-1)
    if not poses_by_frame or last - first >= FRAME_SPAN.of(len(poses_by_frame)):
        got = f"{len(poses_by_frame)} frames, from number {first} to {last}"
        raise InputError("not the frames of one recording", where=where, expected="consecutive numbers", got=got)
    numbering = FrameNumbering.of(number - first for number in poses_by_frame)  # which may not fit into 64 bits
    num_frames = (last - first) // numbering.stride + 1
    detections = [
        (number - first, pose)
        for number in sorted(poses_by_frame)
        for pose in poses_by_frame[number]
        if pose.observed.any()
    ]
    frames = numbering.index(np.array([frame for frame, _ in detections], dtype=np.int64))
    shape = (len(detections), skeleton.num_joints)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and so unobserved
        positions = np.array([pose.positions for _, pose in detections], dtype=np.float32)
    positions = positions.reshape(*shape, num_axes)
    observed = np.array([pose.observed for _, pose in detections], dtype=bool).reshape(shape)
    valid = observed & np.isfinite(positions).all(-1)
    person, id_notes = _person_ids(frames, positions, valid, [pose.person for _, pose in detections], where)
    poses_per_person = np.bincount(person)
    max_persons = max(1, FRAME_SPAN.of(len(detections)) // num_frames)
    kept = np.sort(np.argsort(-poses_per_person, kind="stable")[:max_persons])
    notes = (*notes, *numbering.notes, *id_notes)
    if dropped := len(poses_per_person) - len(kept):
        notes = (*notes, f"the {dropped} of {len(poses_per_person)} persons in the fewest frames were left out")
    check_shape(where, (max(1, len(kept)), num_frames, skeleton.num_joints))
    new_index = np.full(len(poses_per_person), -1)
    new_index[kept] = np.arange(len(kept))
    is_kept = new_index[person] >= 0
    cells = new_index[person][is_kept], frames[is_kept]
    dense = np.zeros((max(1, len(kept)), num_frames, skeleton.num_joints, num_axes), dtype=np.float32)
    dense_observed = np.zeros(dense.shape[:3], dtype=bool)
    dense[cells], dense_observed[cells] = positions[is_kept], observed[is_kept]
    return SkeletonSequence.from_positions(
        dense,
        skeleton,
        observed=dense_observed,
        name=name,
        unit=unit,
        fps=numbering.fps(fps),
        label=label,
        notes=notes,
    )


def parse_person_id(value: Any) -> int:
    """The number of a person, stated as a number or a list of one; -1 if it is neither."""
    while isinstance(value, list) and value:
        value = value[0]
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else -1


def assign_persons(
    frames: np.ndarray, positions: np.ndarray, observed: np.ndarray, where: Path | str = "poses"
) -> np.ndarray:
    """Decide which poses belong to the same person.

    In each frame, poses are assigned to the persons of the last `MAX_AGE` frames such that the sum of the
    distances is minimal. A distance is the mean over the joints that both poses have, in body sizes: the diagonal
    of the bounding box of the pose, or of the person's last pose if that is larger. Pairs at `MAX_DISTANCE` or
    more, or without a common joint, are never assigned; a pose that is not assigned is a new person.

    Args:
        frames: `(pose)`, ascending.
        positions: `(pose, joint, axis)`.
        observed: `(pose, joint)`.
        where: The file, for messages.

    Returns:
        `(pose)`: number of the person, in the order of their first frames.

    Raises:
        InputError: There are too many persons to compare.
    """
    from scipy.optimize import linear_sum_assignment  # a fifth of the time that a command takes to start

    person = np.full(len(frames), -1)
    hidden = ~observed[..., None]
    positions = np.where(hidden, 0, positions.astype(np.float64))
    upper = np.where(hidden, -np.inf, positions).max(1, initial=-np.inf)
    size = np.linalg.norm(upper - np.where(hidden, np.inf, positions).min(1, initial=np.inf), axis=-1)
    recent, num_persons, num_pairs = np.empty(0, dtype=np.int64), 0, 0  # last pose of each person who may return
    starts = np.flatnonzero(np.diff(frames)) + 1
    for poses in np.split(np.arange(len(frames)), starts) if len(frames) else ():
        recent = recent[frames[recent] >= frames[poses[0]] - MAX_AGE]
        num_pairs += len(recent) * len(poses)
        if len(poses) > MAX_LINKED_PERSONS or num_pairs > LINKED_PAIRS.of(len(frames)):
            expected = f"person numbers in the file, or at most {MAX_LINKED_PERSONS} persons in a frame"
            got = f"{len(poses)} persons in a frame, {len(recent)} in the {MAX_AGE} frames before"
            raise InputError(
                "too many persons to link from frame to frame", where=where, expected=expected, got=got
            )
        distance = np.empty((len(recent), len(poses)))
        for row, old in zip(distance, recent, strict=True):
            both = observed[old] & observed[poses]
            total = np.linalg.norm(positions[old] - positions[poses], axis=-1).sum(1, where=both)
            scale = np.maximum(size[old], size[poses]) * both.sum(1)
            row[:] = np.divide(total, scale, out=np.full(len(poses), np.inf), where=scale > 0)
        is_near = distance < MAX_DISTANCE
        old, new = linear_sum_assignment(np.where(is_near, distance, 1e3 * MAX_DISTANCE))
        old, new = old[is_near[old, new]], new[is_near[old, new]]
        person[poses[new]] = person[recent[old]]
        unassigned = poses[person[poses] < 0]
        person[unassigned] = num_persons + np.arange(len(unassigned))
        num_persons += len(unassigned)
        recent = np.concatenate([np.delete(recent, old), poses])
    return person


def _person_ids(
    frames: np.ndarray, positions: np.ndarray, observed: np.ndarray, stated: list[int], where: Path
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The number of the person of each pose, from 0, and notes for the report."""
    if not stated or min(stated) < 0:
        return assign_persons(frames, positions, observed, where), ()
    if len(set(zip(frames.tolist(), stated, strict=True))) < len(stated):
        note = "two persons in one frame have the same number, so persons were linked by position"
        return assign_persons(frames, positions, observed, where), (note,)
    index = {person: rank for rank, person in enumerate(sorted(set(stated)))}
    return np.array([index[person] for person in stated]), ()
