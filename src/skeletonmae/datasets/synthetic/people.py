"""People: bodies with an individual tempo, posture and style of movement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skeletonmae.datasets.synthetic.body import LEFT, RIGHT, Body, Pose
from skeletonmae.datasets.synthetic.stage import Stage, smooth_noise, swung
from skeletonmae.datasets.synthetic.whole_body import seated, stride

NUM_SUBJECTS = 40
_TRUNK = ("lean", "tilt", "bend", "side", "twist", "nod", "look")
_SIDES = ("thigh", "splay", "knee", "elbow")
# Amplitude of the style of each trunk angle, of each side angle (left, right), and of the hands (left, right).
_SCALE = np.array(
    [0.04, 0.03, 0.09, 0.07, 0.12, 0.12, 0.18] + [0.05] * 2 + [0.03] * 2 + [0.08] * 2 + [0.25] * 2 + [0.12] * 6
)


@dataclass(frozen=True)
class Person:
    """The properties of a person that are the same in all recordings."""

    body: Body
    left_handed: bool
    tempo: float
    size: float
    posture: np.ndarray
    style_seed: int

    @classmethod
    def random(cls, rng: np.random.Generator) -> Person:
        """Sample a person."""
        return cls(
            body=Body.random(rng),
            left_handed=bool(rng.random() < 0.2),
            tempo=float(np.exp(rng.normal(0, 0.18))),
            size=float(np.clip(rng.normal(1, 0.12), 0.75, 1.3)),
            posture=rng.normal(0, 1, len(_SCALE)) * _SCALE,
            style_seed=int(rng.integers(2**31)),
        )

    def style(self, action: int, progress: np.ndarray) -> np.ndarray:
        """Personal deviations in an action, over its `progress` in repetitions; `(frame, value)`."""
        rng = np.random.default_rng([self.style_seed, action])
        waves = np.arange(1, 3)
        angle = 2 * np.pi * (progress[:, None, None] * waves[:, None] + rng.random((2, len(_SCALE))))
        amount: np.ndarray = (np.sin(angle) * rng.normal(0, 0.8, (2, len(_SCALE))) / waves[:, None]).sum(1)
        return amount


def stand(stage: Stage, person: Person) -> None:
    """Set the posture before the action starts: swaying, looking around, with hanging arms."""
    pose, rng, times = stage.pose, stage.rng, stage.times
    sway = smooth_noise(rng, times, 0.9, len(_SCALE)) * _SCALE * rng.uniform(0.3, 1.0)
    _shift(pose, person.posture + sway, stage.steady)
    pose.splay += rng.uniform(-0.02, 0.12)
    pose.heading += 0.2 * smooth_noise(rng, times, 1.5, 1)[:, 0]


def occupy_arms(stage: Stage) -> None:
    """Let the arms do something unrelated to the action."""
    times, always = stage.times, np.ones_like(stage.times)
    for side in (LEFT, RIGHT):
        match stage.rng.integers(7):
            case 0:  # hand on the hip
                stage.reach(side, stage.jitter(0.25, -0.62, -0.05), always)
            case 1:  # holding something
                stage.reach(side, stage.jitter(-0.15, -0.5, 0.5), always)
            case 2:  # swinging
                rate = stage.uniform(3, 8)
                stage.reach(side, swung(stage.uniform(0.1, 0.6) * np.sin(rate * times)), always)
            case 3:  # a short fidget
                when, last = stage.uniform(0, times[-1]), stage.uniform(0.25, 0.6)
                target = stage.jitter(-0.05, 0.0, 0.4, spread=0.3)
                stage.reach(side, target, 1.2 * np.exp(-(((times - when) / last) ** 2)))
            case 4:  # talking with the hands
                wander = smooth_noise(stage.rng, times, stage.uniform(0.25, 0.6), 3) * (0.15, 0.25, 0.15)
                stage.reach(side, stage.jitter(0.0, -0.3, 0.5) + wander, always)
            case _:
                pass


def occupy_legs(stage: Stage) -> None:
    """Sit, walk or shift weight during the action."""
    kind = stage.rng.random()
    if kind < 0.25:
        seated(stage, np.ones_like(stage.times))
    elif kind < 0.45:
        tempo = 2 * np.pi / stage.uniform(1, 1.4)
        phase, on = stage.phase, stage.on
        stage.phase, stage.on = tempo * stage.times + stage.uniform(0, 6.28), np.ones_like(stage.times)
        stride(stage, stage.uniform(0.4, 0.9))
        stage.phase, stage.on = phase, on
    else:
        shift = 0.06 * smooth_noise(stage.rng, stage.times, 1.2, 1)[:, 0]
        stage.pose.tilt += shift
        stage.pose.side -= shift


def personalize(stage: Stage, person: Person, action: int) -> None:
    """Add the personal style and a random variation; knee angles stay in the anatomical range."""
    drift = 0.7 * smooth_noise(stage.rng, stage.times, 0.6, len(_SCALE))
    amount = (person.style(action, stage.progress) + drift) * _SCALE * stage.on[:, None]
    _shift(stage.pose, amount, stage.steady)
    stage.pose.knee = np.clip(stage.pose.knee, 0.02, 2.4)


def _shift(pose: Pose, amount: np.ndarray, steady: np.ndarray) -> None:
    values = np.broadcast_to(amount, (len(pose.lean), len(_SCALE))).T
    for name, value in zip(_TRUNK, values, strict=False):
        getattr(pose, name)[...] += value
    for index, name in enumerate(_SIDES):
        getattr(pose, name)[...] += values[7 + 2 * index : 9 + 2 * index]
    free = (1 - steady)[:, None, None]
    pose.hand += free * values[15:].reshape(2, 3, -1).transpose(0, 2, 1)
