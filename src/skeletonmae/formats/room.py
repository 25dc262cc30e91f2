"""How much room a recording may take, for what a file says of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from skeletonmae.errors import InputError

IN_ANY_CASE = 1_000_000
FOR_EACH = 100


def must_have_room(where: str | Path, shape: Sequence[int], said: int) -> None:
    """Refuse a recording that would be nearly empty: one number of a frame is wrong.

    Args:
        where: the file, and the line if there are lines.
        shape: `(person, frame, joint)` of the recording.
        said: how many joint positions the file has for it.

    Raises:
        InputError: the shape has more than a million cells, and more than a hundred for each position.
    """
    if math.prod(shape) > IN_ANY_CASE + FOR_EACH * said:
        got = f"{said} joint positions for {shape[0]} persons in {shape[1]} frames"
        raise InputError("a frame number is far too large", where=where, got=got)
