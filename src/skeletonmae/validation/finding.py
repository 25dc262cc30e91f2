"""One result of one check, about one recording or several."""

from __future__ import annotations

from typing import Literal, TypeAlias

from skeletonmae.config import Config

Severity: TypeAlias = Literal["error", "warning", "note"]
"""`error`: the data is wrong; `warning`: it probably is; `note`: it is worth knowing."""
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
MAX_EXAMPLES = 5
"""Frames, joints or names that a finding lists at most."""


class Finding(Config):
    """One thing that one check found."""

    check: str
    """Name of the check in `CHECKS`."""
    severity: Severity
    message: str
    """What was found, in words and numbers."""
    recording: str = ""
    """Name of the recording; empty if the finding is about several."""
    person: int | None = None
    """Index of the person in the recording; None if the finding is about the whole recording."""
    frames: tuple[int, ...] = ()
    """The first frames that show it."""
    joints: tuple[str, ...] = ()
    """The first joints that show it."""
    recordings: int = 1
    """Number of recordings that the finding is about."""


def join_names(names: list[str] | tuple[str, ...], max_names: int = MAX_EXAMPLES) -> str:
    """The first of `names`, separated by commas, and the number of the remaining ones."""
    more = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(names[:max_names]) + more


def pluralize(count: int, noun: str) -> str:
    """Count and noun: `1 frame`, `2 frames`."""
    return f"{count} {noun}{'s' * (count != 1)}"
