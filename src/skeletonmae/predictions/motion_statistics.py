"""What is measured of a recording without an encoder: how it moves, is turned, and how much was observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from skeletonmae.sequences import SkeletonSequence

MIN_POSE_JOINTS = 4
"""With fewer joints in common with the reference pose, how a body is turned is not known."""

MIN_KNOWN_SHARE = 0.5
"""Share of the training clips that must show a joint for it to be in the reference pose."""
NUM_ALIGNMENTS = 2
"""How often poses are turned to fit their mean: first to one of them, then to the mean itself."""


class MotionStatistics(NamedTuple):
    """Numbers that describe one recording; NaN where they are not known."""

    motion: float
    """Standard deviation of the joints over time without what changes from each frame to the next, as noise does;
    as a share of the size of the body. A motionless body, noise and shuffled frames have 0."""
    pose_motion: float
    """Likewise without the motion of the body as a whole: a body that slides or sways without a change of its pose
    has 0."""
    roughness: float
    """Mean squared difference of successive frames by that of frames in random order: near 0 for smooth motion,
    and 1 for noise and shuffled frames (von Neumann's ratio, divided by 2)."""
    velocity_roughness: float
    """Likewise for velocities: near 0 for smooth motion, 1 for a random walk, and 1.5 for noise. Frames that
    repeat the one before, as where a frame rate was raised by repetition, do not count."""
    bone_variation: float
    """Standard deviation of the length of a bone over time by its mean, the median over bones."""
    tilt: float
    """Angle in degrees by which the mean pose is turned against that of the training clips, without a turn about
    the vertical."""
    size: float
    """Root mean square distance of the joints from their mean, in the unit of the recording."""
    observed: float
    """Share of the joint positions that were observed, from the first to the last frame with any."""
    joints: float
    """Number of joints of the training clips that were observed in any frame."""
    frames: float
    """Number of frames from the first to the last with an observed joint."""
    seconds: float
    """Their duration, if the frame rate is known."""
    gap: float
    """Longest time in between without an observed joint, in seconds, if the frame rate is known."""


@dataclass(frozen=True, eq=False)
class ReferencePose:
    """The mean pose of the training clips, which says what upright means.

    Args:
        joints: Names of the joints.
        positions: Their positions, `(joint, axis)`: mean 0, and a root mean square distance of 1 from it.
    """

    joints: tuple[str, ...]
    positions: np.ndarray

    @classmethod
    def of(cls, recordings: Sequence[SkeletonSequence]) -> Self:
        """Average the mean poses of recordings, each turned about the vertical to fit the others.

        Args:
            recordings: The training clips, all of one layout and number of axes.
        """
        skeleton, axes = recordings[0].skeleton, recordings[0].positions.shape[3]
        known = np.array([np.isfinite(pose).all(1) for pose in map(_mean_pose, recordings)])
        joints = np.flatnonzero(known.mean(0) >= MIN_KNOWN_SHARE)
        poses = [pose for one in recordings if np.isfinite(pose := _mean_pose(one)[joints]).all()]
        if not len(joints) or not poses:
            return cls((), np.zeros((0, axes), np.float32))
        reference = poses[0]
        for _ in range(NUM_ALIGNMENTS):
            turned = [pose @ _turn_about_vertical(pose, reference) for pose in poses]
            reference = np.mean(turned, axis=0)
            reference = reference / _spread(reference)
        names = tuple(skeleton.joints[joint] for joint in joints.tolist())
        return cls(names, reference.astype(np.float32))


def measure_motion(recording: SkeletonSequence, reference: ReferencePose | None = None) -> MotionStatistics:
    """Measure a recording; the statistics of several persons are averaged.

    Args:
        recording: The recording.
        reference: The mean pose of the training clips; without it, `tilt` and `joints` are NaN.
    """
    persons = np.flatnonzero(recording.observed.any((1, 2)))
    if not len(persons):
        return MotionStatistics(*[float("nan")] * len(MotionStatistics._fields))
    rows = [_measure_person(recording, int(person), reference) for person in persons]
    with np.errstate(invalid="ignore"):
        columns = np.array(rows, dtype=np.float64)
    known = np.isfinite(columns)
    means = np.where(known, columns, 0).sum(0) / np.where(known.any(0), known.sum(0), np.nan)
    return MotionStatistics(*means.tolist())


def _measure_person(recording: SkeletonSequence, person: int, reference: ReferencePose | None) -> MotionStatistics:
    seen_frames = np.flatnonzero(recording.observed[person].any(1))
    frames = slice(seen_frames[0], seen_frames[-1] + 1)
    positions = recording.positions[person, frames].astype(np.float64)
    observed = recording.observed[person, frames]
    size = _median_size(positions, observed)
    num_frames = len(positions)
    is_new = _is_new_frame(positions, observed)
    both = observed[is_new][1:] & observed[is_new][:-1]
    velocities = np.diff(positions[is_new], axis=0) * both[..., None]
    return MotionStatistics(
        motion=_motion(positions, observed, size),
        pose_motion=_motion(_relative(positions, observed), observed, size),
        roughness=_roughness(positions, observed, size),
        velocity_roughness=_roughness(velocities, both, size) if len(both) else float("nan"),
        bone_variation=_bone_variation(recording, positions, observed),
        tilt=_tilt(recording, positions, observed, reference),
        size=size,
        observed=float(observed.mean()),
        joints=float("nan") if reference is None else _num_known(recording, observed, reference),
        frames=float(num_frames),
        seconds=num_frames / recording.fps if recording.fps else float("nan"),
        gap=(np.diff(seen_frames).max(initial=1) - 1) / recording.fps if recording.fps else float("nan"),
    )


def _is_new_frame(positions: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return whether each frame differs from the one before, `(frame,)`."""
    differs = (positions[1:] != positions[:-1]).any((1, 2)) | (observed[1:] != observed[:-1]).any(1)
    is_new: np.ndarray = np.concatenate([np.ones(1, bool), differs])
    return is_new


def _motion(positions: np.ndarray, observed: np.ndarray, size: float) -> float:
    """Standard deviation over time without what changes from each frame to the next, as a share of the size."""
    variance, difference = _variances(positions, observed)
    return float(np.sqrt(max(0.0, variance - difference / 2))) / size if size > 0 else 0.0


def _roughness(values: np.ndarray, observed: np.ndarray, size: float) -> float:
    """Half the mean squared difference of successive values by their variance; NaN where they hardly vary."""
    variance, difference = _variances(values, observed)
    return difference / 2 / variance if variance > 1e-12 * size**2 else float("nan")


def _relative(positions: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Positions relative to the mean, in each frame, of the joints that are observed in every frame."""
    always = observed.all(0)
    used = observed & always if always.sum() > 1 else observed
    center = (positions * used[..., None]).sum(1) / np.maximum(used.sum(1), 1)[:, None]
    relative: np.ndarray = (positions - center[:, None]) * observed[..., None]
    return relative


def _variances(positions: np.ndarray, observed: np.ndarray) -> tuple[float, float]:
    """Variance of the joints over time, and their mean squared change from frame to frame, summed over axes."""
    count = observed.sum(0)
    mean = positions.sum(0) / np.maximum(count, 1)[:, None]
    squares = (((positions - mean) ** 2).sum(-1) * observed).sum(0)
    both = observed[1:] & observed[:-1]
    changes = (((positions[1:] - positions[:-1]) ** 2).sum(-1) * both).sum()
    degrees = np.maximum(count - 1, 0).sum()
    return float(squares.sum() / max(degrees, 1)), float(changes / max(both.sum(), 1))


def _median_size(positions: np.ndarray, observed: np.ndarray) -> float:
    """Median over frames of the root mean square distance of the joints from their mean."""
    count = observed.sum(1)
    enough = count >= max(2, 0.5 * count.max())
    mean = positions.sum(1) / np.maximum(count, 1)[:, None]
    squares = (((positions - mean[:, None]) ** 2).sum(-1) * observed).sum(1) / np.maximum(count, 1)
    return float(np.sqrt(np.median(squares[enough]))) if enough.any() else 0.0


def _bone_variation(recording: SkeletonSequence, positions: np.ndarray, observed: np.ndarray) -> float:
    skeleton = recording.skeleton
    index = {joint: position for position, joint in enumerate(skeleton.joints)}
    ends = np.array([(index[joint], index[parent]) for joint, parent in skeleton.parents.items()]).reshape(-1, 2)
    both = observed[:, ends[:, 0]] & observed[:, ends[:, 1]]
    lengths = np.linalg.norm(positions[:, ends[:, 0]] - positions[:, ends[:, 1]], axis=-1) * both
    count = both.sum(0)
    mean = lengths.sum(0) / np.maximum(count, 1)
    deviation = np.sqrt((((lengths - mean) ** 2) * both).sum(0) / np.maximum(count, 1))
    used = (count > 1) & (mean > 0)
    return float(np.median(deviation[used] / mean[used])) if used.any() else float("nan")


def _mean_pose(recording: SkeletonSequence) -> np.ndarray:
    """Mean pose of the first observed person, centered and of size 1; NaN for joints that were never observed."""
    persons = np.flatnonzero(recording.observed.any((1, 2)))
    shape = recording.positions.shape[2:]
    if not len(persons):
        return np.full(shape, np.nan)
    return _pose(recording.positions[persons[0]].astype(np.float64), recording.observed[persons[0]])


def _pose(positions: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Mean over time of the joints relative to their mean in each frame, of size 1; NaN where not observed."""
    complete = observed[:, observed.any(0)].all(1)
    chosen = complete if complete.any() else observed.any(1)
    positions, observed = positions[chosen], observed[chosen]
    count = observed.sum(1)
    center = positions.sum(1) / np.maximum(count, 1)[:, None]
    relative = (positions - center[:, None]) * observed[..., None]
    seen = observed.sum(0)
    pose = np.where(seen[:, None] > 0, relative.sum(0) / np.maximum(seen, 1)[:, None], np.nan)
    spread = _spread(pose)
    return pose / spread if spread > 0 else np.full_like(pose, np.nan)


def _spread(pose: np.ndarray) -> float:
    known = pose[np.isfinite(pose).all(1)]
    return float(np.sqrt(((known - known.mean(0)) ** 2).sum(1).mean())) if len(known) else 0.0


def _turn_about_vertical(pose: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The rotation about y, as a matrix for row vectors, that brings a 3D pose closest to another; in 2D, none."""
    if pose.shape[1] == 2:
        return np.eye(2)
    x, z, to_x, to_z = pose[:, 0], pose[:, 2], reference[:, 0], reference[:, 2]
    angle = np.arctan2((x * to_z - z * to_x).sum(), (x * to_x + z * to_z).sum())
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _tilt(
    recording: SkeletonSequence, positions: np.ndarray, observed: np.ndarray, reference: ReferencePose | None
) -> float:
    """Angle between the vertical and the vertical after the rotation that fits the mean pose to the reference."""
    if reference is None or reference.positions.shape[1] != positions.shape[2]:
        return float("nan")
    pose = _pose(positions, observed)
    index = {joint: position for position, joint in enumerate(recording.skeleton.joints)}
    pairs = [
        (index[joint], row)
        for row, joint in enumerate(reference.joints)
        if joint in index and np.isfinite(pose[index[joint]]).all()
    ]
    if len(pairs) < MIN_POSE_JOINTS:
        return float("nan")
    own, other = (np.array(side) for side in zip(*pairs, strict=True))
    here, there = pose[own], reference.positions[other].astype(np.float64)
    here, there = here - here.mean(0), there - there.mean(0)
    left, _, right = np.linalg.svd(here.T @ there)
    flip = np.ones(here.shape[1])
    flip[-1] = np.sign(np.linalg.det(left @ right))
    rotation = left * flip @ right
    return float(np.degrees(np.arccos(np.clip(rotation[1, 1], -1, 1))))


def _num_known(recording: SkeletonSequence, observed: np.ndarray, reference: ReferencePose) -> float:
    seen = np.flatnonzero(observed.any(0)).tolist()
    return float(len({recording.skeleton.joints[joint] for joint in seen} & set(reference.joints)))
