"""What a recording is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float32

from skeletonmae.errors import InputError
from skeletonmae.skeletons import Skeleton

NOT_FINITE = "were not finite numbers and count as not observed"
UNITS = ("m", "px", "image", "unknown")
"""Metres; pixels; shares of the image's width and height; not known."""


@dataclass(frozen=True, eq=False)
class SkeletonSequence:
    """One recording of one or more persons.

    A joint that was not observed has position 0 **and** `observed` False; nothing else means missing.

    Args:
        positions: coordinates in `unit`. Three axes are those of Kinect, right-handed: y up, z away from the
            camera, x to the camera's left. Two axes are the image's: x to the right, y down.
        observed: whether the joint was seen in that frame.
        skeleton: the joint layout.
        name: what the recording is called; unique within a dataset.
        unit: one of `UNITS`.
        fps: frames per second, if known.
        label: the name of the action, if known.
        tags: what else is known: subject, camera, setup ...
        notes: what its reader met that may not be what was meant, in words; not kept in a store.

    Raises:
        InputError: shapes do not agree, a value is not finite, or an unobserved joint has a position.
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
        if not np.isfinite(self.positions).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(self.positions))[0])
            raise InputError(f"a value at (person, frame, joint, axis) {place} is not finite", where=where)
        if self.positions[~self.observed].any():
            raise InputError("a joint that was not observed has a position other than 0", where=where)

    @property
    def num_persons(self) -> int:
        """How many persons there is room for."""
        return int(self.positions.shape[0])

    @property
    def num_frames(self) -> int:
        """How many frames there are."""
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
        """A recording from raw coordinates: what is not finite, or flagged so, becomes unobserved.

        Args:
            positions: `(person, frame, joint, axis)`, or `(frame, joint, axis)` for one person.
            skeleton: the joint layout.
            observed: the same without the axis; all True if not given.
            name: what the recording is called.
            unit: of the positions.
            fps: frames per second, if known.
            label: the name of the action, if known.
            tags: what else is known.
            notes: what its reader met; values that are not finite, though observed, are added to them.
        """
        with np.errstate(over="ignore"):
            values = np.array(positions, dtype=np.float32)
        seen = np.array(np.isfinite(values).all(-1))
        lost = int((~seen if observed is None else ~seen & observed).sum())
        if lost:
            notes = (*notes, f"{lost} joint positions {NOT_FINITE}")
        if observed is not None:
            seen &= observed
        if values.ndim == 3:
            values, seen = values[None], seen[None]
        values[~seen] = 0.0
        return cls(values, seen, skeleton, name, unit, fps, label, dict(tags or {}), notes)
