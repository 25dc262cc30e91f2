"""The exception for mistakes that a user can correct."""

from __future__ import annotations

from pathlib import Path


class InputError(ValueError):
    """A file, a recording or a setting is invalid.

    Args:
        problem: What is wrong, in words.
        where: The file or setting, followed by the record, line or key if there is one.
        expected: What would be valid.
        got: What was found instead.
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str | Path | None = None,
        expected: object = None,
        got: object = None,
    ) -> None:
        message = problem if where is None else f"{where}: {problem}"
        if expected is not None:
            message += f"; expected {expected}"
        if got is not None:
            message += f"; got {got}"
        super().__init__(message)
        self.where = where


class StoreMismatchError(InputError):
    """A recording has another layout, unit or number of axes than the store that it is added to.

    Args:
        problem: What is wrong, in words.
        where: The recording.
        expected: What the store has.
        got: What the recording has.
        layout: Layout, number of axes and unit of the recording, in words.
    """

    def __init__(
        self, problem: str, *, where: str | Path | None, expected: object, got: object, layout: str
    ) -> None:
        super().__init__(problem, where=where, expected=expected, got=got)
        self.layout = layout


class MissingExtraError(InputError):
    """A package is missing that an extra of this one installs."""


def how_to_install(extra: str) -> str:
    """Return the commands that install an extra: of a released version, and from a clone."""
    return f"pip install 'skeletonmae[{extra}]', or from a clone: pip install -e '.[{extra}]'"
