"""Convert recordings to another joint layout, or from 3D to 2D."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton, conversion


@dataclass(frozen=True)
class RecordingConverter:
    """Convert a recording before it is stored.

    Args:
        layout: Target layout. Joints that cannot be derived from the recording's joints are unobserved. By default
            the layout is kept.
        axes: 2 drops the distance from the camera. The result is in image axes: x to the right, y down. By default
            the axes are kept.
    """

    layout: Skeleton | None = None
    axes: Literal[2, 3] | None = None

    def __call__(self, sequence: SkeletonSequence) -> SkeletonSequence:
        """Return the converted recording.

        Raises:
            InputError: The recording is 2D and `axes` is 3, or no joint of the layout can be derived.
        """
        positions, observed, skeleton = sequence.positions, sequence.observed, sequence.skeleton
        num_axes = positions.shape[3]
        if self.axes and num_axes < self.axes:
            raise InputError(
                "cannot convert 2D coordinates to 3D",
                where=f"recording {sequence.name!r}",
                expected=f"{self.axes} axes",
                got=f"{num_axes} (omit `--axes {self.axes}`)",
            )
        if self.axes == 2 and num_axes == 3:
            positions = np.where(observed[..., None], -positions[..., :2], np.float32(0))
        if self.layout and self.layout != skeleton:
            positions, observed = conversion(skeleton, self.layout)(positions, observed)
            skeleton = self.layout
        return replace(sequence, positions=positions, observed=observed, skeleton=skeleton)
