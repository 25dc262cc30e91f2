"""The actions of two persons, who face each other at a distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skeletonmae.datasets.synthetic.body import LEFT, RIGHT, Body
from skeletonmae.datasets.synthetic.stage import Stage, ease


@dataclass(frozen=True)
class PairAction:
    """How an action of two persons is performed and timed.

    Args:
        perform: Changes the poses of both stages; the third argument is their distance in meters.
        distance: Returns the distance of the two bodies in meters.
        seconds: Range of the duration, (minimum, maximum).
    """

    perform: Callable[[Stage, Stage, float], None]
    distance: Callable[[Body, Body], float]
    seconds: tuple[float, float]


def shake_hands(actor: Stage, partner: Stage, distance: float) -> None:
    """Hands meet halfway and go up and down."""
    hold = actor.bump(0, actor.uniform(0.25, 0.35), actor.uniform(0.65, 0.75), 1)
    shakes = actor.uniform(2, 5)
    pump = actor.uniform(0.015, 0.05) * actor.size * np.sin(2 * np.pi * shakes * actor.stroke) * hold
    height = 0.72 * (actor.body.shoulder_height + partner.body.shoulder_height) / 2 * actor.uniform(0.95, 1.05)
    sideways = actor.uniform(-0.04, 0.04)
    for s, sign in ((actor, 1), (partner, -1)):
        wrist = distance / 2 - 0.9 * s.body.hand
        s.pose.goal[RIGHT] = np.stack(
            [np.full_like(pump, sign * sideways), height + pump, np.full_like(pump, wrist)], axis=-1
        )
        s.pose.grip[RIGHT] = hold
        s.pose.aim[RIGHT] += hold[:, None] * (-0.6, 0.9, 3.0)
        s.pose.lean += s.uniform(0.08, 0.2) * hold
        s.pose.twist += 0.25 * hold
        s.pose.nod += s.uniform(-0.1, 0.2) * hold


def high_five(actor: Stage, partner: Stage, distance: float) -> None:
    """Raised hands meet halfway for a moment."""
    meet = actor.bump(0.15, 0.45, 0.52, 0.9)
    draw = actor.bump(0, 0.2, 0.25, 0.45)
    height = actor.uniform(1.0, 1.18) * (actor.body.shoulder_height + partner.body.shoulder_height) / 2
    sideways = actor.uniform(-0.05, 0.05)
    for s, sign in ((actor, 1), (partner, -1)):
        s.pose.goal[RIGHT] = (sign * sideways, height, distance / 2 - 0.04)
        s.pose.grip[RIGHT] = meet
        s.reach(RIGHT, s.jitter(0.35, 0.3, 0.3), draw)
        s.pose.aim[RIGHT] += np.maximum(draw, meet)[:, None] * (0, 3.0, 0.3)
        s.pose.lean += s.uniform(0, 0.15) * meet
        s.pose.twist += 0.3 * meet


def hand_over(actor: Stage, partner: Stage, distance: float) -> None:
    """The actor hands an object to the partner."""
    height = actor.uniform(0.72, 0.85) * (actor.body.shoulder_height + partner.body.shoulder_height) / 2
    sideways = actor.uniform(-0.05, 0.05)
    held, give = actor.jitter(-0.1, -0.45, 0.5), actor.bump(0.1, 0.38, 0.55, 0.85)
    actor.reach(RIGHT, held, ease((0.6 - actor.stroke) / 0.1))
    take = partner.bump(0.25, 0.45, 0.55, 0.85)
    partner.reach(RIGHT, partner.jitter(-0.1, -0.45, 0.5), ease((partner.stroke - 0.5) / 0.1))
    for s, sign, out in ((actor, 1, give), (partner, -1, take)):
        s.pose.goal[RIGHT] = (sign * sideways, height, distance / 2 - 0.9 * s.body.hand)
        s.pose.grip[RIGHT] = out
        s.pose.aim[RIGHT] += out[:, None] * (-0.6, 0.9, 3.0)
        s.pose.lean += s.uniform(0.05, 0.2) * out
        s.pose.twist += 0.2 * out


def shake_distance(actor: Body, partner: Body) -> float:
    """Distance at which both hands reach the middle."""
    return 1.55 * min(actor.arm, partner.arm) + actor.hand + partner.hand


def push(actor: Stage, partner: Stage, distance: float) -> None:
    """The actor pushes with one hand or both; the partner staggers back."""
    strike = actor.bump(0.22, 0.42, 0.5, 0.8)
    draw = actor.bump(0, 0.2, 0.24, 0.42)
    both = actor.chance(0.7)
    for side, sign in ((RIGHT, 1), (LEFT, -1))[: 1 + both]:
        chest = partner.body.shoulder_height - actor.uniform(0.05, 0.2)
        actor.pose.goal[side] = (sign * 0.1, chest, distance - 0.13)
        actor.pose.grip[side] = strike
        actor.reach(side, actor.jitter(0.15, -0.2, 0.35), np.maximum(draw, strike))
        actor.pose.aim[side] += strike[:, None] * (0, 2.0, 0.5)
    actor.pose.lean += 0.3 * actor.size * strike - 0.08 * draw
    actor.pose.thigh[LEFT] += 0.5 * actor.size * strike
    actor.pose.knee[LEFT] += 0.35 * strike
    actor.pose.thigh[RIGHT] -= 0.3 * actor.size * strike

    hit = ease((partner.stroke - 0.42) / 0.12) * ease((1 - partner.stroke) / 0.3)
    partner.pose.lean -= partner.uniform(0.2, 0.4) * partner.size * hit
    partner.pose.bend += 0.35 * hit
    partner.pose.nod += 0.25 * hit
    back = np.clip((partner.stroke - 0.44) / 0.5, 0, 1) * 2 * np.pi
    for side, sign in ((RIGHT, 1), (LEFT, -1)):
        partner.pose.thigh[side] += partner.size * hit * (0.1 - 0.4 * sign * np.sin(back))
        partner.pose.knee[side] += hit * (0.15 + 0.6 * np.maximum(0, sign * np.cos(back)))
        partner.reach(side, partner.jitter(0.35, -0.3, 0.6, spread=0.15), hit * partner.uniform(0.4, 1))


def push_distance(actor: Body, _: Body) -> float:
    """Distance at which the actor's stretched arms reach the partner's chest."""
    return actor.arm + 0.24


PAIR_ACTIONS: dict[str, PairAction] = {
    "shake hands": PairAction(shake_hands, shake_distance, (1.8, 3.4)),
    "high five": PairAction(high_five, shake_distance, (1.4, 2.6)),
    "hand over": PairAction(hand_over, shake_distance, (1.8, 3.2)),
    "push": PairAction(push, push_distance, (1.4, 2.4)),
}
"""Two-person actions by class name."""
