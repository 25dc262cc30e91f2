"""Actions of the whole body. All are for the right hand and foot."""

from __future__ import annotations

import numpy as np

from skeletonmae.datasets.synthetic.body import LEFT, RIGHT
from skeletonmae.datasets.synthetic.stage import Stage, ease, swung


def stride(s: Stage, size: float) -> None:
    """Legs of a walk."""
    on = s.on * size
    for side, phase in ((RIGHT, s.phase), (LEFT, s.phase + np.pi)):
        s.pose.thigh[side] += on * (0.08 + 0.42 * np.sin(phase))
        s.pose.knee[side] += on * (0.1 + 0.85 * np.maximum(0, np.cos(phase + 0.4)) ** 2)
        roll = 0.55 * np.maximum(0, np.cos(phase + 1.5)) ** 2 - 0.25 * np.maximum(0, np.sin(phase)) ** 4
        s.pose.toe[side] += on * roll
    s.pose.twist += 0.1 * on * np.sin(s.phase)
    s.pose.tilt += 0.04 * on * np.cos(s.phase)


def walk(s: Stage) -> None:
    """Ahead, in a straight line or a bend."""
    stride(s, s.size)
    s.pose.lean += 0.04 * s.on
    s.pose.heading += s.uniform(-0.8, 0.8) * s.progress / s.repetitions
    swing = s.uniform(0.25, 0.6) * s.size
    bent = s.uniform(0.86, 0.97)
    for side, sign in ((RIGHT, -1), (LEFT, 1)):
        s.reach(side, swung(0.1 + sign * swing * np.sin(s.phase), length=bent), 0.9 * s.on)


def run_in_place(s: Stage) -> None:
    """Fast steps on the spot, heels behind, arms bent."""
    heels, knees = s.uniform(0.8, 1.7), s.uniform(0.3, 0.9)
    swing, bent = s.uniform(0.2, 0.7), s.uniform(0.66, 0.9)
    for side, sign in ((RIGHT, 1), (LEFT, -1)):
        up = np.maximum(0, sign * np.sin(s.phase)) * s.size
        s.pose.thigh[side] += s.on * (0.12 + knees * up)
        s.pose.knee[side] += s.on * (0.25 + heels * up)
        s.pose.toe[side] += s.on * 0.5 * up
        s.reach(side, swung(0.35 - sign * swing * s.size * np.sin(s.phase), length=bent), s.on)
    s.pose.lift += s.on * 0.05 * s.size * np.cos(s.phase) ** 4
    s.pose.lean += 0.08 * s.on


def march(s: Stage) -> None:
    """On the spot, knees high, shanks hanging."""
    high, swing, bent = s.uniform(0.7, 1.4), s.uniform(0.2, 0.8), s.uniform(0.7, 0.98)
    for side, sign in ((RIGHT, 1), (LEFT, -1)):
        up = np.maximum(0, sign * np.sin(s.phase)) ** 1.5 * s.size
        s.pose.thigh[side] += s.on * high * up
        s.pose.knee[side] += s.on * 1.05 * high * up
        s.pose.toe[side] += s.on * 0.3 * up
        s.reach(side, swung(0.1 - sign * swing * np.sin(s.phase), length=bent), s.on)


def jump(s: Stage) -> None:
    """Crouch, swing the arms, fly, land."""
    depth = s.size * s.uniform(0.7, 1.3)
    crouch = s.path((0, 0.3, 0.42, 0.52, 0.62, 0.75, 1), (0, 1, 0, 0.1, 0, 0.75, 0))
    s.bow_legs(depth * crouch)
    s.pose.lean += 0.3 * depth * crouch
    s.pose.bend += 0.25 * depth * crouch
    air = np.clip((s.stroke - 0.4) / 0.24, 0, 1)
    s.pose.lift += 4 * s.uniform(0.12, 0.3) * s.size * air * (1 - air)
    s.pose.toe += 0.5 * s.bump(0.36, 0.42, 0.58, 0.66)
    throw_up = s.uniform(0.4, 2.6)
    swing = s.path((0, 0.25, 0.48, 0.7, 1), (0.1, -0.7, throw_up, 0.5, 0.1))
    for side in (LEFT, RIGHT):
        s.reach(side, swung(swing, s.uniform(0.1, 0.3)), s.on)


def squat(s: Stage) -> None:
    """Down and up, the arms in one of four places."""
    deep = s.bump(0, 0.42, 0.55, 1)
    depth = s.size * s.uniform(1.3, 2.0)
    s.bow_legs(depth * deep, s.uniform(0, 0.15))
    s.pose.thigh += 0.12 * depth * deep
    s.pose.lean += 0.25 * depth * deep
    s.pose.nod -= 0.2 * deep
    arms = ((0.05, 0.05, 0.9), (0.1, -0.7, 0.55), (0.1, 0.3, 0.25), (0.35, -0.4, 0.1))
    target, when = s.jitter(*arms[s.rng.integers(4)]), deep if s.chance(0.6) else s.on
    for side in (LEFT, RIGHT):
        s.reach(side, target, when)


