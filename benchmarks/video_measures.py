"""What video_check.py computes from the poses of videos, without any file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from pose_measures import PARTS

from skeletonmae.batches import Batch
from skeletonmae.batches.random import sample_keys
from skeletonmae.pose import PersonPose
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.transforms.geometry import FaceForward
from skeletonmae.transforms.size import body_size

SIDES = ("left", "right")
LEG = ("knee", "ankle", "heel", "toe")
MIN_WINDOW = 0.5
"""Seconds that the rest of a recording must have to be a window, and share of its frames with the person."""
MAX_LAG = 12
"""Frames by which views are shifted against each other, at most, to see whether they are aligned."""
NUM_RESAMPLES, BLOCK_FRAMES = 2000, 10


class View(NamedTuple):
    """One person in 3D, facing forward.

    Args:
        positions: `(frame, joint, 3)`, in meters.
        observed: `(frame, joint)`.
        size: Body size in meters.
        skeleton: The layout.
    """

    positions: np.ndarray
    observed: np.ndarray
    size: float
    skeleton: Skeleton


class ViewDistance(NamedTuple):
    """How far the joints of one person are apart in two views, on average over frames and joints.

    Args:
        cm: Mean distance in centimeters.
        body_sizes: The same in body sizes, whose mean of both views counts.
        limbs_cm: That of the shoulders, elbows, wrists, hips, knees and ankles alone.
        rotated_cm: All joints, after the one rotation of the second view by which it fits best in all frames.
        exchanged: Share of the frames in which the views are nearer if left and right of one are exchanged.
        same_sides_cm: All joints, in the other frames.
        same_sides_rotated_cm: The same after the rotation that fits best in these frames.
        rotated_degrees: By how much that rotation turns.
        best_lag: Frames by which the second view is late where the distance is smallest.
        best_lag_cm: The distance there.
    """

    cm: float
    body_sizes: float
    limbs_cm: float
    rotated_cm: float
    exchanged: float
    same_sides_cm: float
    same_sides_rotated_cm: float
    rotated_degrees: float
    best_lag: int
    best_lag_cm: float


def facing_forward(recording: SkeletonSequence) -> View:
    """Return the first person of a 3D recording, rotated by the transform `face_forward`."""
    positions = torch.from_numpy(recording.positions[None, :1].astype(np.float32))
    observed = torch.from_numpy(recording.observed[None, :1].copy())
    index = torch.zeros(1, dtype=torch.int64)
    batch = FaceForward()(Batch(positions, observed, index, sample_keys(0, 0, index), recording.skeleton))
    tracks = batch.tracks
    return View(
        tracks.positions[0].numpy(), tracks.observed[0].numpy(), float(body_size(tracks)[0]), recording.skeleton
    )


def view_distance(one: View, other: View) -> ViewDistance:
    """Return how far the joints of two views are apart, frame i of one from frame i of the other."""
    frames = min(len(one.positions), len(other.positions))
    a, b = one.positions[:frames], other.positions[:frames]
    both = one.observed[:frames] & other.observed[:frames]
    cm = _mean_distance(a, b, both)
    limbs = np.zeros_like(both)
    joints = [one.skeleton.index[f"{side}_{part}"] for part in PARTS for side in SIDES]
    limbs[:, joints] = both[:, joints]
    mirror = one.skeleton.mirror_index
    exchanged = both & other.observed[:frames][:, mirror]
    stay = (np.linalg.norm(a - b, axis=-1) * exchanged).sum(1)
    cross = (np.linalg.norm(a - b[:, mirror], axis=-1) * exchanged).sum(1)
    same = both & (cross >= stay)[:, None]
    turn = best_rotation(b[same], a[same])
    lags = {lag: _lagged(one, other, lag) for lag in range(-MAX_LAG, MAX_LAG + 1) if frames > abs(lag)}
    best = min(lags, key=lambda lag: lags[lag])
    return ViewDistance(
        cm=cm,
        body_sizes=cm / 100 / ((one.size + other.size) / 2),
        limbs_cm=_mean_distance(a, b, limbs),
        rotated_cm=_rotated_distance(a, b, both),
        exchanged=float((cross < stay).mean()),
        same_sides_cm=_mean_distance(a, b, same),
        same_sides_rotated_cm=_rotated_distance(a, b, same),
        rotated_degrees=float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))),
        best_lag=best,
        best_lag_cm=lags[best],
    )


def best_rotation(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the rotation by which points fit a target best about the origin (Kabsch); both are `(point, 3)`."""
    u, _, vt = np.linalg.svd(target.T.astype(np.float64) @ points)
    turn: np.ndarray = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return turn


def _rotated_distance(a: np.ndarray, b: np.ndarray, used: np.ndarray) -> float:
    return _mean_distance(a, b @ best_rotation(b[used], a[used]).T, used)


