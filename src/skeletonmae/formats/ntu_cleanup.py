"""Which of the bodies in an NTU RGB+D file are the persons: the field's reference clean-up, or all of them.

Source: the preprocessing published with SGN (Zhang et al., CVPR 2020), which CTR-GCN, InfoGCN and most results
on NTU RGB+D rest on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from skeletonmae.formats.decoders.ntu_text import JOINTS, Bodies, Body

MAX_SHORT_FRAMES = 11
"""A body in no more frames than this is not a person."""
MAX_WIDTH = 0.8
"""Share of its height; a body that is wider may be a chair."""
MAX_WIDE_FRACTION = 0.69754
"""Share of a body's frames in which it may be wider than that."""
SPINE = 1
"""Index of the middle of the spine."""


class Persons(NamedTuple):
    """The persons that a clean-up keeps.

    Args:
        positions: Positions in meters, 0 where unobserved.
        observed: Whether the joint was observed.
        notes: What was dropped and why, one sentence each.
    """

    positions: Float32[np.ndarray, "person frame 25 3"]
    observed: Bool[np.ndarray, "person frame 25"]
    notes: tuple[str, ...]


def keep_all_bodies(recording: Bodies) -> Persons:
    """Every body as a person, in the frames of the file, where the sensor saw it.

    A joint at exactly (0, 0, 0), the position of the sensor itself, is unobserved.
    """
    shape = len(recording.bodies), recording.num_frames, JOINTS
    positions, observed = np.zeros((*shape, 3), dtype=np.float32), np.zeros(shape, dtype=bool)
    for person, body in enumerate(recording.bodies):
        is_observed = _is_finite(body) & body.joints.any(-1)
        observed[person, body.frames] = is_observed
        positions[person, body.frames] = np.where(is_observed[..., None], body.joints, 0)
    return Persons(positions, observed, tuple(_notes_on_finite(recording)))


def reference_cleanup(recording: Bodies) -> Persons:
    """The one or two persons that the field's results rest on, value for value.

    1. Frames without a body are dropped; those of a body are numbered from its first one without gaps.
    2. If there is more than one body, those of 11 frames or fewer are dropped.
    3. While more than one is left, a body is dropped if 69.754 % or more of its frames are wider (x) than 0.8
       of their height (y). For the others the motion is computed, the sum of the variances of x, y and z: in all
       frames or in the narrow ones, whichever is smaller.
    4. The body with the most motion is actor 1. Each further one, by motion, joins actor 1 if their intervals
       do not overlap, or else actor 2 if those do not, or else is dropped.
    5. If there was more than one body, frames in which all coordinates sum to 0 are dropped.
    6. The middle of actor 1's spine, in their first frame that is not all zero, becomes the origin. Frames of
       an actor that are all zero stay so and are unobserved.

    Variances, sums and differences are computed in float32 over the same arrays in the same order as in the
    public code. Width and height, of float32, are compared in float64, as the numpy of its time did (numpy 2
    would do it in float32). So the choices are the same down to the rounding.

    The public code does not define what happens without a body, or with numbers that are not finite. Here, if no
    body is left there are no persons and no frames; a joint that is not finite is unobserved, is left out of
    the motion, and makes its frame a wide one. One thing is not taken over: the public code also moves a joint at
    exactly (0, 0, 0), which the sensor lost, with the others; here it takes part in every choice above as it does
    there, and is then unobserved, with the position 0.
    """
    notes = _notes_on_finite(recording)
    present = np.unique(np.concatenate([np.zeros(0, np.int64), *(body.frames for body in recording.bodies)]))
    if num_empty := recording.num_frames - len(present):
        notes.append(f"{num_empty} of {recording.num_frames} frames dropped: without a body")
    bodies = [_NumberedBody(body, int(np.searchsorted(present, body.frames[0]))) for body in recording.bodies]
    if has_several := len(bodies) > 1:
        bodies = _by_motion(bodies, notes)
    actors = _actors(bodies, notes)

    positions = np.zeros((len(present), min(2, len(bodies)), JOINTS, 3), dtype=np.float32)
    finite = np.zeros(positions.shape[:-1], dtype=bool)
    for person, actor in enumerate(actors):
        for numbered in actor:
            frames = slice(numbered.start, numbered.end + 1)
            finite[frames, person] = is_finite = _is_finite(numbered.body)
            positions[frames, person] = np.where(is_finite[..., None], numbered.body.joints, 0)
    if has_several:
        is_kept = positions.reshape(len(positions), -1).sum(1) != 0
        if not is_kept.all():
            num_dropped = np.count_nonzero(~is_kept)
            notes.append(f"{num_dropped} of {len(is_kept)} frames dropped: all zero for both actors")
            positions, finite = positions[is_kept], finite[is_kept]
    positions, finite = positions[:, : len(actors)], finite[:, : len(actors)]
    finite &= np.asarray(positions.any((-2, -1)))[..., None]
    observed = finite & positions.any(-1)
    for first in np.flatnonzero(finite[:, :1, SPINE])[:1]:
        positions = positions - positions[first, 0, SPINE]
    positions = np.where(observed[..., None], positions, np.float32(0))
    return Persons(positions.swapaxes(0, 1), observed.swapaxes(0, 1), tuple(notes))


