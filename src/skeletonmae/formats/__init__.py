"""One file format -> recordings, one reader a file."""

from __future__ import annotations

from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.formats.format import Format
from skeletonmae.formats.kinder_gator import KINDER_GATOR
from skeletonmae.formats.msr_action3d import MSR_ACTION3D
from skeletonmae.formats.nw_ucla import NW_UCLA
from skeletonmae.formats.table import TABLE, read_table
from skeletonmae.formats.utd_mhad import UTD_MHAD

__all__ = ["FORMATS", "Format", "detect", "read_table"]

FORMATS: dict[str, Format] = {
    entry.name: entry for entry in (NW_UCLA, UTD_MHAD, MSR_ACTION3D, KINDER_GATOR, TABLE)
}
"""Format name -> reader. To add one: a file of its own, and its name here."""


def detect(path: Path) -> Format:
    """The format of a file, by its first bytes.

    Raises:
        InputError: no known format, or more than one, looks like it.
    """
    if not path.is_file():
        raise InputError("there is no such file", where=path)
    found = [entry for entry in FORMATS.values() if entry.matches(path)]
    if len(found) != 1:
        known = "; ".join(f"{entry.name} ({entry.describe})" for entry in FORMATS.values())
        got = "several: " + ", ".join(entry.name for entry in found) if found else "none of them"
        raise InputError("the format is not clear", where=path, expected=f"one of {known}", got=got)
    return found[0]
