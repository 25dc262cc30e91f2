"""Further processes of the command that is running."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_arguments: list[str] = []
"""The arguments of the command that is running."""


def remember_arguments(arguments: Sequence[str]) -> None:
    """Remember the arguments of the command that is about to run."""
    _arguments[:] = arguments


def this_command() -> list[str]:
    """Return what runs the same command in another process."""
    return [sys.executable, "-m", "skeletonmae", *_arguments]
