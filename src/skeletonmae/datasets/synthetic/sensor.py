"""A simulated depth camera: its viewpoint, measurement errors and lost joints."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from skeletonmae.datasets.synthetic.stage import smooth_noise
from skeletonmae.skeletons import NTU25

CAMERAS = (-45.0, 0.0, 45.0)
"""Azimuth of the cameras in degrees."""
_NOISE_SCALE = np.array(
    [2.0 if "hand" in j or "thumb" in j or "foot" in j else 1.5 if "wrist" in j or "ankle" in j else 1.0
     for j in NTU25.joints]
)  # fmt: skip

_PART = [np.flatnonzero(NTU25.part_index == part) for part in NTU25.part_index]
_IN_LIMB = np.array([part.endswith(("arm", "leg")) for part in NTU25.parts])[NTU25.part_index]


def view(
    rng: np.random.Generator, bodies: Float[np.ndarray, "person frame 25 3"], camera: int
) -> Float[np.ndarray, "person frame 25 3"]:
    """Transform bodies to the coordinates of a camera a few meters away: x right, y up, z away, in meters."""
    yaw = np.radians(CAMERAS[camera] + rng.uniform(-15, 15))
    tilt = np.radians(rng.normal(0, 4))
    middle = bodies[:, :, 0].mean((0, 1)) * (1, 0, 1)
    offset = np.array([rng.uniform(-0.4, 0.4), -rng.uniform(0.8, 1.4), rng.uniform(2.4, 4.2)])
    rotated = (bodies - middle) @ _about_y(yaw).T + offset
    viewed: Float[np.ndarray, "person frame 25 3"] = rotated @ _about_x(tilt).T
    return viewed


def sense(
    rng: np.random.Generator, bodies: Float[np.ndarray, "person frame 25 3"], times: np.ndarray
) -> tuple[Float[np.ndarray, "person frame 25 3"], Bool[np.ndarray, "person frame 25"]]:
    """Simulate the measured positions, and which joints were observed.

    There is white noise, and slow noise that is larger at hands and feet and on the side turned away from the
    camera. Some joints jump for a few frames. Joints are lost in bursts: mostly hands and feet, sometimes
    a whole limb.
    """
    people, frames, joints, _ = bodies.shape
    depth = bodies[..., 2] - bodies[..., :1, 2]
    occlusion = np.clip(depth.mean(1) / 0.15, 0, 1)  # (person, joint)
    noise_scale = _NOISE_SCALE * (1 + occlusion)
    slow = smooth_noise(rng, times, 0.25, people * joints * 3).reshape(frames, people, joints, 3).swapaxes(0, 1)
    quality = np.exp(rng.normal(0, 0.35))
    errors = 0.012 * quality * noise_scale[:, None, :, None] * slow
    errors += 0.005 * quality * rng.standard_normal(bodies.shape)
    frame = np.arange(frames)
    for person, joint, burst in _bursts(rng, noise_scale**2, 2.0, frame, (2, 7)):
        errors[person, burst, joint] += rng.normal(0, 0.12, 3)
    observed = np.ones(bodies.shape[:3], dtype=bool)
    losses = float(rng.choice([1.0, 4.0, 10.0]))
    for person, joint, burst in _bursts(rng, noise_scale**3, losses, frame, (3, 25)):
        observed[person, burst, joint] = False
    for person, joint, burst in _bursts(rng, _IN_LIMB * (1 + occlusion), 0.15 * losses, frame, (8, 40)):
        observed[person, burst, _PART[joint]] = False
    return bodies + errors, observed


def _bursts(
    rng: np.random.Generator, weight: np.ndarray, mean_count: float, frame: np.ndarray, length: tuple[int, int]
) -> list[tuple[int, int, slice]]:
    """Sample bursts (person, joint, frames): `mean_count` per person on average, in proportion to `weight`."""
    count = rng.poisson(mean_count * len(weight))
    indices = rng.choice(weight.size, size=count, p=(weight / weight.sum()).ravel())
    starts = rng.integers(len(frame), size=count)
    stops = starts + rng.integers(*length, size=count)
    return [
        (index // weight.shape[1], index % weight.shape[1], slice(start, stop))
        for index, start, stop in zip(indices.tolist(), starts.tolist(), stops.tolist(), strict=True)
    ]


def _about_y(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
