"""What a check has to say of a recording, or of all of them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from skeletonmae.config import Config

Severity: TypeAlias = Literal["error", "warning", "note"]
"""The data is wrong; it probably is; it is worth knowing."""
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
SHOWN = 5
"""Frames, joints or names that a finding gives, at most."""


class Finding(Config):
    """One thing that one check found."""

    check: str
    """Its name in `CHECKS`."""
    severity: Severity
    what: str
    """In words, with numbers."""
    recording: str = ""
    """Its name; empty where several are meant."""
    person: int | None = None
    """Place in the recording; None where the whole recording is meant."""
    frames: tuple[int, ...] = ()
    """The first frames it shows in."""
    joints: tuple[str, ...] = ()
    """The joints it shows in, or the first of them."""
    recordings: int = 1
    """How many recordings are meant."""


def listed(names: list[str] | tuple[str, ...], shown: int = SHOWN) -> str:
    """The first of `names`, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def many(number: int, what: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{number} {what}{'s' * (number != 1)}"
