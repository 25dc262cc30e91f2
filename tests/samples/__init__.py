"""Small files of every format, written from numbers and not by the package.

To add one: a file here with a function that writes `(frame, joint of kinect20, axis)`, or as much of it as the
format can hold, to a path, and gives back the recordings that a reader must find there; and a line in `WRITERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from samples.kinect import numbers, write_kinder_gator, write_msr_action3d, write_nw_ucla, write_utd_mhad
from samples.table import write_table

__all__ = ["WRITERS", "numbers"]

WRITERS: dict[str, tuple[str, Callable[[Path, np.ndarray], list[Any]]]] = {
    "nw_ucla": (".json", write_nw_ucla),
    "utd_mhad": (".mat", write_utd_mhad),
    "msr_action3d": (".txt", write_msr_action3d),
    "kinder_gator": (".csv", write_kinder_gator),
    "table": (".csv", write_table),
}
"""Format name -> the ending of its files, and what writes one."""
