"""Left and right exchanged, in some frames or throughout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.anatomy import FORWARD, HIPS, SHOULDERS, is_full_body, mean_per_recording
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock, distance
from skeletonmae.validation.finding import Finding, pluralize
from skeletonmae.validation.recording_table import RecordingTable

MIN_MOTION = 0.1
"""Body sizes, 5 cm, that the paired joints must move in the frame on average."""
MAX_MOTION_RATIO = 0.5
"""Motion with exchanged sides over motion as recorded, below which the sides are taken to be exchanged."""
MIN_PAIRS = 4
"""Joints that must be observed together with their mirror joint, in both frames."""
MIN_HANDEDNESS, MIN_RELATIVE_HANDEDNESS = 0.02, 1 / 3
"""How negative the handedness of a mirrored recording must be, in body sizes cubed and relative to the median."""


class Sides(Check):
    """Frames at which exchanging left and right would at least halve the motion: a warning.

    All joints with a mirror joint are compared at once, and must move 5 cm (0.1 body sizes) on average. However
    fast a body moves, its left side stays closer to where its left side was. Exchanged frames lie between two such
    frames. Estimators from images often exchange sides, mostly of bodies seen from behind.
    """

    name = "sides"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per track with such frames."""
        mirror = block.skeleton.mirror_index
        joints = np.flatnonzero(mirror != np.arange(len(mirror)))
        if len(joints) < MIN_PAIRS:
            return
        mirror_joints = mirror[joints]
        observed = block.observed_next[:, joints] & block.observed_next[:, mirror_joints]
        count = observed.sum(1)
        motion = (block.displacement[:, joints] * observed).sum(1)
        moves = motion > MIN_MOTION * block.body_size[block.track_index] * count
        rows = np.flatnonzero(moves & (count >= MIN_PAIRS))
        exchanged = distance(block.positions[rows + 1][:, mirror_joints], block.positions[rows][:, joints])
        exchanged = (exchanged * observed[rows]).sum(1)
        rows = rows[exchanged < MAX_MOTION_RATIO * motion[rows]]
        for track in np.unique(block.track_index[rows]).tolist():
            frames = rows[block.track_index[rows] == track] - block.track_starts[track] + 1
            where = pluralize(len(frames), "frame")
            message = f"exchanging left and right would halve the motion at {where}; exchange them between these"
            yield self.track_finding(block, track, "warning", message, rows=frames)


class Mirrored(Check):
    """Recordings of three axes in which forward, left and up are not oriented as in a body: a warning.

    Feet point forward, from ankle to foot, and the nose does from the ears. In right-handed coordinates, which all
    sensors give, (left x up) points forward too, as in 99 % of the recordings of real datasets. Where it points as
    clearly backward (a third of the median), left and right are exchanged throughout or one axis has the wrong
    sign. If most recordings are mirrored, there is one finding for all. Without feet and face the check cannot
    decide, which is a note.
    """

    name = "mirrored"

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:
        """Measure forward . (left x up) in body sizes cubed, mean over frames; NaN where it is undetermined."""
        index = block.skeleton.index
        cues = [(index[behind], index[ahead]) for behind, ahead in FORWARD if behind in index and ahead in index]
        if block.num_axes == 2 or not cues or any(joint not in index for joint in (*SHOULDERS, *HIPS)):
            undetermined = np.full(len(block.recordings), block.num_axes == 3 and is_full_body(block.skeleton))
            return {"handedness": np.full(len(block.recordings), np.nan), "undetermined": undetermined}
        behind, ahead = np.array(cues).T
        observed = block.observed[:, behind] & block.observed[:, ahead]
        forward = ((block.positions[:, ahead] - block.positions[:, behind]) * observed[..., None]).sum(1)
        trunk = [index[joint] for joint in (*SHOULDERS, *HIPS)]
        left_shoulder, right_shoulder, left_hip, right_hip = np.moveaxis(block.positions[:, trunk], 1, 0)
        left = left_shoulder - right_shoulder + left_hip - right_hip
        up = left_shoulder + right_shoulder - left_hip - right_hip
        valid = block.observed[:, trunk].all(1) & observed.any(1)
        product = (forward * np.cross(left, up)).sum(1) * valid
        with np.errstate(invalid="ignore", divide="ignore"):
            handedness = mean_per_recording(block, block.mean_per_track(product, valid) / block.body_size**3)
        return {"handedness": handedness, "undetermined": np.zeros(len(handedness), dtype=bool)}

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield the mirrored recordings; one finding if most are."""
        if num_undetermined := int(table.column("undetermined").sum()):
            message = (
                "cannot check whether left and right are exchanged: the layout has neither feet nor face to show "
                "where forward is; compare a `--picture` with what was recorded"
            )
            yield self.finding("note", message, recordings=num_undetermined)
        handedness = table.column("handedness")
        known = np.abs(handedness[np.isfinite(handedness)])
        median = float(np.median(known)) if len(known) else 0.0
        mirrored = np.flatnonzero(handedness < -max(MIN_HANDEDNESS, MIN_RELATIVE_HANDEDNESS * median))
        message = (
            "the feet point backward: left and right are exchanged throughout, or an axis has the wrong sign; "
            "correct the names or the axis"
        )
        if 2 * len(mirrored) > len(known):
            message = f"in {len(mirrored)} of {len(known)} recordings {message}"
            yield self.finding("warning", message, recordings=len(mirrored))
        else:
            for index in mirrored.tolist():
                yield self.finding("warning", message, table.names[index])
