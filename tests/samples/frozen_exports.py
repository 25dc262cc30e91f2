"""The exported models that are kept in `tests/runtime/frozen`, and the recordings whose answers are kept with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

FROZEN = Path(__file__).resolve().parents[1] / "runtime" / "frozen"
CASES = [(0, 1, 1), (1, 2, 30), (2, 3, 64), (3, 1, 200)]
"""Seed, number of persons and number of frames."""


def frozen_recordings(make_recording: Callable[..., Any]) -> list[Any]:
    """The recordings whose answers are kept."""
    made = [make_recording(seed, persons, frames, lost=0.3, fps=20.0) for seed, persons, frames in CASES]
    made[0].observed[0, 0, :5] = True
    return made