@dataclass(eq=False)
class _NumberedBody:
    """A body whose frames are numbered without gaps, from `start` on."""

    body: Body
    start: int
    motion: float = 0.0

    @property
    def end(self) -> int:
        return self.start + len(self.body.frames) - 1

    def __str__(self) -> str:
        return f"body {self.body.id} ({len(self.body.frames)} frames, motion {self.motion:.4f})"


def _by_motion(bodies: Sequence[_NumberedBody], notes: list[str]) -> list[_NumberedBody]:
    """The bodies that are in enough frames and not too wide, most motion first."""
    for body in bodies:
        body.motion = _motion(body.body.joints)
    remaining = []
    for body in bodies:
        if len(body.body.frames) > MAX_SHORT_FRAMES:
            remaining.append(body)
        else:
            notes.append(f"{body} dropped: {MAX_SHORT_FRAMES} frames or fewer")
    for body in tuple(remaining):
        if len(remaining) == 1:
            break
        width, height = (np.ptp(body.body.joints[..., axis], axis=1) for axis in (0, 1))
        is_narrow = width <= MAX_WIDTH * height.astype(np.float64)
        wide_fraction = np.count_nonzero(~is_narrow) / len(is_narrow)
        if wide_fraction >= MAX_WIDE_FRACTION:
            notes.append(
                f"{body} dropped: wider than {MAX_WIDTH} of its height in {wide_fraction:.1%} of its frames"
            )
            remaining.remove(body)
        elif wide_fraction:
            body.motion = min(body.motion, _motion(body.body.joints[is_narrow]))
    return sorted(remaining, key=lambda body: body.motion, reverse=True)


def _motion(joints: np.ndarray) -> float:
    """Sum of the variances of x, y and z over joints and frames."""
    rows = joints.reshape(-1, 3)
    if not (finite := np.isfinite(rows)).all():
        rows = rows[finite.all(-1)]
    return float(np.var(rows, axis=0).sum()) if len(rows) else 0.0


def _actors(bodies: Sequence[_NumberedBody], notes: list[str]) -> list[list[_NumberedBody]]:
    """The bodies of actor 1 and of actor 2, each in the order in which they are written over one another."""
    actors: list[list[_NumberedBody]] = [[*bodies[:1]], []]
    spans = [(body.start, body.end) for body in bodies[:1]] + [(0, 0)]
    for body in bodies[1:]:
        for person, (first, last) in enumerate(spans):
            if min(last, body.end) - max(first, body.start) <= 0:
                actors[person].append(body)
                spans[person] = min(first, body.start), max(last, body.end)
                break
        else:
            notes.append(f"{body} dropped: present at the same time as both actors")
    return [actor for actor in actors if actor]


def _is_finite(body: Body) -> np.ndarray:
    x, y, z = np.moveaxis(np.isfinite(body.joints), -1, 0)
    finite: np.ndarray = x & y & z  # a third of the time of `all`
    return finite


def _notes_on_finite(recording: Bodies) -> list[str]:
    num_joints = recording.num_not_finite
    return [f"{num_joints} joints unobserved: a coordinate is not a finite number"] if num_joints else []
