"""Changes of recordings that a classifier should refuse, or of which it should be known whether it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from skeletonmae.sequences import SkeletonSequence

Change = Callable[[SkeletonSequence, SkeletonSequence, np.random.Generator], SkeletonSequence]
"""From a recording, and another one of another class, to a changed recording."""


def white_noise(recording: SkeletonSequence, _: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """Independent normal coordinates with a standard deviation of 0.5 m."""
    shape = recording.positions.shape
    values = rng.normal(0, 0.5, shape).astype(np.float32)
    return replace(recording, positions=values, observed=np.ones(shape[:3], dtype=bool))


def noise_about_the_mean_pose(
    recording: SkeletonSequence, _: SkeletonSequence, rng: np.random.Generator
) -> SkeletonSequence:
    """The mean pose, plus independent noise with a standard deviation of 0.1 m."""
    count = np.maximum(recording.observed.sum(1, keepdims=True), 1)[..., None]
    mean = recording.positions.sum(1, keepdims=True) / count
    return _with(recording, mean + rng.normal(0, 0.1, recording.positions.shape))


def shuffled_frames(
    recording: SkeletonSequence, _: SkeletonSequence, rng: np.random.Generator
) -> SkeletonSequence:
    """The frames in random order."""
    return _frames(recording, rng.permutation(recording.num_frames))


def motionless(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """The middle frame in place of every frame."""
    seen = np.flatnonzero(recording.observed.any((0, 2)))
    return _frames(recording, np.full(recording.num_frames, seen[len(seen) // 2]))


def motionless_with_noise(
    recording: SkeletonSequence, _: SkeletonSequence, rng: np.random.Generator
) -> SkeletonSequence:
    """The middle frame, plus independent noise with a standard deviation of 1 cm."""
    still = motionless(recording)
    return _with(still, still.positions + rng.normal(0, 0.01, still.positions.shape))


def swaying(recording: SkeletonSequence, _: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """The middle frame, swaying sideways by 5 cm as a whole, plus noise with a standard deviation of 4 mm."""
    still = motionless(recording)
    sway = np.zeros((1, recording.num_frames, 1, 3))
    sway[..., 0] = 0.05 * np.sin(np.arange(recording.num_frames) / 8 + rng.uniform(0, 2 * np.pi))[:, None]
    return _with(still, still.positions + sway + rng.normal(0, 0.004, still.positions.shape))


def random_walk(recording: SkeletonSequence, _: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """The middle frame, from which each joint walks by normal steps with a standard deviation of 2 cm."""
    still = motionless(recording)
    return _with(still, still.positions + np.cumsum(rng.normal(0, 0.02, still.positions.shape), axis=1))


def upside_down(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """The vertical coordinate with the other sign."""
    return _with(recording, recording.positions * np.array([1, -1, 1]))


def permuted_joints(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """The joints in another order under the same names, the same for all recordings."""
    return _joints(recording, np.random.default_rng(5).permutation(recording.skeleton.num_joints))


def reversed_frames(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """The last frame first."""
    return _frames(recording, np.arange(recording.num_frames)[::-1])


def mirrored(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """The sideways coordinate with the other sign, under the same names: a left arm becomes a right one."""
    return _with(recording, recording.positions * np.array([-1, 1, 1]))


def swapped_names(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """The names of left and right joints exchanged."""
    joints = recording.skeleton.joints
    exchanged = [name.replace("left", "*").replace("right", "left").replace("*", "right") for name in joints]
    return _joints(recording, np.array([joints.index(name) for name in exchanged]))


def halves(recording: SkeletonSequence, other: SkeletonSequence, _: np.random.Generator) -> SkeletonSequence:
    """The first half of a clip, and then the second half of one of another class."""
    half, rest = recording.num_frames // 2, other.num_frames // 2
    positions, observed = recording.positions[:1, :half], recording.observed[:1, :half]
    return replace(
        recording,
        positions=np.concatenate([positions, other.positions[:1, rest:]], axis=1),
        observed=np.concatenate([observed, other.observed[:1, rest:]], axis=1),
    )


def breathing(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """The middle frame, which grows and shrinks twice by 30 %."""
    still = motionless(recording)
    factor = 1 + 0.3 * np.sin(np.arange(still.num_frames) / still.num_frames * 4 * np.pi)
    center = still.positions.mean(2, keepdims=True)
    return _with(still, (still.positions - center) * factor[:, None, None] + center)


def spinning(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """The middle frame, which turns twice about the vertical."""
    still = motionless(recording)
    angle = np.linspace(0, 4 * np.pi, still.num_frames)[:, None]
    center = still.positions.mean(2, keepdims=True)
    x, y, z = np.moveaxis(still.positions - center, -1, 0)
    turned = [x * np.cos(angle) + z * np.sin(angle), y, z * np.cos(angle) - x * np.sin(angle)]
    return _with(still, np.stack(turned, axis=-1) + center)


def repeated_frames(recording: SkeletonSequence, *_: object) -> SkeletonSequence:
    """Every third frame, three times each: a recording at a third of the rate, raised by repetition."""
    return _frames(recording, np.arange(recording.num_frames) // 3 * 3)


def _with(recording: SkeletonSequence, positions: np.ndarray) -> SkeletonSequence:
    """The recording with other positions; those of joints that were not observed are 0."""
    return replace(recording, positions=(positions * recording.observed[..., None]).astype(np.float32))


def _frames(recording: SkeletonSequence, frames: np.ndarray) -> SkeletonSequence:
    """Some frames of a recording, in an order."""
    return replace(recording, positions=recording.positions[:, frames], observed=recording.observed[:, frames])


def _joints(recording: SkeletonSequence, joints: np.ndarray) -> SkeletonSequence:
    """A recording with other joints in the place of each."""
    return replace(
        recording, positions=recording.positions[:, :, joints], observed=recording.observed[:, :, joints]
    )


DESIGNED: dict[str, Change] = {
    "white noise": white_noise,
    "noise about the mean pose": noise_about_the_mean_pose,
    "shuffled frames": shuffled_frames,
    "motionless": motionless,
    "motionless, 1 cm of noise": motionless_with_noise,
    "swaying as a whole": swaying,
    "random walk": random_walk,
    "upside down": upside_down,
}
"""Changes that the limits were made for."""
OTHER: dict[str, Change] = {
    "permuted joints": permuted_joints,
    "frames reversed": reversed_frames,
    "mirrored": mirrored,
    "left and right names swapped": swapped_names,
    "halves of two clips": halves,
    "breathing still pose": breathing,
    "spinning still pose": spinning,
    "every third frame, repeated": repeated_frames,
}
"""Changes that nothing was made for; the last is an action still, and should be answered."""
CHANGES = {**DESIGNED, **OTHER}
