"""What the commands say of the recordings they read: their layouts, and what is unusual about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skeletonmae.cli.console import print_status

if TYPE_CHECKING:
    import numpy as np

    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import Skeleton


MAX_NAMES = 8
"""Names of joints that a line lists."""


class ObservedLayouts:
    """The layouts of recordings, and which of their joints were observed in any."""

    def __init__(self) -> None:
        self._counts: dict[Skeleton, int] = {}
        self._observed: dict[Skeleton, np.ndarray] = {}

    def add(self, recording: SkeletonSequence) -> None:
        """Add a recording."""
        import numpy as np

        skeleton = recording.skeleton
        self._counts[skeleton] = self._counts.get(skeleton, 0) + 1
        observed = np.asarray(recording.observed.any((0, 1)))
        self._observed[skeleton] = self._observed.get(skeleton, observed) | observed

    def lines(self) -> list[str]:
        """Return a line for each layout, the most frequent first."""
        from skeletonmae.skeletons import LAYOUTS
        from skeletonmae.skeletons.derived import abbreviate
        from skeletonmae.validation.finding import pluralize

        lines = []
        for skeleton, count in sorted(self._counts.items(), key=lambda item: -item[1]):
            observed, number = self._observed[skeleton].tolist(), pluralize(skeleton.num_joints, "joint")
            absent = [joint for joint, is_seen in zip(skeleton.joints, observed, strict=True) if not is_seen]
            never = abbreviate(absent, MAX_NAMES)
            seen = f"{skeleton.num_joints - len(absent)} of its {number} observed; never {never}"
            names = abbreviate(skeleton.joints, MAX_NAMES)
            own = "" if skeleton.name in LAYOUTS else f" of the files: {names}"
            what = seen if absent else f"{number}{own}"
            where = f" in {pluralize(count, 'recording')}" if len(self._counts) > 1 else ""
            lines.append(f"layout: {skeleton.name}{where}, {what}")
        return lines

    def print(self) -> None:
        """Print the lines."""
        for line in self.lines():
            print_status(line)
