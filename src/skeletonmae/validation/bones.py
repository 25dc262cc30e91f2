"""Bones whose length varies too much, or does not fit the body."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.anatomy import body_bones, is_full_body, mean_per_recording
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding
from skeletonmae.validation.recording_table import RecordingTable

MIN_FRAMES = 10
"""Shorter tracks are not checked for varying bone lengths."""
MAX_MEDIAN_VARIATION = 0.4
"""Largest standard deviation over mean of a bone's length, median over bones."""
MAX_BONE_DEVIATION = 0.35
"""Largest standard deviation of any bone's length, in body sizes (18 cm)."""
MAX_BONE_LENGTH = 1.75
"""Largest length of a bone in one recording, in body sizes."""
MAX_MEDIAN_BONE_LENGTH = 1.25
"""The same for the median over all recordings, in which poses and errors average out."""


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
                message = f"the length of the median bone varies by {variation[track]:.0%}"
                yield self.track_finding(block, track, "warning", message)
            else:
                bone = int(np.nanargmax(relative[track]))
                joint, parent = block.skeleton.bones[bone]
                varies = f"varies by {deviation[track, bone]:.3g} {block.unit}"
                message = f"the length of the bone {joint} to {parent} {varies}"
                joints = np.array([block.skeleton.index[joint]])
                yield self.joint_finding(block, track, "warning", message, joints)


class Layout(Check):
    """A bone longer than 1.75 body sizes: a warning; a median over all recordings above 1.25: an error.

    The body size is the root mean square distance of the joints from their center, about 0.5 m. The longest bone
    of a human layout, a thigh, a shin or the side of the trunk, is 0.8 to 1.1 body sizes long, in two axes or
    three. A wrong order of joints connects a hand with a foot and makes it 1.4 to 3.
    """

    name = "layout"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield one finding per track with such a bone."""
        if not is_full_body(block.skeleton):
            return
        relative = self._relative_lengths(block)
        for track in np.flatnonzero((relative > MAX_BONE_LENGTH).any(1)).tolist():
            bone = int(np.nanargmax(relative[track]))
            joint, parent = block.skeleton.bones[bone]
            length = f"{relative[track, bone]:.1f} body sizes long"
            message = f"the bone {joint} to {parent} is {length}; expected less than {MAX_BONE_LENGTH}"
            joints = np.array([block.skeleton.index[joint]])
            yield self.joint_finding(block, track, "warning", message, joints)

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:
        """Measure the longest bone, in body sizes."""
        if not is_full_body(block.skeleton):
            return {"longest bone": np.full(len(block.recordings), np.nan)}
        longest = np.fmax.reduce(self._relative_lengths(block), axis=1, initial=np.nan)
        return {"longest bone": mean_per_recording(block, longest)}

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield a finding if the bones of most recordings are too long."""
        longest = table.column("longest bone")
        longest = longest[np.isfinite(longest)]
        if len(longest) and (median := np.median(longest)) > MAX_MEDIAN_BONE_LENGTH:
            message = (
                f"the longest bone has a median length of {median:.2f} body sizes over {len(longest)} recordings; "
                f"expected 0.8 to 1.1: the joints are not in the order of the layout"
            )
            yield self.finding("error", message, recordings=int((longest > MAX_MEDIAN_BONE_LENGTH).sum()))

    def _relative_lengths(self, block: RecordingBlock) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            relative: np.ndarray = block.bones[0] / block.body_size[:, None]
        return np.where(np.isfinite(relative) & body_bones(block.skeleton), relative, np.nan)


def _row_median(values: np.ndarray) -> np.ndarray:
    """Lower median of each row, NaN excluded; NaN if a row has nothing else."""
    ordered = np.sort(values, axis=1)  # NaN are sorted to the end
    count = np.isfinite(values).sum(1)
    median: np.ndarray = ordered[np.arange(len(values)), np.maximum(count - 1, 0) // 2]
    return median
