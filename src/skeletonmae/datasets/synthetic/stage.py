"""The stage on which one person acts: time, the pose so far, and the ways an action changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from skeletonmae.datasets.synthetic.body import Body, Pose


@dataclass
class Stage:
    """One performance: `repetitions` of an action of `seconds` each, from second `start` on.

    Args:
        rng: of this performance.
        body: who performs.
        times: of the frames, seconds.
        start: when the action begins; may lie before the first frame.
        seconds: one repetition takes.
        repetitions: how many, at least 1; cyclic actions may end within one.
        size: 1 is an ordinary amplitude.
        pose: what the body does so far; actions change it.
        steady: how little personal style may move each hand, 0 to 1, where it has to meet something.
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
        """Repetitions done so far, with a tempo that is never quite even."""
        self.phase = 2 * np.pi * (self.progress + self.rng.random())
        """Of a cyclic action, in radians, from a random start."""
        last = np.ceil(self.repetitions) - 1
        self.stroke = np.clip(self.progress - np.minimum(np.floor(self.progress), last), 0, 1)
        """From 0 to 1 within each repetition."""
        fade = max(0.35, 0.15 * self.seconds)
        passed = (self.times - self.start) / fade
        left = (self.start + self.seconds * self.repetitions - self.times) / fade
        self.on = ease(passed) * ease(left)
        """1 while the action lasts, 0 before and after."""

    def path(self, at: Sequence[float], values: object) -> np.ndarray:
        """`values` at the shares `at` of each repetition, joined without overshoot; (frame, ...)."""
        joined: np.ndarray = PchipInterpolator(at, np.asarray(values, dtype=float))(self.stroke)
        return joined

    def bump(self, rise: float, top: float, fall: float, end: float) -> np.ndarray:
        """0, then 1 from share `top` to share `fall` of each repetition, then 0 again."""
        there: np.ndarray = ease((self.stroke - rise) / (top - rise)) * ease((end - self.stroke) / (end - fall))
        return there

    def near(self, *values: float, spread: float = 0.06) -> np.ndarray:
        """These values, a little different in each performance."""
        return np.array(values) + self.rng.normal(0, spread, len(values))

    def between(self, low: float, high: float) -> float:
        """A value that is the same throughout the performance."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True in this share of performances."""
        return bool(self.rng.random() < share)

    def reach(self, side: int, target: np.ndarray, weight: np.ndarray) -> None:
        """Take a hand from where it is to `target` (outward, up, forward; arm lengths) by `weight` (frame)."""
        share = np.clip(weight, 0, 1)[:, None]
        self.pose.hand[side] += share * (target - self.pose.hand[side])

    def bow_legs(self, depth: np.ndarray, stance: float = 0.0) -> None:
        """Bend both knees by `depth` radians each, hips over the feet."""
        self.pose.thigh += 0.55 * depth
        self.pose.knee += depth
        self.pose.splay += stance


def ease(share: np.ndarray) -> np.ndarray:
    """From 0 at 0 to 1 at 1 with no velocity at either end."""
    x = np.clip(share, 0, 1)
    eased: np.ndarray = x * x * (3 - 2 * x)
    return eased


def smooth_noise(rng: np.random.Generator, times: np.ndarray, period: float, columns: int) -> np.ndarray:
    """Independent noise of unit size (frame, columns) that wanders from value to value in `period` seconds."""
    place = (times - times[0]) / period + rng.random()
    left = place.astype(int)
    knots = rng.standard_normal((int(left[-1]) + 2, columns))
    share = ease(place - left)[:, None]
    wander: np.ndarray = knots[left] * (1 - share) + knots[left + 1] * share
    return wander


def swung(forward: np.ndarray, outward: float = 0.12, length: float = 0.95) -> np.ndarray:
    """Where the hand is when the arm swings `forward` radians from hanging."""
    down = np.cos(outward)
    local = [np.full_like(forward, np.sin(outward)), -np.cos(forward) * down, np.sin(forward) * down]
    return length * np.stack(local, axis=-1)
