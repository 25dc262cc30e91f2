"""What every check is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from skeletonmae.validation.block import Block
from skeletonmae.validation.catalogue import Catalogue
from skeletonmae.validation.finding import SHOWN, Finding, Severity


class Check:
    """One kind of mistake, and how it is found. It keeps nothing itself; any of the three steps may be missing.

    The docstring of each says what it looks for and why its thresholds are what they are.
    """

    name: ClassVar[str]

    def look(self, block: Block) -> Iterable[Finding]:  # noqa: ARG002
        """What one recording shows by itself."""
        return ()

    def measure(self, block: Block) -> dict[str, np.ndarray]:  # noqa: ARG002
        """What to keep of each recording for `conclude`: `(recording, ...)` arrays by name."""
        return {}

    def conclude(self, catalogue: Catalogue) -> Iterable[Finding]:  # noqa: ARG002
        """What only all recordings together show."""
        return ()

    def finding(self, severity: Severity, what: str, recording: str = "", **more: Any) -> Finding:
        """A finding of this check."""
        return Finding(check=self.name, severity=severity, what=what, recording=recording, **more)

    def of_track(
        self,
        block: Block,
        track: int,
        severity: Severity,
        what: str,
        rows: Sequence[int] | np.ndarray = (),
        **more: Any,
    ) -> Finding:
        """A finding about one person; `rows` are counted from the first of the track."""
        frames = tuple(int(block.since[track] + row) for row in rows)[:SHOWN]
        name, person = block.name(int(block.owner[track])), int(block.person[track])
        return self.finding(severity, what, name, person=person, frames=frames, **more)

    def of_track_joints(
        self, block: Block, track: int, severity: Severity, what: str, joints: np.ndarray, **more: Any
    ) -> Finding:
        """The same about some joints, by their places."""
        names = tuple(block.skeleton.joints[int(joint)] for joint in joints[:SHOWN])
        return self.of_track(block, track, severity, what, joints=names, **more)
