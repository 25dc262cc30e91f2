"""Which of the bodies in an NTU RGB+D file are the persons: the field's reference clean-up, or none.

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

SHORT = 11  # frames; a body with no more of them is not a person
WIDE = 0.8  # of its height; a body that is wider may be a chair
WIDE_SHARE = 0.69754  # of its frames
SPINE = 1  # its middle


class Persons(NamedTuple):
    """What a clean-up leaves.

    Args:
        positions: in metres, 0 where not observed.
        observed: whether the joint was.
        notes: what was dropped and why, a sentence each.
    """

    positions: Float32[np.ndarray, "person frame 25 3"]
    observed: Bool[np.ndarray, "person frame 25"]
    notes: tuple[str, ...]


def none(recording: Bodies) -> Persons:
    """Every body a person, in the frames of the file, where the sensor saw it.

    A joint at exactly (0, 0, 0), the place of the sensor, was lost: that is unobserved.
    """
    shape = len(recording.bodies), recording.num_frames, JOINTS
    positions, observed = np.zeros((*shape, 3), dtype=np.float32), np.zeros(shape, dtype=bool)
    for person, body in enumerate(recording.bodies):
        seen = _finite(body) & body.joints.any(-1)
        observed[person, body.frames] = seen
        positions[person, body.frames] = np.where(seen[..., None], body.joints, 0)
    return Persons(positions, observed, tuple(_not_finite(recording)))


def reference(recording: Bodies) -> Persons:
    """The two persons, or the one, that the field's results rest on, value for value.

    1. Frames without a body are dropped; those of a body are numbered from its first one without gaps.
    2. If there is more than one body, those of 11 frames or fewer are dropped.
    3. While more than one is left, a body is dropped if 69.754 % or more of its frames are wider (x) than 0.8
       of their height (y). Of the others the motion is taken, the sum of the variances of x, y and z: in all
       frames or in the good ones, whichever is smaller.
    4. The body with the most motion is actor 1. Each further one, by motion, joins actor 1 if their intervals
       do not overlap, else actor 2 if those do not, else it is lost.
    5. If there was more than one body, frames in which all coordinates sum to 0 are dropped.
    6. The middle of actor 1's spine, in their first frame that is not all zero, becomes the origin. Frames of
       an actor that are all zero stay so and are unobserved.

    Variances, sums and differences are taken in float32 over the same arrays in the same order as in the
    public code. Width and height, of float32, are compared in float64, as the numpy of its time did (numpy 2
    would do it in float32). So the choices are the same down to the rounding.

    The public code does not say what to do without anybody, or with numbers that are not finite. Here: if no
    body is left there are no persons and no frames; a joint that is not finite is unobserved, is left out of
    the motion, and makes its frame a wide one.
    """
    notes = _not_finite(recording)
    present = np.unique(np.concatenate([np.zeros(0, np.int64), *(body.frames for body in recording.bodies)]))
    if without := recording.num_frames - len(present):
        notes.append(f"{without} of {recording.num_frames} frames dropped: without a body")
    bodies = [_Numbered(body, int(np.searchsorted(present, body.frames[0]))) for body in recording.bodies]
    if several := len(bodies) > 1:
        bodies = _by_motion(bodies, notes)
    actors = _actors(bodies, notes)

    positions = np.zeros((len(present), min(2, len(bodies)), JOINTS, 3), dtype=np.float32)
    observed = np.zeros(positions.shape[:-1], dtype=bool)
    for person, actor in enumerate(actors):
        for one in actor:
            frames = slice(one.start, one.end + 1)
            observed[frames, person] = seen = _finite(one.body)
            positions[frames, person] = np.where(seen[..., None], one.body.joints, 0)
    if several:
        kept = positions.reshape(len(positions), -1).sum(1) != 0
        if not kept.all():
            notes.append(f"{np.count_nonzero(~kept)} of {len(kept)} frames dropped: all zero for both actors")
            positions, observed = positions[kept], observed[kept]
    positions, observed = positions[:, : len(actors)], observed[:, : len(actors)]
    observed &= np.asarray(positions.any((-2, -1)))[..., None]
    for first in np.flatnonzero(observed[:, :1, SPINE])[:1]:
        positions = positions - positions[first, 0, SPINE]
    positions = np.where(observed[..., None], positions, np.float32(0))
    return Persons(positions.swapaxes(0, 1), observed.swapaxes(0, 1), tuple(notes))


@dataclass(eq=False)
class _Numbered:
    """A body whose frames are numbered without gaps, from `start` on."""

    body: Body
    start: int
    motion: float = 0.0

    @property
    def end(self) -> int:
        return self.start + len(self.body.frames) - 1

    def __str__(self) -> str:
        return f"body {self.body.id} ({len(self.body.frames)} frames, motion {self.motion:.4f})"


def _by_motion(bodies: Sequence[_Numbered], notes: list[str]) -> list[_Numbered]:
    """The bodies that are long and slim enough, most motion first."""
    for one in bodies:
        one.motion = _motion(one.body.joints)
    left = []
    for one in bodies:
        if len(one.body.frames) > SHORT:
            left.append(one)
        else:
            notes.append(f"{one} dropped: {SHORT} frames or fewer")
    for one in tuple(left):
        if len(left) == 1:
            break
        width, height = (np.ptp(one.body.joints[..., axis], axis=1) for axis in (0, 1))
        good = width <= WIDE * height.astype(np.float64)
        share = np.count_nonzero(~good) / len(good)
        if share >= WIDE_SHARE:
            notes.append(f"{one} dropped: wider than {WIDE} of its height in {share:.1%} of its frames")
            left.remove(one)
        elif share:
            one.motion = min(one.motion, _motion(one.body.joints[good]))
    return sorted(left, key=lambda one: one.motion, reverse=True)


def _motion(joints: np.ndarray) -> float:
    """Sum of the variances of x, y and z over joints and frames."""
    rows = joints.reshape(-1, 3)
    if not (finite := np.isfinite(rows)).all():
        rows = rows[finite.all(-1)]
    return float(np.var(rows, axis=0).sum()) if len(rows) else 0.0


def _actors(bodies: Sequence[_Numbered], notes: list[str]) -> list[list[_Numbered]]:
    """The bodies of actor 1 and of actor 2, each in the order in which they are written over one another."""
    actors: list[list[_Numbered]] = [[*bodies[:1]], []]
    spans = [(one.start, one.end) for one in bodies[:1]] + [(0, 0)]
    for one in bodies[1:]:
        for person, (first, last) in enumerate(spans):
            if min(last, one.end) - max(first, one.start) <= 0:
                actors[person].append(one)
                spans[person] = min(first, one.start), max(last, one.end)
                break
        else:
            notes.append(f"{one} dropped: there at the same time as both actors")
    return [actor for actor in actors if actor]


def _finite(body: Body) -> np.ndarray:
    x, y, z = np.moveaxis(np.isfinite(body.joints), -1, 0)
    finite: np.ndarray = x & y & z  # a third of the time of `all`
    return finite


def _not_finite(recording: Bodies) -> list[str]:
    joints = recording.num_not_finite
    return [f"{joints} joints unobserved: a coordinate is not a finite number"] if joints else []
