"""What a depth camera makes of bodies: where it stands, how it errs and what it loses."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from skeletonmae.datasets.synthetic.stage import smooth_noise
from skeletonmae.skeletons import NTU25

CAMERAS = (-45.0, 0.0, 45.0)
"""Degrees to the side at which the cameras stand."""
_LOOSE = np.array(
    [2.0 if "hand" in j or "thumb" in j or "foot" in j else 1.5 if "wrist" in j or "ankle" in j else 1.0
     for j in NTU25.joints]
)  # fmt: skip

_PART = [np.flatnonzero(NTU25.part_index == part) for part in NTU25.part_index]
_IN_LIMB = np.array([part.endswith(("arm", "leg")) for part in NTU25.parts])[NTU25.part_index]


def view(
    rng: np.random.Generator, bodies: Float[np.ndarray, "person frame 25 3"], camera: int
) -> Float[np.ndarray, "person frame 25 3"]:
    """Bodies in the coordinates of a camera a few metres away: x right, y up, z away, metres."""
    yaw = np.radians(CAMERAS[camera] + rng.uniform(-15, 15))
    tilt = np.radians(rng.normal(0, 4))
    middle = bodies[:, :, 0].mean((0, 1)) * (1, 0, 1)
    place = np.array([rng.uniform(-0.4, 0.4), -rng.uniform(0.8, 1.4), rng.uniform(2.4, 4.2)])
    turned = (bodies - middle) @ _about_y(yaw).T + place
    seen: Float[np.ndarray, "person frame 25 3"] = turned @ _about_x(tilt).T
    return seen


def sense(
    rng: np.random.Generator, bodies: Float[np.ndarray, "person frame 25 3"], times: np.ndarray
) -> tuple[Float[np.ndarray, "person frame 25 3"], Bool[np.ndarray, "person frame 25"]]:
    """Positions as measured, and which joints were seen at all.

    Errors are white, and slow ones that are larger at hands and feet and on the side turned away; now and then a
    joint jumps for a few frames. Mostly hands and feet are lost, in bursts, and sometimes a whole limb.
    """
    people, frames, joints, _ = bodies.shape
    depth = bodies[..., 2] - bodies[..., :1, 2]
    hidden = np.clip(depth.mean(1) / 0.15, 0, 1)  # (person, joint)
    loose = _LOOSE * (1 + hidden)
    slow = smooth_noise(rng, times, 0.25, people * joints * 3).reshape(frames, people, joints, 3).swapaxes(0, 1)
    quality = np.exp(rng.normal(0, 0.35))
    errors = 0.012 * quality * loose[:, None, :, None] * slow
    errors += 0.005 * quality * rng.standard_normal(bodies.shape)
    frame = np.arange(frames)
    for person, joint, burst in _bursts(rng, loose**2, 2.0, frame, (2, 7)):
        errors[person, burst, joint] += rng.normal(0, 0.12, 3)
    seen = np.ones(bodies.shape[:3], dtype=bool)
    losses = float(rng.choice([1.0, 4.0, 10.0]))
    for person, joint, burst in _bursts(rng, loose**3, losses, frame, (3, 25)):
        seen[person, burst, joint] = False
    for person, joint, burst in _bursts(rng, _IN_LIMB * (1 + hidden), 0.15 * losses, frame, (8, 40)):
        seen[person, burst, _PART[joint]] = False
    return bodies + errors, seen


def _bursts(
    rng: np.random.Generator, weight: np.ndarray, each: float, frame: np.ndarray, length: tuple[int, int]
) -> list[tuple[int, int, slice]]:
    """Some (person, joint, frames): `each` a person on average, likelier where `weight` is larger."""
    count = rng.poisson(each * len(weight))
    places = rng.choice(weight.size, size=count, p=(weight / weight.sum()).ravel())
    starts = rng.integers(len(frame), size=count)
    stops = starts + rng.integers(*length, size=count)
    return [
        (place // weight.shape[1], place % weight.shape[1], slice(start, stop))
        for place, start, stop in zip(places.tolist(), starts.tolist(), stops.tolist(), strict=True)
    ]


def _about_y(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