def seated(s: Stage, share: np.ndarray) -> None:
    """Sit by `share`, `(frame,)`: 0 is standing, 1 is sitting on a chair."""
    fold = s.uniform(1.35, 1.55)
    s.pose.thigh += fold * share
    s.pose.knee += (fold + s.uniform(-0.1, 0.15)) * share
    s.pose.lean += -0.08 * share
    s.pose.splay += 0.1 * share


def sit_down(s: Stage, backwards: bool = False) -> None:
    """Sit down on a chair; `backwards` in time is standing up."""
    share = s.progress if not backwards else 1 - s.progress
    down = ease((share - 0.2) / 0.7)
    seated(s, down)
    effort = np.sin(np.pi * np.clip(share / 0.95, 0, 1)) ** 1.5 * s.size
    s.pose.lean += 0.55 * effort
    s.pose.bend += 0.3 * effort
    rest = s.jitter(0.0, -0.62, 0.5)
    push = s.jitter(0.3, -0.75, 0.1) if s.chance(0.5) else s.jitter(0.1, -0.5, 0.6)
    for side in (LEFT, RIGHT):
        s.reach(side, push, 0.8 * effort)
        s.reach(side, rest, ease((share - 0.75) / 0.25))


def stand_up(s: Stage) -> None:
    """From a chair."""
    sit_down(s, backwards=True)


def bow(s: Stage) -> None:
    """Bend the trunk over straight legs."""
    down = s.bump(0, 0.4, 0.6, 1) * s.size * s.uniform(0.7, 1.2)
    s.pose.lean += 0.55 * down
    s.pose.bend += 0.7 * down
    s.pose.nod += 0.3 * down
    front = s.chance(0.5)
    for side in (LEFT, RIGHT):
        s.reach(side, s.jitter(-0.15, -0.8, 0.45) if front else s.jitter(0.1, -0.95, 0.0), np.clip(down, 0, 1))


def pick_up(s: Stage) -> None:
    """Reach to the floor with one hand or both, knees more or less bent."""
    down = s.bump(0, 0.4, 0.5, 0.9)
    knees = s.uniform(0.5, 1.9)
    s.bow_legs(knees * down)
    s.pose.lean += (1.2 - 0.3 * knees) * down
    s.pose.bend += (1.1 - 0.2 * knees) * down
    ahead = s.uniform(0.2, 0.4)
    both = s.chance(0.35)
    held = ease((s.stroke - 0.5) / 0.35) * (s.chance(0.6))
    for side, out in ((RIGHT, 0.08), (LEFT, -0.08))[: 1 + both]:
        s.pose.goal[side] = (out, 0.12, ahead)
        s.pose.grip[side] = s.bump(0, 0.4, 0.5, 0.85)
        s.reach(side, s.jitter(-0.1, -0.45, 0.55), held)
        s.steady[side] = 0.7


def kick(s: Stage) -> None:
    """Draw the leg back, swing it forward and up."""
    high, back = s.size * s.uniform(0.7, 1.5), s.uniform(0.2, 0.7)
    at = (0, 0.3, 0.42, 0.52, 0.75, 1)
    s.pose.thigh[RIGHT] += s.path(at, (0, -back, 0.6 * high, high, 0.2, 0))
    s.pose.knee[RIGHT] += s.path(at, (0, 0.6 + back, 1.0, 0.05, 0.5, 0))
    s.pose.toe[RIGHT] += s.path(at, (0, 0.6, 0.2, 0.5 - high, 0.1, 0))
    s.pose.knee[LEFT] += 0.25 * s.bump(0, 0.3, 0.6, 1)
    s.pose.thigh[LEFT] += 0.15 * s.bump(0, 0.3, 0.6, 1)
    s.pose.lean -= s.path(at, (0, -0.1, 0.1, 0.25 * high, 0.05, 0))
    s.pose.twist += s.path(at, (0, -0.2, 0.1, 0.3, 0.1, 0))
    out = s.uniform(0.2, 0.9)
    swing = s.path(at, (0.1, 0.7, 0.2, -0.5, 0, 0.1))
    s.reach(LEFT, swung(swing, out), s.bump(0, 0.25, 0.7, 1))
    s.reach(RIGHT, swung(-swing, 0.6 * out), s.bump(0, 0.25, 0.7, 1))


def turn(s: Stage) -> None:
    """A quarter to half a turn to either side, in steps."""
    angle = s.uniform(1.4, 3.3) * (1 if s.chance(0.5) else -1)
    share = ease(s.progress)
    s.pose.heading += angle * share
    s.pose.look += 0.5 * np.sign(angle) * s.bump(0, 0.2, 0.6, 1)
    s.pose.twist += 0.2 * np.sign(angle) * s.bump(0, 0.25, 0.6, 1)
    phase = abs(angle) * 1.6 * share * np.pi / 2
    for side, sign in ((RIGHT, 1), (LEFT, -1)):
        up = np.maximum(0, sign * np.sin(2 * phase)) * s.bump(0, 0.1, 0.9, 1)
        s.pose.thigh[side] += 0.35 * s.size * up
        s.pose.knee[side] += 0.6 * s.size * up
