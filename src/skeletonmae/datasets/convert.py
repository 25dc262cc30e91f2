"""Convert recordings to another joint layout, or from 3D to 2D."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Conversion, Skeleton, conversion
from skeletonmae.skeletons.derived import abbreviate

MIN_CONVERTED_SHARE = 0.25
"""Share of the target's joints that a conversion must yield. Of all pairs of built-in bodies, SBU's 15 joints to
MediaPipe's 33 yield least: a third."""


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
            InputError: The recording is 2D and `axes` is 3, or fewer than a quarter of the layout's joints can be
                derived.
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
            convert = conversion(skeleton, self.layout)
            _check_share(convert, sequence.name)
            positions, observed = convert(positions, observed)
            skeleton = self.layout
        return replace(sequence, positions=positions, observed=observed, skeleton=skeleton)


def _check_share(convert: Conversion, recording: str) -> None:
    """Refuse a conversion that leaves almost every joint unobserved: the names were not understood."""
    target = convert.target
    derived = [joint for joint, origin in convert.origins.items() if origin]
    if len(derived) < MIN_CONVERTED_SHARE * target.num_joints:
        raise InputError(
            f"only {len(derived)} of the {target.num_joints} joints of {target.name} can be derived "
            f"({abbreviate(derived)})",
            where=f"recording {recording!r}",
            expected=f"at least {MIN_CONVERTED_SHARE:.0%} of them; if the joints have other names, rename them",
            got=abbreviate(convert.source.joints),
        )
