"""The one exception for what a user can put right."""

from __future__ import annotations

from pathlib import Path


class InputError(ValueError):
    """A file, a recording or a setting is not what it should be.

    Args:
        problem: what is wrong, in words.
        where: the file or setting it was met in, with a record, line or key after it if there is one.
        expected: what would have been right.
        got: what was there instead.
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
