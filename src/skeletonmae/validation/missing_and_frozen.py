"""Joints that are never observed or never move, and frames that repeat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.anatomy import origin_joints
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding, Severity, join_names, pluralize
from skeletonmae.validation.recording_table import RecordingTable

MIN_FRAMES = 10
"""Frames in which a joint must be observed to count as stuck."""
MAX_LISTED_JOINTS = 10
MIN_RANGE_2D = 0.2
"""Body sizes that half of the joints must range over for a body in two axes to count as moving."""
MIN_FROZEN_FRAMES = 6
"""Consecutive equal frames that are reported."""


class Dead(Check):
    """Joints that are never observed: a note, or a warning if they are at least half of the body.

    Recordings may lack joints: they were outside the image, or the source layout does not have them. Without half
    of them, little can be learned. Joints that no recording has are reported once.
    """

    name = "dead"

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:
        """Collect the names of the dead joints of each recording; None if nothing was observed."""
        count = np.zeros((len(block.recordings), block.skeleton.num_joints), dtype=np.int64)
        np.add.at(count, block.recording_index, block.sum_per_track(block.observed).astype(np.int64))
        dead = np.empty(len(count), dtype=object)
        for recording in np.flatnonzero(count.any(1)):
            names = [block.skeleton.joints[joint] for joint in np.flatnonzero(count[recording] == 0)]
            dead[recording] = (tuple(names), len(count[recording])) if names else ()
        return {"dead": dead}

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one finding per recording, and one for the joints that are dead in all."""
        dead = table.column("dead")
        not_empty = [entry for entry in dead if entry is not None]
        everywhere: set[str] = set()
        if not_empty:
            everywhere = set.intersection(*(set(entry[0] if entry else ()) for entry in not_empty))
        if everywhere:
            message = (
                f"never observed in any recording: {join_names(sorted(everywhere))}; if the source lacks them, "
                f"`--convert-to` a layout without them saves time"
            )
            yield self.finding("note", message, recordings=len(not_empty), joints=tuple(sorted(everywhere)))
        for index in np.flatnonzero([bool(entry) for entry in dead]):
            names, num_joints = dead[index]
            only_here = [name for name in names if name not in everywhere]
            if only_here:
                severity: Severity = "warning" if 2 * len(names) >= num_joints else "note"
                advice = "; little can be learned from it" if severity == "warning" else ""
                joints_text = f"{len(names)} of {num_joints} joints are never observed"
                message = f"{joints_text}: {join_names(only_here)}{advice}"
                joints = tuple(only_here[:MAX_LISTED_JOINTS])
                yield self.finding(severity, message, table.names[index], joints=joints)


class Stuck(Check):
    """Joints that are observed in 10 frames or more and never move at all while the body does: a warning.

    In three axes the body moves if half of its joints move at all: a measured joint is never twice at the same
    position to the last bit, a filled-in one is. In two axes joints are often annotated by hand, on whole pixels,
    so half of them must range over 0.2 body sizes. The root and the center of the body are not checked, since
    they do not move in recordings that are centered on them.
    """

    name = "stuck"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per track with such joints."""
        still = (block.sum_per_track(block.displacement) == 0) & (
            block.sum_per_track(block.observed) >= MIN_FRAMES
        )
        still[:, origin_joints(block.skeleton)] = False
        if not still.any():
            return
        observed = block.observed[..., None]
        low = np.minimum.reduceat(np.where(observed, block.positions, np.inf), block.track_starts)
        high = np.maximum.reduceat(np.where(observed, block.positions, -np.inf), block.track_starts)
        span = np.maximum(high - low, 0).max(2)  # -inf, so 0, where never observed
        median = np.median(span, axis=1)
        body_moves = median >= MIN_RANGE_2D * block.body_size if block.num_axes == 2 else median > 0
        stuck = still & (span == 0) & body_moves[:, None]
        for track in np.flatnonzero(stuck.any(1)):
            joints = np.flatnonzero(stuck[track])
            count = pluralize(len(joints), "observed joint")
            message = f"{count} never moved while the body did; if they were filled in, mark them as not observed"
            yield self.joint_finding(block, int(track), "warning", message, joints)


class Frozen(Check):
    """6 or more consecutive frames with every observed joint at the same position: a warning.

    No measured body stands still to the last bit: the sensor stopped, or the last frame was repeated to pad the
    recording. Shorter runs occur where the frame rate was increased by repeating frames.
    """

    name = "frozen"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield the first such run of each track."""
        still = block.observed_next.any(1) & ~block.displacement.any(1)
        if not still.any():
            return
        edges = np.flatnonzero(np.diff(still.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        edges = edges[edges[:, 1] - edges[:, 0] >= MIN_FROZEN_FRAMES - 1]
        tracks, first = np.unique(block.track_index[edges[:, 0]], return_index=True)
        for track, run in zip(tracks.tolist(), first.tolist(), strict=True):
            start, stop = (edges[run] - block.track_starts[track]).tolist()
            count, num_frames = stop - start + 1, int(block.track_lengths[track])
            which = "all" if count == num_frames else "the last" if stop == num_frames - 1 else ""
            message = f"{which} {count} of {num_frames} frames are the same; cut off padding".strip()
            yield self.track_finding(block, track, "warning", message, rows=(start,))
