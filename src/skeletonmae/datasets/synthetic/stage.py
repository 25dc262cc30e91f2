"""The stage of one person: time, the pose so far, and the operations by which an action changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.datasets.synthetic.body import Body, Pose


@dataclass
class Stage:
    """A performance: `repetitions` of an action that starts at second `start`.

    Args:
        rng: Random generator of this performance.
        body: Body of the person.
        times: Times of the frames, in seconds.
        start: Start of the action; may be before the first frame.
        seconds: Duration of one repetition.
        repetitions: Number of repetitions, at least 1; cyclic actions may end within one.
        size: Amplitude; 1 is average.
        pose: The pose so far; actions change it.
        steady: How much to suppress the personal style of each hand, 0 to 1, because the hand must meet something.
    """

    rng: np.random.Generator
    body: Body
    times: np.ndarray
    start: float
    seconds: float
    repetitions: float
    size: float
    pose: Pose
    steady: np.ndarray

    def __post_init__(self) -> None:
        turns = (self.times - self.start) / self.seconds
        rubato = 0.06 * smooth_noise(self.rng, self.times, 0.8, 1)[:, 0]
        self.progress = np.clip(turns + rubato, 0, self.repetitions)
        """Number of repetitions completed, with a slightly irregular tempo."""
        self.phase = 2 * np.pi * (self.progress + self.rng.random())
        """Phase of a cyclic action in radians, from a random start."""
        last = np.ceil(self.repetitions) - 1
        self.stroke = np.clip(self.progress - np.minimum(np.floor(self.progress), last), 0, 1)
        """Progress within the repetition, from 0 to 1."""
        fade = max(0.35, 0.15 * self.seconds)
        passed = (self.times - self.start) / fade
        left = (self.start + self.seconds * self.repetitions - self.times) / fade
        self.on = ease(passed) * ease(left)
        """1 during the action, 0 before and after."""

    def path(self, at: Sequence[float], values: object) -> np.ndarray:
        """Interpolate `values` at the fractions `at` of a repetition, without overshoot; `(frame, ...)`."""
        from scipy.interpolate import PchipInterpolator  # slow to import, and only needed to generate motion

        interpolated: np.ndarray = PchipInterpolator(at, np.asarray(values, dtype=float))(self.stroke)
        return interpolated

    def bump(self, rise: float, top: float, fall: float, end: float) -> np.ndarray:
        """A curve that is 1 from fraction `top` to `fall` of a repetition, and 0 before `rise` and after `end`."""
        bump: np.ndarray = ease((self.stroke - rise) / (top - rise)) * ease((end - self.stroke) / (end - fall))
        return bump

    def jitter(self, *values: float, spread: float = 0.06) -> np.ndarray:
        """The given values with random variation, constant throughout the performance."""
        return np.array(values) + self.rng.normal(0, spread, len(values))

    def uniform(self, low: float, high: float) -> float:
        """A uniform random value, constant throughout the performance."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True in this fraction of performances."""
        return bool(self.rng.random() < share)

    def reach(self, side: int, target: np.ndarray, weight: np.ndarray) -> None:
        """Move a hand towards `target` (outward, up, forward; in arm lengths) by `weight`, `(frame,)`."""
        share = np.clip(weight, 0, 1)[:, None]
        self.pose.hand[side] += share * (target - self.pose.hand[side])

    def bow_legs(self, depth: np.ndarray, stance: float = 0.0) -> None:
        """Bend both knees by `depth` radians, with the hips over the feet."""
        self.pose.thigh += 0.55 * depth
        self.pose.knee += depth
        self.pose.splay += stance


def ease(share: np.ndarray) -> np.ndarray:
    """Smoothstep: from 0 at 0 to 1 at 1, with zero velocity at both ends."""
    x = np.clip(share, 0, 1)
    eased: np.ndarray = x * x * (3 - 2 * x)
    return eased


def smooth_noise(rng: np.random.Generator, times: np.ndarray, period: float, columns: int) -> np.ndarray:
    """Independent smooth noise of unit size, `(frame, columns)`, with a new value every `period` seconds."""
    position = (times - times[0]) / period + rng.random()
    left = position.astype(int)
    knots = rng.standard_normal((int(left[-1]) + 2, columns))
    share = ease(position - left)[:, None]
    noise: np.ndarray = knots[left] * (1 - share) + knots[left + 1] * share
    return noise


def swung(forward: np.ndarray, outward: float = 0.12, length: float = 0.95) -> np.ndarray:
    """Position of the hand when the arm is rotated `forward` radians from hanging."""
    down = np.cos(outward)
    local = [np.full_like(forward, np.sin(outward)), -np.cos(forward) * down, np.sin(forward) * down]
    return length * np.stack(local, axis=-1)
