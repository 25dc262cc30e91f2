"""Joints that move faster than a body can."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.block import Block
from skeletonmae.validation.check import Check
from skeletonmae.validation.finding import Finding, listed, many

SPEED = 50.0
"""Body sizes a second, about 25 m/s for an adult."""
FPS = 20.0
"""Taken where the frame rate is not known."""
LEAST = 0.25
"""Body sizes, about 12 cm: a smaller step is no jump at any frame rate, it may be noise."""


class Jumps(Check):
    """A joint that moves faster than 50 body sizes a second, about 25 m/s, from one frame to the next: a warning.

    Only the hands of professional throwers reach that. Where the frame rate is not known it is taken as 20 a
    second, so a jump is 2.5 body sizes, about the height of the body less a head. A step under a quarter of a
    body size, 12 cm, is never one. In three axes half the speed is enough for a spike, in which the joint is back
    in the frame after: nothing turns round at that speed. Estimators from images do so too often to warn of it.
    """

    name = "jumps"

    def look(self, block: Block) -> Iterator[Finding]:
        """The tracks that have any."""
        fps = np.where(np.isfinite(block.fps) & (block.fps > 0), block.fps, FPS)
        size = np.where(block.size > 0, block.size, np.inf)  # of a single joint nothing can be said
        limit = (size * np.maximum(SPEED / fps, LEAST))[block.track, None]
        half = block.step > limit / 2
        row, joint = np.nonzero(half[:-1] & half[1:])
        apart = np.linalg.norm(block.positions[row + 2, joint] - block.positions[row, joint], axis=1)
        back = apart < limit[row, 0] / 2
        spike = np.zeros_like(half)
        spike[row[back], joint[back]] = True
        jump = block.step > limit
        if block.axes == 3:
            jump |= spike
        for track in np.unique(block.track[jump.any(1)]).tolist():
            rows = block.rows(track)
            row, joint = np.nonzero(jump[rows])
            lengths = block.step[rows][row, joint]
            largest = int(lengths.argmax())
            returns = ", and back" if spike[rows][row[largest], joint[largest]] else ""
            joints, frames = np.unique(joint), np.unique(row) + 1
            names = listed([block.skeleton.joints[place] for place in joints])
            what = (
                f"{names} jump{'s' * (len(joints) == 1)}, at most {lengths[largest]:.3g} {block.unit} in a frame "
                f"({lengths[largest] / block.size[track]:.1f} body sizes){returns}; {many(len(frames), 'frame')}"
            )
            yield self.of_track_joints(block, track, "warning", what, joints, rows=frames)