def _lagged(one: View, other: View, lag: int) -> float:
    frames = min(len(one.positions), len(other.positions)) - abs(lag)
    a, b = (slice(max(0, shift), max(0, shift) + frames) for shift in (-lag, lag))
    return _mean_distance(one.positions[a], other.positions[b], one.observed[a] & other.observed[b])


def _mean_distance(a: np.ndarray, b: np.ndarray, used: np.ndarray) -> float:
    return float(100 * np.linalg.norm(a - b, axis=-1)[used].mean()) if used.any() else float("nan")


def knee_angles(recording: SkeletonSequence, person: int = 0) -> np.ndarray:
    """Return the angle at the knees in degrees, `(frame,)`: the mean of both, NaN unless both are observed."""
    index = recording.skeleton.index
    angles = []
    for side in SIDES:
        joints = [index[f"{side}_{part}"] for part in ("hip", "knee", "ankle")]
        hip, knee, ankle = np.moveaxis(recording.positions[person][:, joints].astype(np.float64), 1, 0)
        thigh, shank = hip - knee, ankle - knee
        lengths = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shank, axis=-1)
        cosine = (thigh * shank).sum(-1) / np.maximum(lengths, 1e-9)
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        angles.append(np.where(recording.observed[person][:, joints].all(1), angle, np.nan))
    return np.mean(angles, axis=0)


def count_repetitions(angles: np.ndarray, low: float = 110.0, high: float = 150.0) -> tuple[int, bool]:
    """Return how often an angle went below `low` and then above `high`, and whether it ends on the way.

    Args:
        angles: `(frame,)`; NaN is skipped.
        low: What a repetition goes below.
        high: What it ends above.
    """
    count, is_low = 0, False
    for angle in angles[~np.isnan(angles)]:
        if not is_low and angle < low:
            is_low = True
        elif is_low and angle > high:
            count, is_low = count + 1, False
    return count, is_low


def observed_share(recording: SkeletonSequence, joints: Sequence[str] = LEG) -> float:
    """Return the share of the joints of both sides that are observed, over all persons and frames."""
    index = [recording.skeleton.index[f"{side}_{joint}"] for side in SIDES for joint in joints]
    return float(recording.observed[:, :, index].mean())


def cut_seconds(recording: SkeletonSequence, person: int) -> list[tuple[float, SkeletonSequence]]:
    """Return (second, recording) of each second of a person, one after the other.

    The rest at the end is kept if it has half a second, and a second in which the person is in half of its frames.
    """
    fps = recording.fps or 1.0
    windows = []
    for second in range(int(np.ceil(recording.num_frames / fps))):
        frames = slice(round(second * fps), min(round((second + 1) * fps), recording.num_frames))
        observed = recording.observed[person : person + 1, frames]
        positions = recording.positions[person : person + 1, frames]
        if (frames.stop - frames.start) / fps >= MIN_WINDOW and observed.any(2).mean() >= MIN_WINDOW:
            windows.append((float(second), replace(recording, positions=positions, observed=observed)))
    return windows


def disagreement(
    one: dict[int, PersonPose], other: dict[int, PersonPose], layouts: tuple[Skeleton, Skeleton]
) -> tuple[int, float]:
    """Return in how many frames two estimators found a person, and the median distance in percent of the height.

    Args:
        one: Frame -> pose, of the first estimator.
        other: Frame -> pose, of the second one.
        layouts: The layouts of both.
    """
    frames = sorted(one.keys() & other.keys())
    if not frames:
        return 0, float("nan")
    first, second = (
        np.array(
            [
                [found[frame].points[layout.index[f"{side}_{part}"]] for part in PARTS for side in SIDES]
                for frame in frames
            ],
            dtype=np.float64,
        )
        for found, layout in zip((one, other), layouts, strict=True)
    )
    height = np.median([np.ptp(one[frame].points[:, 1]) for frame in frames])
    return len(frames), float(100 * np.median(np.linalg.norm(first - second, axis=-1)) / height)


def block_interval(values: np.ndarray, is_sum: bool = False) -> tuple[float, float]:
    """Return the 95 % interval of the mean, or sum, of values that depend on their neighbors.

    Blocks of `BLOCK_FRAMES` successive values are drawn with replacement (moving block bootstrap).

    Args:
        values: `(frame,)`.
        is_sum: Whether the sum is asked for.
    """
    size = min(BLOCK_FRAMES, len(values))
    rng = np.random.default_rng(0)
    starts = rng.integers(0, len(values) - size + 1, (NUM_RESAMPLES, -(-len(values) // size)))
    drawn = values[(starts[..., None] + np.arange(size)).reshape(NUM_RESAMPLES, -1)[:, : len(values)]]
    low, high = np.quantile(drawn.sum(1) if is_sum else drawn.mean(1), (0.025, 0.975))
    return float(low), float(high)
