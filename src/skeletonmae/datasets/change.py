"""Recordings in another layout, or without their third axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton, conversion


@dataclass(frozen=True)
class Change:
    """What is done to every recording before it is stored.

    Args:
        layout: to convert to; joints that cannot be had are unobserved.
        axes: 2 leaves out the distance from the camera: what is left is as in an image, x to the right and y down.
    """

    layout: Skeleton | None = None
    axes: Literal[2, 3] | None = None

    def __call__(self, sequence: SkeletonSequence) -> SkeletonSequence:
        """The changed recording.

        Raises:
            InputError: it is 2D and is asked to be 3D, or no joint of the layout can be had.
        """
        positions, observed, skeleton = sequence.positions, sequence.observed, sequence.skeleton
        if self.axes and positions.shape[3] < self.axes:
            where = f"recording {sequence.name!r}"
            raise InputError("a 2D recording cannot be made 3D", where=where, expected="axes 2")
        if self.axes == 2 and positions.shape[3] == 3:
            positions = np.where(observed[..., None], -positions[..., :2], np.float32(0))
        if self.layout and self.layout != skeleton:
            positions, observed = conversion(skeleton, self.layout)(positions, observed)
            skeleton = self.layout
        return replace(sequence, positions=positions, observed=observed, skeleton=skeleton)
