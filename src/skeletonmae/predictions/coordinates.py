"""Features that are the coordinates themselves, on which the simplest classifier is fitted."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.sequences import SkeletonSequence

NUM_FRAMES = 32
NUM_PERSONS = 2


class CoordinateConfig(Config):
    """How a recording becomes a row of coordinates."""

    joints: tuple[str, ...] = Field(max_length=MAX_JOINTS)
    """Names of the joints, in their order; others are not used."""
    axes: Annotated[int, Field(ge=2, le=3)]
    """Number of coordinates of a joint."""
    persons: Annotated[int, Field(ge=1, le=NUM_PERSONS)] = 1
    """Number of persons, from the first."""
    frames: Annotated[int, Field(ge=2, le=1000)] = NUM_FRAMES
    """Number of frames that each recording is resampled to."""
    face_forward: bool = False
    """Whether the first person is rotated to face forward; only in 3D."""

    @property
    def num_features(self) -> int:
        """Length of a row: positions, and their differences from frame to frame."""
        return self.persons * (2 * self.frames - 1) * len(self.joints) * self.axes


def coordinate_features(recording: SkeletonSequence, config: CoordinateConfig) -> np.ndarray | None:
    """Resample a recording, center it on its first person, and append the differences from frame to frame.

    What was not observed is 0.

    Args:
        recording: The recording.
        config: The joints, and the number of frames and persons.

    Returns:
        `(feature,)`, float32; None if none of the joints was observed in what is kept.
    """
    index = {joint: position for position, joint in enumerate(recording.skeleton.joints)}
    rows = np.array([index.get(joint, -1) for joint in config.joints])
    persons = np.flatnonzero(recording.observed[:, :, rows[rows >= 0]].any((1, 2)))[: config.persons]
    if not len(persons):
        return None
    observed = recording.observed[persons][:, :, rows] & (rows >= 0)
    seen = np.flatnonzero(observed.any((0, 2)))
    frames = slice(seen[0], seen[-1] + 1)
    observed = observed[:, frames]
    positions = recording.positions[persons, frames][:, :, rows, : config.axes].astype(np.float64)
    positions, observed = _resample(positions, observed, config.frames)
    positions = positions - _origin(recording, positions, observed, config)
    if config.face_forward and config.axes == 3:
        positions = _face_forward(recording, positions, observed, config)
    positions = positions * observed[..., None]
    changes = (positions[:, 1:] - positions[:, :-1]) * (observed[:, 1:] & observed[:, :-1])[..., None]
    both = np.concatenate([positions, changes], axis=1).reshape(len(persons), -1)
    values = np.zeros((config.persons, both.shape[1]), np.float32)
    values[: len(both)] = both
    return values.ravel() if observed.any() else None


def _resample(positions: np.ndarray, observed: np.ndarray, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate linearly between frames; a joint is observed where it was in both."""
    times = np.linspace(0, positions.shape[1] - 1, num_frames)
    before = np.floor(times).astype(int)
    after = np.ceil(times).astype(int)
    share = (times - before)[None, :, None, None]
    values = positions[:, before] * (1 - share) + positions[:, after] * share
    is_observed = observed[:, before] & observed[:, after]
    return values * is_observed[..., None], is_observed


def _origin(
    recording: SkeletonSequence, positions: np.ndarray, observed: np.ndarray, config: CoordinateConfig
) -> np.ndarray:
    """Center of the first person's body in the first frame in which it is observed; else of all its joints."""
    wanted = [row for row, joint in enumerate(config.joints) if joint in recording.skeleton.center]
    for joints in (wanted, list(range(len(config.joints)))):
        is_seen = observed[0][:, joints].any(1)
        if is_seen.any():
            frame = int(is_seen.argmax())
            seen = observed[0, frame, joints]
            center: np.ndarray = positions[0, frame, joints][seen].mean(0)
            return center
    return np.zeros(config.axes)


def _face_forward(
    recording: SkeletonSequence, positions: np.ndarray, observed: np.ndarray, config: CoordinateConfig
) -> np.ndarray:
    """Rotate about the vertical so that the first person's mean left-right axis lies along x."""
    names, index = recording.skeleton.joints, {joint: row for row, joint in enumerate(config.joints)}
    pairs = [
        (index[names[left]], index[names[right]])
        for left, right in recording.skeleton.left_right
        if names[left] in index and names[right] in index
    ]
    if not pairs:
        return positions
    left, right = (np.array(side) for side in zip(*pairs, strict=True))
    both = observed[0][:, left] & observed[0][:, right]
    axis = ((positions[0][:, right] - positions[0][:, left]) * both[..., None]).sum((0, 1))
    angle = np.arctan2(axis[2], axis[0])
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])  # of row vectors
    turned: np.ndarray = positions @ rotation
    return turned
