"""Recordings whose class is a pose, so that any part of a clip tells it, and a classifier of them."""

from __future__ import annotations

import numpy as np

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20

CLASSES = ("left", "right", "up")
DIRECTIONS = np.array([[-1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0]])
FPS = 30.0


def pose(label: int, seed: int = 0) -> np.ndarray:
    """A body about as large as a person whose hands point in the direction of a class, `(joint, axis)`."""
    body = np.random.default_rng(99).normal(scale=0.3, size=(20, 3))
    body[[7, 11]] = body[2] + DIRECTIONS[label]
    return body + np.random.default_rng(seed).normal(scale=0.03, size=(20, 3))


def motion(label: int, num_frames: int, seed: int = 0) -> np.ndarray:
    """The pose of a class on a body that swings, `(frame, joint, axis)`."""
    swing = 0.3 * np.sin(np.arange(num_frames) / 3 + seed)
    return pose(label, seed) + swing[:, None, None] * np.linspace(0.2, 1, 20)[:, None]


def tall_body(num_frames: int) -> np.ndarray:
    """The pose `up`, upright and in motion, by a body of unseen proportions: three times as tall."""
    return motion(2, num_frames) * np.array([1.0, 3.0, 1.0])


def clip(label: int, seed: int, num_frames: int = 45) -> SkeletonSequence:
    """A labeled clip of 1.5 s."""
    return SkeletonSequence.from_positions(
        motion(label, num_frames, seed),
        KINECT20,
        name=f"clip {seed}",
        fps=FPS,
        label=CLASSES[label],
        tags={"subject": str(seed % 4)},
    )


def uncut(
    labels: list[int], num_frames: int = 60, rest: int = 45
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Actions of two seconds, before, between and after which a body rests: coordinates, and (start, end, label)."""
    parts, spans, time = [], [], 0
    last = motion(labels[0], 1, 50)[0]
    for number, label in enumerate(labels):
        action = motion(label, num_frames, 50 + number)
        still = np.repeat(last[None], rest, 0)
        parts += [still, action]
        spans.append((time + rest, time + rest + num_frames, label))
        time += rest + num_frames
        last = action[-1]
    parts.append(np.repeat(last[None], rest, 0))
    return np.concatenate(parts), spans
