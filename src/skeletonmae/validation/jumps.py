"""Joints that move faster than a body can."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding, join_names, pluralize

MAX_SPEED = 50.0
"""Body sizes per second, about 25 m/s for an adult."""
DEFAULT_FPS = 20.0
"""Assumed where the frame rate is unknown."""
MIN_JUMP = 0.25
"""Body sizes, about 12 cm: a smaller displacement may be noise and is never a jump."""


class Jumps(Check):
    """A joint that moves faster than 50 body sizes per second, about 25 m/s, between two frames: a warning.

    Only the hands of professional throwers are that fast. Where the frame rate is unknown, 20 frames per second
    are assumed, so a jump is 2.5 body sizes, about the height of the body without the head. A displacement below a
    quarter of a body size, 12 cm, is never a jump. In three axes half the speed suffices for a spike, after which
    the joint is back in the next frame, since nothing reverses at that speed. Estimators from images produce
    spikes too often to warn about them.
    """

    name = "jumps"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per track with jumps."""
        fps = np.where(np.isfinite(block.fps) & (block.fps > 0), block.fps, DEFAULT_FPS)
        size = np.where(block.body_size > 0, block.body_size, np.inf)  # a single joint has no size to compare with
        limit = (size * np.maximum(MAX_SPEED / fps, MIN_JUMP))[block.track_index, None]
        is_fast = block.displacement > limit / 2
        row, joint = np.nonzero(is_fast[:-1] & is_fast[1:])
        moved = np.linalg.norm(block.positions[row + 2, joint] - block.positions[row, joint], axis=1)
        returns = moved < limit[row, 0] / 2
        is_spike = np.zeros_like(is_fast)
        is_spike[row[returns], joint[returns]] = True
        is_jump = block.displacement > limit
        if block.num_axes == 3:
            is_jump |= is_spike
        for track in np.unique(block.track_index[is_jump.any(1)]).tolist():
            rows = block.track_rows(track)
            row, joint = np.nonzero(is_jump[rows])
            lengths = block.displacement[rows][row, joint]
            largest = int(lengths.argmax())
            and_back = ", and back" if is_spike[rows][row[largest], joint[largest]] else ""
            joints, frames = np.unique(joint), np.unique(row) + 1
            names = join_names([block.skeleton.joints[index] for index in joints])
            message = (
                f"{names} jump{'s' * (len(joints) == 1)} by up to {lengths[largest]:.3g} {block.unit} per frame "
                f"({lengths[largest] / block.body_size[track]:.1f} body sizes){and_back} in "
                f"{pluralize(len(frames), 'frame')}; if tracking failed, mark them as not observed"
            )
            yield self.joint_finding(block, track, "warning", message, joints, rows=frames)
