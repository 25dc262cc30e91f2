"""The base class of all checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import MAX_EXAMPLES, Finding, Severity
from skeletonmae.validation.recording_table import RecordingTable


class Check:
    """A check for one kind of mistake. It has no state, and each of its three steps is optional.

    The docstring of each check says what it looks for and how its thresholds were chosen.
    """

    name: ClassVar[str]

    def check_block(self, block: RecordingBlock) -> Iterable[Finding]:  # noqa: ARG002
        """Yield the findings about single recordings."""
        return ()

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:  # noqa: ARG002
        """Measure what `check_all` needs of each recording: `(recording, ...)` arrays by name."""
        return {}

    def check_all(self, table: RecordingTable) -> Iterable[Finding]:  # noqa: ARG002
        """Yield the findings that need all recordings."""
        return ()

    def finding(self, severity: Severity, message: str, recording: str = "", **fields: Any) -> Finding:
        """A finding of this check."""
        return Finding(check=self.name, severity=severity, message=message, recording=recording, **fields)

    def track_finding(
        self,
        block: RecordingBlock,
        track: int,
        severity: Severity,
        message: str,
        rows: Sequence[int] | np.ndarray = (),
        **fields: Any,
    ) -> Finding:
        """A finding about one person; `rows` count from the first row of the track."""
        frames = tuple(int(block.start_frame[track] + row) for row in rows)[:MAX_EXAMPLES]
        name, person = block.recording_name(int(block.recording_index[track])), int(block.person_index[track])
        return self.finding(severity, message, name, person=person, frames=frames, **fields)

    def joint_finding(
        self,
        block: RecordingBlock,
        track: int,
        severity: Severity,
        message: str,
        joints: np.ndarray,
        **fields: Any,
    ) -> Finding:
        """A finding about some joints of one person, given by their indices."""
        names = tuple(block.skeleton.joints[int(joint)] for joint in joints[:MAX_EXAMPLES])
        return self.track_finding(block, track, severity, message, joints=names, **fields)
