"""All checks by name."""

from __future__ import annotations

from skeletonmae.validation.bones import Bones, Layout
from skeletonmae.validation.check import Check
from skeletonmae.validation.duplicates import Duplicates, Names
from skeletonmae.validation.jumps import Jumps
from skeletonmae.validation.labels import Classes, Labels, Mixture
from skeletonmae.validation.leaks import Leaks
from skeletonmae.validation.persons import Persons
from skeletonmae.validation.rates import Rates
from skeletonmae.validation.sides import Mirrored, Sides
from skeletonmae.validation.still import Dead, Frozen, Stuck
from skeletonmae.validation.units import Units, Upright
from skeletonmae.validation.values import Empty, Reader, Short, Zeros


class Damaged(Check):
    """A file or recording that cannot be read, or a store's file whose checksum is not what was written: an error.

    It is found by reading, not by looking at recordings.
    """

    name = "damaged"


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Damaged(), Reader(), Empty(), Short(), Zeros(), Dead(), Stuck(), Frozen(), Jumps(), Bones(), Layout(),
        Sides(), Mirrored(), Persons(), Rates(), Units(), Upright(), Mixture(), Labels(), Classes(), Duplicates(),
        Names(), Leaks(),
    )
}  # fmt: skip
"""Check name -> check. To add one: a class of its own, and an object of it here."""
