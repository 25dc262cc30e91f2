"""Recordings without content, and zeros that stand for missing values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.sequences.sequence import NOT_FINITE
from skeletonmae.validation.anatomy import origin_joints
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding, Severity, pluralize


class Reader(Check):
    """Notes of the reader. Values that are not finite (NaN, infinite), which it marked as not observed, are a
    warning; what it left out or cleaned up as documented is a note.
    """

    name = "reader"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per note."""
        for index, recording in enumerate(block.recordings):
            for note in recording.notes:
                severity: Severity = "warning" if NOT_FINITE in note else "note"
                yield self.finding(severity, note, block.recording_name(index))


class Empty(Check):
    """No frame, nothing observed in any frame, or everything observed at exactly (0, 0, 0): an error.

    No body has all its joints in one point, so this needs no threshold.
    """

    name = "empty"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per empty recording."""
        has_track = np.zeros(len(block.recordings), dtype=bool)
        has_track[block.recording_index] = True
        has_positions = np.zeros(len(block.recordings), dtype=bool)
        not_all_zero = block.sum_per_track(np.asarray(block.positions.any((1, 2)))) > 0
        has_positions[block.recording_index[not_all_zero]] = True
        for index in np.flatnonzero(~has_positions).tolist():
            num_frames = block.recordings[index].num_frames
            problem = "all positions are 0" if has_track[index] else "nothing was observed"
            problem = f"{problem} in {pluralize(num_frames, 'frame')}" if num_frames else "no frames"
            message = f"{problem}; remove it"
            yield self.finding("error", message, block.recording_name(index))


class Zeros(Check):
    """Joints that are marked as observed and are at exactly (0, 0, 0): a warning.

    Sensors and estimators write zeros for a joint they lost; a measured joint is never at exactly 0 in all axes.
    The root and the center of the body are excepted in the first frame, and where they are 0 throughout, as in
    recordings that are centered on them.
    """

    name = "zeros"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per track with such joints."""
        zero = block.zero.copy()
        if not zero.any():
            return
        marked, origin = block.sum_per_track(block.observed | zero), origin_joints(block.skeleton)
        zero_throughout = block.sum_per_track(zero)[:, origin] == marked[:, origin]
        zero[np.ix_(block.track_starts, origin)] = False
        count = block.sum_per_track(zero)
        count[:, origin] *= ~zero_throughout
        # A track that is 0 throughout is reported by `empty`.
        not_all_zero = block.sum_per_track(np.asarray(block.positions.any((1, 2)))) > 0
        for track in np.flatnonzero(count.any(1) & not_all_zero):
            joints = np.flatnonzero(count[track])
            rows = np.flatnonzero(zero[block.track_rows(int(track))][:, joints].any(1))
            fraction = count[track].sum() / marked[track].sum()
            message = f"{fraction:.1%} of the observed joints are at exactly 0; if they were lost, write NaN"
            yield self.joint_finding(block, int(track), "warning", message, joints, rows=rows)
