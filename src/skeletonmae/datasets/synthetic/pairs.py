"""What two persons can do. Each changes the poses of both, who face each other at a distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skeletonmae.datasets.synthetic.body import LEFT, RIGHT, Body
from skeletonmae.datasets.synthetic.stage import Stage, ease


@dataclass(frozen=True)
class PairAction:
    """How an action of two is performed and timed.

    Args:
        perform: changes the poses of both stages; the third argument is their distance in metres.
        distance: at which the two bodies stand, metres.
        seconds: it takes, (least, most).
    """

    perform: Callable[[Stage, Stage, float], None]
    distance: Callable[[Body, Body], float]
    seconds: tuple[float, float]


def shake_hands(one: Stage, other: Stage, distance: float) -> None:
    """Hands meet halfway and go up and down."""
    hold = one.bump(0, one.between(0.25, 0.35), one.between(0.65, 0.75), 1)
    shakes = one.between(2, 5)
    pump = one.between(0.015, 0.05) * one.size * np.sin(2 * np.pi * shakes * one.stroke) * hold
    height = 0.72 * (one.body.shoulder_height + other.body.shoulder_height) / 2 * one.between(0.95, 1.05)
    sideways = one.between(-0.04, 0.04)
    for s, sign in ((one, 1), (other, -1)):
        wrist = distance / 2 - 0.9 * s.body.hand
        s.pose.goal[RIGHT] = np.stack(
            [np.full_like(pump, sign * sideways), height + pump, np.full_like(pump, wrist)], axis=-1
        )
        s.pose.grip[RIGHT] = hold
        s.pose.aim[RIGHT] += hold[:, None] * (-0.6, 0.9, 3.0)
        s.pose.lean += s.between(0.08, 0.2) * hold
        s.pose.twist += 0.25 * hold
        s.pose.nod += s.between(-0.1, 0.2) * hold


def high_five(one: Stage, other: Stage, distance: float) -> None:
    """Raised hands meet halfway for a moment."""
    meet = one.bump(0.15, 0.45, 0.52, 0.9)
    draw = one.bump(0, 0.2, 0.25, 0.45)
    height = one.between(1.0, 1.18) * (one.body.shoulder_height + other.body.shoulder_height) / 2
    sideways = one.between(-0.05, 0.05)
    for s, sign in ((one, 1), (other, -1)):
        s.pose.goal[RIGHT] = (sign * sideways, height, distance / 2 - 0.04)
        s.pose.grip[RIGHT] = meet
        s.reach(RIGHT, s.near(0.35, 0.3, 0.3), draw)
        s.pose.aim[RIGHT] += np.maximum(draw, meet)[:, None] * (0, 3.0, 0.3)
        s.pose.lean += s.between(0, 0.15) * meet
        s.pose.twist += 0.3 * meet


def hand_over(one: Stage, other: Stage, distance: float) -> None:
    """The one gives what they hold to the other."""
    height = one.between(0.72, 0.85) * (one.body.shoulder_height + other.body.shoulder_height) / 2
    sideways = one.between(-0.05, 0.05)
    held, give = one.near(-0.1, -0.45, 0.5), one.bump(0.1, 0.38, 0.55, 0.85)
    one.reach(RIGHT, held, ease((0.6 - one.stroke) / 0.1))
    take = other.bump(0.25, 0.45, 0.55, 0.85)
    other.reach(RIGHT, other.near(-0.1, -0.45, 0.5), ease((other.stroke - 0.5) / 0.1))
    for s, sign, out in ((one, 1, give), (other, -1, take)):
        s.pose.goal[RIGHT] = (sign * sideways, height, distance / 2 - 0.9 * s.body.hand)
        s.pose.grip[RIGHT] = out
        s.pose.aim[RIGHT] += out[:, None] * (-0.6, 0.9, 3.0)
        s.pose.lean += s.between(0.05, 0.2) * out
        s.pose.twist += 0.2 * out


def reach_of_shake(one: Body, other: Body) -> float:
    """At which both reach the middle."""
    return 1.55 * min(one.arm, other.arm) + one.hand + other.hand


def push(one: Stage, other: Stage, distance: float) -> None:
    """The one thrusts with one hand or both, the other staggers back."""
    strike = one.bump(0.22, 0.42, 0.5, 0.8)
    draw = one.bump(0, 0.2, 0.24, 0.42)
    both = one.chance(0.7)
    for side, sign in ((RIGHT, 1), (LEFT, -1))[: 1 + both]:
        chest = other.body.shoulder_height - one.between(0.05, 0.2)
        one.pose.goal[side] = (sign * 0.1, chest, distance - 0.13)
        one.pose.grip[side] = strike
        one.reach(side, one.near(0.15, -0.2, 0.35), np.maximum(draw, strike))
        one.pose.aim[side] += strike[:, None] * (0, 2.0, 0.5)
    one.pose.lean += 0.3 * one.size * strike - 0.08 * draw
    one.pose.thigh[LEFT] += 0.5 * one.size * strike
    one.pose.knee[LEFT] += 0.35 * strike
    one.pose.thigh[RIGHT] -= 0.3 * one.size * strike

    hit = ease((other.stroke - 0.42) / 0.12) * ease((1 - other.stroke) / 0.3)
    other.pose.lean -= other.between(0.2, 0.4) * other.size * hit
    other.pose.bend += 0.35 * hit
    other.pose.nod += 0.25 * hit
    back = np.clip((other.stroke - 0.44) / 0.5, 0, 1) * 2 * np.pi
    for side, sign in ((RIGHT, 1), (LEFT, -1)):
        other.pose.thigh[side] += other.size * hit * (0.1 - 0.4 * sign * np.sin(back))
        other.pose.knee[side] += hit * (0.15 + 0.6 * np.maximum(0, sign * np.cos(back)))
        other.reach(side, other.near(0.35, -0.3, 0.6, spread=0.15), hit * other.between(0.4, 1))


def reach_of_push(one: Body, _: Body) -> float:
    """At which the one's stretched arms reach the other's chest."""
    return one.arm + 0.24


PAIR_ACTIONS: dict[str, PairAction] = {
    "shake hands": PairAction(shake_hands, reach_of_shake, (1.8, 3.4)),
    "high five": PairAction(high_five, reach_of_shake, (1.4, 2.6)),
    "hand over": PairAction(hand_over, reach_of_shake, (1.8, 3.2)),
    "push": PairAction(push, reach_of_push, (1.4, 2.4)),
}
"""Two-person actions by class name."""
