"""Every limit on the size and cost of what is read, in one place.

A file is untrusted: a few of its bytes can claim a shape, a frame number or a list that would take all memory
or never end. A limit is either a plain maximum (`MAX_*`, with its unit) or a `Budget`, which grows with what a
file really holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skeletonmae.errors import InputError


@dataclass(frozen=True)
class Budget:
    """A maximum that grows with the size of the input.

    Args:
        base: Allowed for any input.
        per_item: Allowed in addition for each item (byte, pose, value) that the input holds.
    """

    base: int
    per_item: int

    def of(self, num_items: int) -> int:
        """The maximum for an input of `num_items` items."""
        return self.base + self.per_item * num_items


# The shape of a recording. Each count is bounded on its own, because a product is 0 where one of them is 0.
MIN_FPS, MAX_FPS = 1e-6, 1e6
"""A frame in eleven days, and a frame in a microsecond."""
MAX_JOINTS = 1_000
MAX_PERSONS = 10_000
MAX_FRAMES = 100_000_000
MAX_RECORDINGS = 10_000_000
MAX_CELLS = 2**26
"""Persons x frames x joints of one recording, which is read as a whole: a day of one person."""

# Bytes and text.
MAX_READ_BYTES = 2**28
"""Bytes that are read at once; larger files are read in pieces."""
MAX_MEMBER_BYTES = 2**32
"""Uncompressed bytes of a member of a zip archive."""
MIN_SUSPICIOUS_BYTES, MAX_COMPRESSION_RATIO = 2**24, 100
"""A member that is larger than the first and shrinks by more than the second is refused."""
MAX_ARRAY_AXES, MAX_ARRAY_BYTES = 32, 2**48
"""Axes of an array, and its bytes if every axis of length 0 had length 1: numpy fails on larger ones."""
MAX_ARRAYS = 10_000
"""Arrays of a `.npz` file."""
MAX_LINE_BYTES = 2**20
"""Bytes of one line of a text table; `MAX_COLUMNS` cells of 50 bytes."""
MAX_COLUMNS = 20_000
"""Columns of a table: 1,000 joints with a few values each, for several persons."""
MAX_LAYOUT_BYTES = 200_000
"""Bytes of a layout in YAML."""
MAX_COORDINATE = 1e9
"""Largest absolute coordinate that a motion-capture file may have, in its own unit."""

MAX_FRAME_PIXELS = 8192 * 4608
"""Pixels of a frame of a video; a decoder holds several frames."""

MAX_JSON_MEMORY = 2**30
"""Bytes that the objects of a JSON file may take once it is parsed."""

# What a file may expand to.
FILE_VALUES = Budget(10_000_000, 100)
"""Coordinates of all recordings in a file, for each of its bytes."""
RECORDING_CELLS = Budget(1_000_000, 100)
"""Persons x frames x joints of a recording, for each joint position that the file holds."""
FRAME_SPAN = Budget(1_000, 30)
"""Frames from the first to the last frame number, for each frame that exists; persons x frames, for each pose."""
BVH_CELLS = Budget(1_000_000, 10)
"""Joints x frames of a BVH file, for each channel value."""
NTU_CELLS = Budget(10_000, 100)
"""Bodies x frames of an NTU file, for each body in a frame."""
HDF5_BYTES = Budget(2**20, 200)
"""Bytes of an HDF5 array, for each byte of the file (arrays are compressed)."""
PARQUET_ROWS = Budget(1_000_000, 1)
"""Rows of a Parquet file, for each of its bytes: a run of equal rows takes almost none."""

MAX_LINKED_PERSONS = 500
"""Persons in one frame that are linked to other frames by position, which takes the cube of their number."""
LINKED_PAIRS = Budget(20_000_000, 3_000)
"""Pairs of a person and a pose that are compared to link the poses of a recording, for each pose."""
SPLIT_NAMES = Budget(100_000, 100)
"""Names in all splits of a file, for each of its recordings: several splits may share one list."""


def check_density(where: str | Path, shape: Sequence[int], num_positions: int) -> None:
    """Refuse a recording that would be almost empty, as happens when one frame number is wrong.

    Args:
        where: The file, and the line if it has lines.
        shape: `(person, frame, joint)` of the recording.
        num_positions: Joint positions that the file holds for it.

    Raises:
        InputError: The shape exceeds `RECORDING_CELLS`.
    """
    if math.prod(shape) > RECORDING_CELLS.of(num_positions):
        got = f"{num_positions} joint positions for {shape[0]} persons in {shape[1]} frames"
        raise InputError("a frame number is far too large", where=where, got=got)


def check_shape(where: str | Path, shape: Sequence[int]) -> None:
    """Refuse the shape of a recording that no recording has, before anything is allocated or iterated.

    Args:
        where: The file, and the record if it has several.
        shape: `(person, frame, joint)`, as the file declares it.

    Raises:
        InputError: A count or their product exceeds its limit.
    """
    for name, count, maximum in zip(
        ("persons", "frames", "joints"), shape, (MAX_PERSONS, MAX_FRAMES, MAX_JOINTS), strict=True
    ):
        if not 0 <= count <= maximum:
            raise InputError(f"impossible number of {name}", where=where, expected=f"0 to {maximum:,}", got=count)
    if math.prod(shape) > MAX_CELLS:
        got = " x ".join(map(str, shape))
        raise InputError(
            "persons x frames x joints is too large", where=where, expected=f"at most {MAX_CELLS:,}", got=got
        )
