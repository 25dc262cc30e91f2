"""One person in front of a Kinect v1, the recording that several readers make."""

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
    """One person in front of Kinect v1, named after the file.

    Kinect writes exactly (0, 0, 0), the place of the camera itself, for a joint it lost: that is unobserved.

    Args:
        file: that the values are from.
        values: `(frame, joint, 3)` in metres.
        joints: names of the joints in the order of `values`.
        fps: frames per second, if known.
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
