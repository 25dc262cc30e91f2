"""A body of fixed limb lengths, and where its joints are in a given pose.

The person's own frame is right-handed: x to the right, y up, and forward is -z, as a person who faces a Kinect
stands in its coordinates. Hands are told as (outward, up, forward) from the shoulder, in arm lengths, so that one
number serves both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from skeletonmae.skeletons import NTU25

LEFT, RIGHT = 0, 1
GROUND = 0.02
"""Height of the lowest joint above the floor, metres."""
_SIGN = np.array([-1.0, 1.0])[:, None]
_SOLE = 0.35  # how far a flat foot's toe lies under its ankle, radians
_CLOSED_ELBOW = np.cos(np.radians(30))


@dataclass(frozen=True)
class Body:
    """Lengths in metres of everything between two joints."""

    lumbar: float
    thorax: float
    neck: float
    head: float
    shoulder: float
    upper_arm: float
    forearm: float
    hand: float
    hip: float
    thigh: float
    shank: float
    foot: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Body:
        """A person between about 1.5 and 1.95 m, slim or broad, with proportions of their own."""
        height = float(np.clip(rng.normal(1.71, 0.1), 1.48, 1.97))
        broad, legs = float(rng.normal(1, 0.07)), float(rng.normal(1, 0.03))
        own = rng.normal(1, 0.03, 12)
        share = np.array([0.17, 0.125, 0.04, 0.085, 0.105, 0.165, 0.145, 0.045, 0.05, 0.235, 0.235, 0.075])
        share[[0, 1]] *= 2 - legs
        share[[9, 10]] *= legs
        share[[4, 8]] *= broad
        return cls(*(height * share * own))

    @property
    def arm(self) -> float:
        """From shoulder to wrist."""
        return self.upper_arm + self.forearm

    @property
    def shoulder_height(self) -> float:
        """Of the shoulders above the floor when standing."""
        legs = 0.4 * self.hip + self.thigh + self.shank + self.foot * float(np.sin(_SOLE)) + GROUND
        return legs + self.lumbar + self.thorax - 0.173 * self.shoulder


@dataclass
class Pose:
    """What a body does over time: angles in radians, hands in arm lengths; sides are (left, right).

    Args:
        lean: of the pelvis, forward.
        tilt: of the pelvis, to the right.
        heading: turn of the whole body to its left.
        bend: of the spine, forward.
        side: of the spine, to the right.
        twist: of the spine, to the left.
        nod: of the head, forward.
        look: of the head, to the left.
        lift: of the lowest foot above the floor, metres.
        thigh: forward from hanging straight.
        splay: of the leg, outward.
        knee: flexion.
        toe: downward from the flat foot.
        elbow: outward raise of the elbow, no unit.
        hand: wrist from the shoulder as (outward, up, forward) of the chest, arm lengths.
        aim: added to the direction of the forearm to give that of the hand, in the same frame.
        goal: where the wrist should be as (right, up, forward) of the place where the person first stood, metres.
        grip: from 0, hand counts, to 1, goal counts.
    """

    lean: np.ndarray
    tilt: np.ndarray
    heading: np.ndarray
    bend: np.ndarray
    side: np.ndarray
    twist: np.ndarray
    nod: np.ndarray
    look: np.ndarray
    lift: np.ndarray
    thigh: np.ndarray
    splay: np.ndarray
    knee: np.ndarray
    toe: np.ndarray
    elbow: np.ndarray
    hand: np.ndarray
    aim: np.ndarray
    goal: np.ndarray
    grip: np.ndarray

    @classmethod
    def standing(cls, num_frames: int) -> Pose:
        """Upright, arms hanging."""
        trunk = np.zeros((9, num_frames))
        sides = np.zeros((5, 2, num_frames))
        sides[1], sides[2] = 0.06, 0.06
        hands = np.zeros((3, 2, num_frames, 3))
        hands[0] = (0.12, -0.96, 0.08)
        return cls(*[*trunk, *sides, *hands, np.zeros((2, num_frames))])


def joint_positions(body: Body, pose: Pose) -> Float[np.ndarray, "frame 25 3"]:
    """Joints of `NTU25`, metres; the person starts over the origin and the floor is y = 0.

    Every bone keeps its length. The lowest foot stands at `GROUND` plus the pose's `lift`, and does not slide: the
    body moves over it.
    """
    at: dict[str, np.ndarray] = {}
    zeros = np.zeros_like(pose.lean)
    heading = _turn(zeros, pose.heading, zeros)
    hips = heading @ _turn(pose.lean, zeros, pose.tilt)
    half = _turn(pose.bend / 2, pose.twist / 2, pose.side / 2)
    waist = hips @ half
    chest = waist @ half
    skull = chest @ _turn(pose.nod, pose.look, zeros)

    hip = np.stack([hips @ (sign * body.hip, -0.4 * body.hip, 0) for sign in (-1, 1)])
    knee = hip + body.thigh * _leg(heading, pose.thigh, pose.splay)
    shank_splay = pose.splay * np.cos(np.clip(pose.knee, 0, np.pi / 2))
    ankle = knee + body.shank * _leg(heading, pose.thigh - pose.knee, shank_splay)
    foot = ankle + body.foot * _foot(heading, pose.toe)

    heel = ankle[..., 1] - body.foot * np.sin(_SOLE)
    contact = np.minimum(heel, foot[..., 1])
    root = _root(ankle, contact)
    root[:, 1] = GROUND + pose.lift - contact.min(0)

    at["pelvis"] = root
    at["spine"] = root + waist @ (0, body.lumbar, 0)
    at["shoulder_center"] = at["spine"] + chest @ (0, body.thorax, 0)
    at["neck"] = at["shoulder_center"] + chest @ (0, body.neck, 0)
    at["head"] = at["neck"] + skull @ (0, 0.97 * body.head, -0.243 * body.head)
    shoulder = at["shoulder_center"] + np.stack(
        [chest @ (sign * 0.985 * body.shoulder, -0.173 * body.shoulder, 0) for sign in (-1, 1)]
    )
    elbow, wrist, hand, tip, thumb = _arm(body, pose, chest, shoulder)
    limbs = {
        "hip": hip + root, "knee": knee + root, "ankle": ankle + root, "foot": foot + root, "shoulder": shoulder,
        "elbow": elbow, "wrist": wrist, "hand": hand, "hand_tip": tip, "thumb": thumb,
    }  # fmt: skip
    for name, (left, right) in limbs.items():
        at[f"left_{name}"], at[f"right_{name}"] = left, right
    return np.stack([at[joint] for joint in NTU25.joints], axis=1)


def _turn(forward: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Rotation matrices: tilt to the right first, then forward, then turn to the left."""
    cf, sf, cl, sl, cr, sr = (f(a) for a in (forward, left, right) for f in (np.cos, np.sin))
    rows = [
        [cl * cr + sl * sf * sr, cl * sr - sl * sf * cr, sl * cf],
        [-cf * sr, cf * cr, sf],
        [-sl * cr + cl * sf * sr, -sl * sr - cl * sf * cr, cl * cf],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _leg(heading: np.ndarray, forward: np.ndarray, outward: np.ndarray) -> np.ndarray:
    """Unit directions (side, frame, 3) of a leg's bones swung `forward` and `outward` from hanging."""
    down = np.cos(outward)
    local = np.stack([_SIGN * np.sin(outward), -np.cos(forward) * down, -np.sin(forward) * down], axis=-1)
    return _rotate(heading, local)


def _foot(heading: np.ndarray, down: np.ndarray) -> np.ndarray:
    pitch, out = _SOLE + down, 0.2
    level = np.cos(pitch)
    local = np.stack([_SIGN * np.sin(out) * level, -np.sin(pitch), -np.cos(out) * level], axis=-1)
    return _rotate(heading, local)


def _root(ankle: np.ndarray, contact: np.ndarray) -> np.ndarray:
    """Way of the body over the floor: the opposite of how the foot that carries it moves under it."""
    carries = np.exp(-(contact - contact.min(0)) / 0.012)
    carries /= carries.sum(0)
    steps = -(np.diff(ankle, axis=1) * ((carries[:, 1:] + carries[:, :-1]) / 2)[..., None]).sum(0)
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])


