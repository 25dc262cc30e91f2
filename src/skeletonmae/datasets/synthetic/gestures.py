"""Actions of the arms, which a person may do standing, walking or sitting. All are for the right hand."""

from __future__ import annotations

import numpy as np

from skeletonmae.datasets.synthetic.body import LEFT, RIGHT
from skeletonmae.datasets.synthetic.stage import Stage


def wave(s: Stage) -> None:
    """A raised hand, or both, from side to side."""
    center = s.jitter(0.35, s.uniform(-0.05, 0.6), 0.3)
    wide = s.size * s.uniform(0.18, 0.32)
    sideways = wide * np.sin(s.phase)[:, None] * np.array([1, 0, 0])
    dip = -0.3 * wide * np.cos(2 * s.phase)[:, None] * np.array([0, 1, 0])
    for side in (RIGHT, LEFT)[: 1 + s.chance(0.15)]:
        s.reach(side, center + sideways + dip, s.on)
        s.pose.aim[side] += s.on[:, None] * (0, 1.5, 0) + 2 * s.on[:, None] * sideways


def clap(s: Stage) -> None:
    """Hands meet in front of the body."""
    width = s.body.shoulder / s.body.arm
    up, forward = s.jitter(s.uniform(-0.55, 0.35), s.uniform(0.4, 0.65))
    gap = s.uniform(0.08, 0.3) * s.size * (1 + np.cos(s.phase))
    palm = 0.02 / s.body.arm
    hand = np.stack(
        [gap + palm - 0.985 * width, np.full_like(gap, up) + 0.2 * gap, np.full_like(gap, forward)], axis=-1
    )
    for side in (LEFT, RIGHT):
        s.reach(side, hand, s.on)
        s.pose.aim[side] += s.on[:, None] * np.array([0.75, 1.5, 1.5])
    s.steady[:] = 1


def throw(s: Stage) -> None:
    """Over the shoulder or from the side."""
    at = (0, 0.35, 0.45, 0.55, 0.7, 1)
    over = s.uniform(0, 1)
    back = over * np.array([0.45, 0.5, -0.3]) + (1 - over) * np.array([0.85, 0.0, -0.4])
    hand = [(0.12, -0.96, 0.08), s.jitter(*back), s.jitter(0.4, 0.55, 0.35), s.jitter(0.0, 0.2, 0.95),
            s.jitter(-0.35, -0.55, 0.55), (0.12, -0.96, 0.08)]  # fmt: skip
    s.reach(RIGHT, s.path(at, hand), s.on)
    aiming = [(0.12, -0.96, 0.08), s.jitter(0.1, 0.0, 0.8), s.jitter(0.2, -0.2, 0.7), s.jitter(0.3, -0.6, 0.2),
              s.jitter(0.3, -0.8, -0.1), (0.12, -0.96, 0.08)]  # fmt: skip
    s.reach(LEFT, s.path(at, aiming), s.on * s.uniform(0.2, 1))
    s.pose.twist += s.size * s.path(at, (0, -0.55, -0.2, 0.3, 0.45, 0))
    s.pose.lean += s.size * s.path(at, (0, -0.1, 0, 0.15, 0.25, 0))
    step = s.uniform(0, 0.6)
    s.pose.thigh[LEFT] += step * s.path(at, (0, 0.8, 0.7, 0.6, 0.5, 0))
    s.pose.knee[LEFT] += step * s.path(at, (0, 1.2, 0.4, 0.3, 0.4, 0))
    s.pose.thigh[RIGHT] -= step * s.path(at, (0, 0, 0.4, 0.6, 0.5, 0))


def punch(s: Stage) -> None:
    """From a guard, with one hand or both in turn."""
    guard = s.jitter(-0.1, s.uniform(-0.2, 0.1), 0.38)
    strike = s.jitter(-0.25, s.uniform(-0.15, 0.25), 0.97)
    at = (0, 0.3, 0.5, 0.6, 0.8, 1)
    alternate = s.chance(0.5)
    second = (s.progress % 2 >= 1) & (s.progress < s.repetitions) & alternate
    blow = s.path(at, (0, -0.08, 1, 0.95, 0.1, 0)) * s.size
    for side, is_striking in ((RIGHT, ~second), (LEFT, second)):
        s.reach(side, guard + (blow * is_striking)[:, None] * (strike - guard), s.on)
    s.pose.twist += 0.45 * np.where(second, -blow, blow)
    s.pose.lean += 0.12 * blow
    s.pose.knee += 0.25 * s.on
    s.pose.thigh += s.on * np.array([[0.35], [-0.1]]) * s.uniform(0.3, 1)


