"""Bones whose length varies too much."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.anatomy import body_bones
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding

MIN_FRAMES = 10
"""Shorter tracks are not checked for varying bone lengths."""
MAX_MEDIAN_VARIATION = 0.4
"""Largest standard deviation over mean of a bone's length, median over bones."""
MAX_BONE_DEVIATION = 0.35
"""Largest standard deviation of any bone's length, in body sizes (18 cm)."""


class Bones(Check):
    """Bones of three axes whose length varies too much in one recording: a warning.

    A bone has one length. The error of a Kinect makes the median bone vary by 5 to 12 % (standard deviation over
    mean), 30 % at worst, and single bones by 6 to 12 cm. More than 40 % for the median bone, or more than 18 cm
    (0.35 body sizes) for any bone, is a warning: the joints belong to different bodies. If one axis has another
    unit, it shows only in bodies that turn or bend much, a quarter of the recordings of real datasets.
    In two axes bones shorten as they turn, so they are not checked.
    """

    name = "bones"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per track with such bones."""
        if block.num_axes == 2 or not block.skeleton.bones:
            return
        mean, deviation = block.bones
        is_checked = (block.track_lengths >= MIN_FRAMES)[:, None] & body_bones(block.skeleton)
        with np.errstate(invalid="ignore", divide="ignore"):
            variation = _row_median(np.where(is_checked, deviation / mean, np.nan))
            relative = np.where(is_checked, deviation / block.body_size[:, None], 0)
        exceeds = (variation > MAX_MEDIAN_VARIATION) | (relative > MAX_BONE_DEVIATION).any(1)
        for track in np.flatnonzero(exceeds).tolist():
            if variation[track] > MAX_MEDIAN_VARIATION:
                varies = f"varies by {variation[track]:.0%}"
                message = f"the length of the median bone {varies}; tracking failed, or the joints are misnamed"
                yield self.track_finding(block, track, "warning", message)
            else:
                bone = int(np.nanargmax(relative[track]))
                joint, parent = block.skeleton.bones[bone]
                varies = f"varies by {deviation[track, bone]:.3g} {block.unit}"
                message = f"the length of the bone {joint} to {parent} {varies}; tracking of one end failed"
                joints = np.array([block.skeleton.index[joint]])
                yield self.joint_finding(block, track, "warning", message, joints)


def _row_median(values: np.ndarray) -> np.ndarray:
    """Lower median of each row, NaN excluded; NaN if a row has nothing else."""
    ordered = np.sort(values, axis=1)  # NaN are sorted to the end
    count = np.isfinite(values).sum(1)
    median: np.ndarray = ordered[np.arange(len(values)), np.maximum(count - 1, 0) // 2]
    return median