def _arm(body: Body, pose: Pose, chest: np.ndarray, shoulder: np.ndarray) -> tuple[np.ndarray, ...]:
    """Elbow, wrist, hand, finger tip and thumb (side, frame, 3): two bones that reach for the hand's target."""
    to_own = np.stack([_SIGN, np.ones((2, 1)), -np.ones((2, 1))], axis=-1)
    grip = pose.grip[..., None]
    wanted = (1 - grip) * _rotate(chest, pose.hand * to_own) * body.arm
    wanted += grip * (pose.goal * (1, 1, -1) - shoulder)
    a, b = body.upper_arm, body.forearm
    length = np.linalg.norm(wanted, axis=-1, keepdims=True)
    ahead = wanted / np.maximum(length, 1e-9)
    reach = np.clip(length, np.sqrt(a * a + b * b - 2 * a * b * _CLOSED_ELBOW), 0.999 * (a + b))

    # The elbow points down, back and outward; less back and more forward the higher the hand.
    up = np.clip(ahead[..., 1], 0, 1)
    pole = np.stack([0.35 + pose.elbow, np.full_like(up, -0.5), 1.3 * up - 0.8], axis=-1)
    pole = _rotate(chest, pole * to_own)
    across = _unit(pole - (pole * ahead).sum(-1, keepdims=True) * ahead)
    along = (a * a + reach * reach - b * b) / (2 * a * reach)
    elbow = shoulder + a * (along * ahead + np.sqrt(1 - along * along) * across)
    wrist = shoulder + reach * ahead

    fingers = _unit(_unit(wrist - elbow) + _rotate(chest, pose.aim * to_own))
    front = _rotate(chest, np.array([-0.3, 0.6, 0.75]) * to_own)
    thumb = _unit(front - (front * fingers).sum(-1, keepdims=True) * fingers)
    hand = wrist + body.hand * fingers
    return elbow, wrist, hand, hand + 0.9 * body.hand * fingers, wrist + body.hand * (0.6 * fingers + 0.8 * thumb)


def _rotate(rotation: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    rotated: np.ndarray = (rotation @ vectors[..., None])[..., 0]
    return rotated


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit
