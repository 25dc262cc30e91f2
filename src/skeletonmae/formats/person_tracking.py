"""Persons that were found frame by frame, joined into recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from skeletonmae.errors import InputError
from skeletonmae.limits import FRAME_SPAN
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

GATE = 0.5
"""Body sizes that a person may be away from where it was last seen."""
MAX_AGE = 30
"""Frames that a person may be away for."""


class Pose(NamedTuple):
    """One person in one frame."""

    positions: np.ndarray
    """(joint, axis)"""
    observed: np.ndarray
    """(joint)"""
    person: int = -1
    """Who it is; negative if nobody said."""


def recording_from_poses(
    found: Mapping[int, Sequence[Pose]],
    skeleton: Skeleton,
    axes: int,
    *,
    where: Path,
    name: str,
    unit: str,
    fps: float | None = None,
) -> SkeletonSequence:
    """A recording of the persons that were found in its frames.

    Who is who is taken from the poses where all of them say so, and else worked out by `link`. Frames between the
    first and the last that are not there are frames with nothing observed.

    Args:
        found: number of a frame -> the poses in it.
        skeleton: their layout.
        axes: of their positions.
        where: the file, for messages.
        name: of the recording.
        unit: of the positions.
        fps: frames per second, if known.

    Raises:
        InputError: there is no frame, or the numbers are too far apart.
    """
    first, last = min(found, default=0), max(found, default=-1)
    num_frames = last - first + 1
    if not found or num_frames > FRAME_SPAN.of(len(found)):
        got = f"{len(found)} frames, from number {first} to {last}"
        raise InputError("not the frames of one recording", where=where, expected="numbers in a row", got=got)
    placed = [(n - first, pose) for n in sorted(found) for pose in found[n] if pose.observed.any()]
    frames = np.array([frame for frame, _ in placed], dtype=np.int64)
    shape = (len(placed), skeleton.num_joints)
    positions = np.array([p.positions for _, p in placed], dtype=np.float32).reshape(*shape, axes)
    observed = np.array([p.observed for _, p in placed], dtype=bool).reshape(shape)
    seen = observed & np.isfinite(positions).all(-1)
    person, notes = _person_ids(frames, positions, seen, [pose.person for _, pose in placed])
    poses = np.bincount(person)
    most = max(1, FRAME_SPAN.of(len(placed)) // num_frames)
    keep = np.sort(np.argsort(-poses, kind="stable")[:most])
    if len(poses) > most:
        lost = f"{len(poses) - most} of {len(poses)} persons, those in the fewest frames, were left out"
        notes = (*notes, lost)
    place = np.full(len(poses), -1)
    place[keep] = np.arange(len(keep))
    kept = place[person] >= 0
    cells = place[person][kept], frames[kept]
    whole = np.zeros((max(1, len(keep)), num_frames, skeleton.num_joints, axes), dtype=np.float32)
    there = np.zeros(whole.shape[:3], dtype=bool)
    whole[cells], there[cells] = positions[kept], observed[kept]
    return SkeletonSequence.from_positions(
        whole, skeleton, observed=there, name=name, unit=unit, fps=fps, notes=notes
    )


def person_number(said: Any) -> int:
    """Who a tracker says it is, as a number or a list of one; -1 if that is neither."""
    while isinstance(said, list) and said:
        said = said[0]
    return int(said) if isinstance(said, int | float) and abs(said) < 2**53 else -1


def assign_persons(frames: np.ndarray, positions: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Work out which poses are of the same person.

    In each frame the poses are paired with the persons seen in the last `PATIENCE` frames such that the sum of the
    distances is the least. The distance is the mean over the joints that both have, in body sizes: the diagonal of
    the box around a pose, or around the one before if that is larger. From `GATE` on, or without such a joint, two
    are never paired; a pose that is left is a new person.

    Args:
        frames: `(pose)`, ascending.
        positions: `(pose, joint, axis)`.
        observed: `(pose, joint)`.

    Returns:
        `(pose)`: number of the person, in the order in which they appear.
    """
    person = np.full(len(frames), -1)
    positions = positions.astype(np.float64)
    hidden = ~observed[..., None]
    highest = np.where(hidden, -np.inf, positions).max(1, initial=-np.inf)
    size = np.linalg.norm(highest - np.where(hidden, np.inf, positions).min(1, initial=np.inf), axis=-1)
    known, count = np.empty(0, dtype=np.int64), 0  # the last pose of each person that may come again
    for poses in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames)) + 1) if len(frames) else ():
        known = known[frames[known] >= frames[poses[0]] - MAX_AGE]
        apart = np.empty((len(known), len(poses)))
        for row, old in zip(apart, known, strict=True):
            both = observed[old] & observed[poses]
            far = np.linalg.norm(positions[old] - positions[poses], axis=-1).sum(1, where=both)
            scale = np.maximum(size[old], size[poses]) * both.sum(1)
            row[:] = np.divide(far, scale, out=np.full(len(poses), np.inf), where=scale > 0)
        near = apart < GATE
        old, new = linear_sum_assignment(np.where(near, apart, 1e3 * GATE))
        old, new = old[near[old, new]], new[near[old, new]]
        person[poses[new]] = person[known[old]]
        fresh = poses[person[poses] < 0]
        person[fresh] = count + np.arange(len(fresh))
        count += len(fresh)
        known = np.concatenate([np.delete(known, old), poses])
    return person


def _person_ids(
    frames: np.ndarray, positions: np.ndarray, observed: np.ndarray, said: list[int]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The number of the person of each pose, from 0, and what is to be noted."""
    if not said or min(said) < 0:
        return assign_persons(frames, positions, observed), ()
    if len(set(zip(frames.tolist(), said, strict=True))) < len(said):
        note = "two persons in one frame have the same number, so persons were linked by where they are"
        return assign_persons(frames, positions, observed), (note,)
    number = {one: place for place, one in enumerate(sorted(set(said)))}
    return np.array([number[one] for one in said]), ()
