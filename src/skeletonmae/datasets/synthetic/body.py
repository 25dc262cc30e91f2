"""A body with fixed limb lengths, and forward kinematics.

A person has right-handed coordinates: x to the right, y up, and forward is -z, as for a person who faces
a Kinect. Positions of hands are (outward, up, forward) from the shoulder, in arm lengths, so that the same values
apply to both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from skeletonmae.skeletons import NTU25

LEFT, RIGHT = 0, 1
GROUND = 0.02
"""Height of the lowest joint above the floor, in meters."""
_SIGN = np.array([-1.0, 1.0])[:, None]
_SOLE_ANGLE = 0.35  # pitch of the line from ankle to toe of a flat foot, radians
_CLOSED_ELBOW = np.cos(np.radians(30))


@dataclass(frozen=True)
class Body:
    """Lengths of the segments of a body, in meters."""

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
        """Sample a body of about 1.5 to 1.95 m height, slim or broad, with individual proportions."""
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
        """Length from shoulder to wrist."""
        return self.upper_arm + self.forearm

    @property
    def shoulder_height(self) -> float:
        """Height of the shoulders above the floor when standing."""
        legs = 0.4 * self.hip + self.thigh + self.shank + self.foot * float(np.sin(_SOLE_ANGLE)) + GROUND
        return legs + self.lumbar + self.thorax - 0.173 * self.shoulder


@dataclass
class Pose:
    """The pose of a body over time, each field `(frame,)` or `(side, frame)`; side 0 is left, 1 is right.

    Angles are in radians.

    Args:
        lean: Rotation of the pelvis, forward.
        tilt: Rotation of the pelvis, to the right.
        heading: Rotation of the body to its left.
        bend: Rotation of the spine, forward.
        side: Rotation of the spine, to the right.
        twist: Rotation of the spine, to the left.
        nod: Rotation of the head, forward.
        look: Rotation of the head, to the left.
        lift: Height of the lowest foot above the floor, in meters.
        thigh: Rotation of the thigh, forward from hanging straight.
        splay: Rotation of the leg, outward.
        knee: Flexion of the knee.
        toe: Rotation of the foot, downward from the flat foot.
        elbow: Outward raise of the elbow, without a unit.
        hand: Wrist relative to the shoulder, (outward, up, forward) of the chest, in arm lengths.
        aim: Added to the direction of the forearm to get that of the hand, in the same coordinates.
        goal: Target of the wrist, (right, up, forward) of the initial position of the person, in meters.
        grip: Weight of `goal` against `hand`, 0 to 1.
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
        """Create an upright pose with hanging arms."""
        trunk = np.zeros((9, num_frames))
        sides = np.zeros((5, 2, num_frames))
        sides[1], sides[2] = 0.06, 0.06
        hands = np.zeros((3, 2, num_frames, 3))
        hands[0] = (0.12, -0.96, 0.08)
        return cls(*[*trunk, *sides, *hands, np.zeros((2, num_frames))])


def joint_positions(body: Body, pose: Pose) -> Float[np.ndarray, "frame 25 3"]:
    """Compute the joints of `NTU25`, in meters; the person starts at the origin, and the floor is y = 0.

    Bone lengths are constant. The lowest foot is at `GROUND` plus the `lift` of the pose, and does not slide: the
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

    heel = ankle[..., 1] - body.foot * np.sin(_SOLE_ANGLE)
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
    """Rotation matrices that tilt to the right, then forward, then turn to the left."""
    cf, sf, cl, sl, cr, sr = (f(a) for a in (forward, left, right) for f in (np.cos, np.sin))
    rows = [
        [cl * cr + sl * sf * sr, cl * sr - sl * sf * cr, sl * cf],
        [-cf * sr, cf * cr, sf],
        [-sl * cr + cl * sf * sr, -sl * sr - cl * sf * cr, cl * cf],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _leg(heading: np.ndarray, forward: np.ndarray, outward: np.ndarray) -> np.ndarray:
    """Unit directions `(side, frame, 3)` of leg bones, rotated `forward` and `outward` from hanging."""
    down = np.cos(outward)
    local = np.stack([_SIGN * np.sin(outward), -np.cos(forward) * down, -np.sin(forward) * down], axis=-1)
    return _rotate(heading, local)


def _foot(heading: np.ndarray, down: np.ndarray) -> np.ndarray:
    pitch, out = _SOLE_ANGLE + down, 0.2
    level = np.cos(pitch)
    local = np.stack([_SIGN * np.sin(out) * level, -np.sin(pitch), -np.cos(out) * level], axis=-1)
    return _rotate(heading, local)


def _root(ankle: np.ndarray, contact: np.ndarray) -> np.ndarray:
    """Path of the pelvis over the floor, opposite to the motion of the supporting foot relative to it."""
    support = np.exp(-(contact - contact.min(0)) / 0.012)
    support /= support.sum(0)
    steps = -(np.diff(ankle, axis=1) * ((support[:, 1:] + support[:, :-1]) / 2)[..., None]).sum(0)
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])


def _arm(body: Body, pose: Pose, chest: np.ndarray, shoulder: np.ndarray) -> tuple[np.ndarray, ...]:
    """Elbow, wrist, hand, finger tip and thumb, `(side, frame, 3)`, by two-bone inverse kinematics."""
    to_own = np.stack([_SIGN, np.ones((2, 1)), -np.ones((2, 1))], axis=-1)
    grip = pose.grip[..., None]
    target = (1 - grip) * _rotate(chest, pose.hand * to_own) * body.arm
    target += grip * (pose.goal * (1, 1, -1) - shoulder)
    a, b = body.upper_arm, body.forearm
    length = np.linalg.norm(target, axis=-1, keepdims=True)
    ahead = target / np.maximum(length, 1e-9)
    reach = np.clip(length, np.sqrt(a * a + b * b - 2 * a * b * _CLOSED_ELBOW), 0.999 * (a + b))

    # The elbow points down, back and outward; the higher the hand, the further forward it points.
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