def _at_face(s: Stage, target: np.ndarray, hold: np.ndarray) -> None:
    s.reach(RIGHT, target, hold)
    s.pose.elbow[RIGHT] += s.uniform(-0.2, 0.5) * hold
    s.steady[RIGHT] = 0.6


def drink(s: Stage) -> None:
    """Hand to the mouth, head tilted back."""
    hold = s.bump(0, s.uniform(0.25, 0.38), s.uniform(0.55, 0.7), 1)
    width = s.body.shoulder / s.body.arm
    sips = 0.04 * np.sin(3 * s.phase)[:, None] * np.array([0, 1, 0.5])
    _at_face(s, s.jitter(0.12 - width, 0.22, 0.34, spread=0.03) + sips, hold)
    s.pose.aim[RIGHT] += hold[:, None] * (-0.9, 0.4, 0)
    s.pose.nod -= s.size * 0.35 * s.bump(0.25, 0.45, 0.6, 0.8)


def phone_call(s: Stage) -> None:
    """Hand at the ear."""
    hold = s.bump(0, s.uniform(0.2, 0.3), s.uniform(0.75, 0.85), 1)
    width = s.body.shoulder / s.body.arm
    _at_face(s, s.jitter(0.32 - width, 0.13, 0.22, spread=0.03), hold)
    s.pose.aim[RIGHT] += hold[:, None] * (-0.3, 1.0, -0.4)
    s.pose.nod += 0.1 * hold
    s.pose.look -= s.uniform(-0.1, 0.4) * hold


def point(s: Stage) -> None:
    """A straight arm towards something."""
    hold = s.bump(0, s.uniform(0.18, 0.3), s.uniform(0.7, 0.82), 1)
    direction = np.array([s.uniform(-0.25, 0.75), s.uniform(-0.2, 0.5), s.uniform(0.4, 1)])
    s.reach(RIGHT, direction / np.linalg.norm(direction) * s.uniform(0.93, 1), hold)
    s.pose.look -= 0.5 * direction[0] * hold


def stretch(s: Stage) -> None:
    """Both arms overhead, the back arched."""
    hold = s.bump(0, 0.35, 0.65, 1)
    out = s.uniform(-0.2, 0.5)
    for side in (LEFT, RIGHT):
        s.reach(side, s.jitter(0.5, 0.1, 0.3), 2 * hold)
        s.reach(side, s.jitter(out, 0.93, 0.0), hold**2)
    s.pose.bend -= 0.25 * s.size * hold
    s.pose.nod -= 0.3 * hold
    s.pose.side += s.uniform(-0.5, 0.5) * hold
    s.pose.toe += s.uniform(0, 0.5) * hold


def scratch_head(s: Stage) -> None:
    """Hand on top of the head, rubbing."""
    hold = s.bump(0, s.uniform(0.2, 0.3), s.uniform(0.7, 0.82), 1)
    width = s.body.shoulder / s.body.arm
    rub = s.uniform(0.04, 0.09) * np.sin(s.uniform(2.5, 5) * s.phase)[:, None] * np.array([0.5, 0.4, 1])
    _at_face(s, s.jitter(0.28 - width, 0.48, 0.12, spread=0.04) + rub, hold)
    s.pose.aim[RIGHT] += hold[:, None] * (-1.0, 0.4, -0.3)
    s.pose.nod += s.uniform(0, 0.3) * hold


def check_watch(s: Stage) -> None:
    """Forearm across the chest, eyes on the wrist."""
    hold = s.bump(0, s.uniform(0.2, 0.3), s.uniform(0.7, 0.82), 1)
    s.reach(RIGHT, s.jitter(-0.3, -0.15, 0.42), hold)
    s.pose.elbow[RIGHT] += s.uniform(0.5, 1.2) * hold
    s.pose.nod += s.uniform(0.25, 0.5) * hold
    s.pose.look -= s.uniform(-0.2, 0.2) * hold
