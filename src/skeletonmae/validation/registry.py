"""All checks by name."""

from __future__ import annotations

from skeletonmae.validation.base import Check
from skeletonmae.validation.bones import Bones
from skeletonmae.validation.clip_coverage import Clips
from skeletonmae.validation.duplicates import Duplicates, Names
from skeletonmae.validation.frame_rate import FrameRate
from skeletonmae.validation.joint_order import Layout
from skeletonmae.validation.jumps import Jumps
from skeletonmae.validation.labels import Classes, Labels, MixedRecordings
from skeletonmae.validation.leaks import Leaks
from skeletonmae.validation.left_right import Mirrored, Sides
from skeletonmae.validation.lengths import Long, Short, SingleFrames
from skeletonmae.validation.missing_and_frozen import Dead, Frozen, Stuck
from skeletonmae.validation.missing_values import Empty, Reader, Zeros
from skeletonmae.validation.person_swaps import Persons
from skeletonmae.validation.units import Units, Upright


class Damaged(Check):
    """A file or recording that cannot be read, or a file of a store that does not match its checksum: an error.

    Reading the recordings finds it, so the three steps do nothing.
    """

    name = "damaged"


class Unread(Check):
    """A file that was not read: a warning if it could hold recordings, else a note, as for documents and pictures.

    Reading the recordings finds it, so the three steps do nothing.
    """

    name = "unread"


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Damaged(), Unread(), Reader(), Empty(), Clips(), Short(), SingleFrames(), Long(), Zeros(), Dead(), Stuck(),
        Frozen(), Jumps(), Bones(), Layout(), Sides(), Mirrored(), Persons(), FrameRate(), Units(), Upright(),
        MixedRecordings(), Labels(), Classes(), Duplicates(), Names(), Leaks(),
    )
}  # fmt: skip
"""Check name -> check. To add one, write a subclass of `Check` and add an instance here."""
