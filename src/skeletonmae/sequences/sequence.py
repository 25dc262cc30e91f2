"""A recording: coordinates of persons over time, with what is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float32

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_FPS, MIN_FPS
from skeletonmae.skeletons import Skeleton

NOT_FINITE = "were not finite numbers and count as not observed"
UNITS = ("m", "px", "image", "unknown")
"""Meters, pixels, fractions of the image's width and height, or unknown."""


@dataclass(frozen=True, eq=False)
class SkeletonSequence:
    """A recording of one or more persons.

    An unobserved joint has position 0 **and** `observed` False. Nothing else means missing.

    Args:
        positions: Coordinates in `unit`. Three axes are those of Kinect, right-handed: y up, z away from the
            camera, x to the camera's left. Two axes are those of an image: x to the right, y down.
        observed: Whether the joint was observed in the frame.
        skeleton: The joint layout.
        name: Name of the recording, unique within a dataset.
        unit: One of `UNITS`.
        fps: Frames per second, if known.
        label: Name of the action, if known.
        tags: Further metadata, such as subject, camera or setup.
        notes: Remarks of the reader on input that may not be what was intended. A store does not keep them.

    Raises:
        InputError: The shapes do not agree, a value is not finite, an unobserved joint has a position, or the
            frame rate is not possible.
    """

    positions: Float32[np.ndarray, "person frame joint axis"]
    observed: Bool[np.ndarray, "person frame joint"]
    skeleton: Skeleton
    name: str = ""
    unit: str = "m"
    fps: float | None = None
    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"recording {self.name!r}"
        shape = self.positions.shape
        if len(shape) != 4 or shape[2] != self.skeleton.num_joints or shape[3] not in (2, 3):
            expected = f"(persons, frames, {self.skeleton.num_joints} joints of {self.skeleton.name}, 2 or 3)"
            raise InputError("positions have the wrong shape", where=where, expected=expected, got=shape)
        if self.observed.shape != shape[:3]:
            raise InputError(
                "observed has the wrong shape", where=where, expected=shape[:3], got=self.observed.shape
            )
        if self.unit not in UNITS:
            raise InputError("unknown unit", where=where, expected=UNITS, got=self.unit)
        if self.fps is not None and not MIN_FPS <= self.fps <= MAX_FPS:
            expected = f"{MIN_FPS:g} to {MAX_FPS:,.0f} frames per second, or None"
            raise InputError("impossible frame rate", where=where, expected=expected, got=self.fps)
        if not np.isfinite(self.positions).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(self.positions))[0])
            raise InputError(f"the value at (person, frame, joint, axis) {index} is not finite", where=where)
        if self.positions[~self.observed].any():
            raise InputError("an unobserved joint has a position other than 0", where=where)

    @property
    def num_persons(self) -> int:
        """Length of the person axis."""
        return int(self.positions.shape[0])

    @property
    def num_frames(self) -> int:
        """Length of the frame axis."""
        return int(self.positions.shape[1])

    @classmethod
    def from_positions(
        cls,
        positions: np.ndarray,
        skeleton: Skeleton,
        *,
        observed: np.ndarray | None = None,
        name: str = "",
        unit: str = "m",
        fps: float | None = None,
        label: str | None = None,
        tags: Mapping[str, str] | None = None,
        notes: tuple[str, ...] = (),
    ) -> SkeletonSequence:
        """Create a recording from raw coordinates; joints with a value that is not finite become unobserved.

        Args:
            positions: `(person, frame, joint, axis)`, or `(frame, joint, axis)` for one person.
            skeleton: The joint layout.
            observed: Flags without the axis dimension. By default every joint is observed.
            name: Name of the recording.
            unit: Unit of the positions.
            fps: Frames per second, if known.
            label: Name of the action, if known.
            tags: Further metadata.
            notes: Remarks of the reader. One is added if an observed joint has a value that is not finite.
        """
        with np.errstate(over="ignore"):
            values = np.array(positions, dtype=np.float32)
        is_observed = np.array(np.isfinite(values).all(-1))
        num_lost = int((~is_observed if observed is None else ~is_observed & observed).sum())
        if num_lost:
            notes = (*notes, f"{num_lost} joint positions {NOT_FINITE}")
        if observed is not None:
            is_observed &= observed
        if values.ndim == 3:
            values, is_observed = values[None], is_observed[None]
        values[~is_observed] = 0.0
        return cls(values, is_observed, skeleton, name, unit, fps, label, dict(tags or {}), notes)
