"""Recordings of one person by a Kinect v1, which several readers make."""

from __future__ import annotations

import numpy as np

from skeletonmae.formats.files import InputFile
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20


def kinect_recording(
    file: InputFile,
    values: np.ndarray,
    joints: tuple[str, ...],
    *,
    fps: float | None = None,
) -> SkeletonSequence:
    """A recording of one person, named after the file.

    Kinect writes exactly (0, 0, 0), the position of the sensor, for a lost joint, which is unobserved here.

    Args:
        file: The file.
        values: `(frame, joint, 3)` in meters.
        joints: Names of the joints, in the order of `values`.
        fps: Frames per second, if known.
    """
    order = [joints.index(joint) for joint in KINECT20.joints]
    positions = values[:, order]
    return SkeletonSequence.from_positions(
        positions,
        KINECT20,
        observed=(positions != 0).any(-1),
        name=file.path.stem,
        fps=fps,
    )
