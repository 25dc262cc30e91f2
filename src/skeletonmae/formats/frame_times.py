"""Frames and the frame rate of a recording whose lines state times instead of frame numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import numpy as np

from skeletonmae.formats.decoders.text_numbers import is_number

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
MIN_FPS, MAX_FPS = 4.0, 250.0
"""Times whose column states no unit are in the one that gives a frame rate in this range: at most one does."""
MIN_GAP, MIN_GAP_IF_IRREGULAR = 1.5, 5.0
"""Steps, as multiples of the usual one, from which frames are missing. Times of a webcam vary by more than one."""
MAX_JITTER, MIN_REGULAR_FRACTION = 0.3, 0.9
"""Times are regular if this fraction of the steps is so close to a multiple of the usual one."""
MAX_GAP_RATIO = 10
"""Gaps are kept if the recording has at most so many times as many frames as it has times."""
_CLOCK = re.compile(
    r"(?:(?:(\d{4})-(\d\d)-(\d\d)|\S+)[T ]\s*)?"
    r"(\d{1,2}):(\d\d):(\d\d)(?:[.,:](\d{1,9}))?\s*(?:Z|[+-]\d\d:?\d\d)?"
)
_DAY_ZERO = date(2000, 1, 1).toordinal()
"""Seconds are counted from a day near the recordings, so that float64 resolves microseconds."""


def parse_times(cells: Sequence[str]) -> tuple[np.ndarray, bool]:
    """Times as numbers, NaN where they are none, and whether they were dates or clock times, in seconds then."""
    clocks = [not is_number(cell) and ":" in cell for cell in cells]
    values = [_seconds(cell) if clock else _number(cell) for cell, clock in zip(cells, clocks, strict=True)]
    return np.array(values, dtype=np.float64), any(clocks)


def _number(cell: str) -> float:
    return float(cell) if is_number(cell) else np.nan


def _seconds(cell: str) -> float:
    match = _CLOCK.fullmatch(cell.strip()[:60])
    if match is None:
        return np.nan
    year, month, day, hours, minutes, seconds, fraction = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _DAY_ZERO if year else 0
    except ValueError:
        return np.nan
    return 86400 * days + 3600 * int(hours) + 60 * int(minutes) + int(seconds) + float(f"0.{fraction or 0}")


def frames_of_times(times: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Frame number of each line, and remarks. Lines with the same time are of the same frame; gaps are kept.

    Args:
        times: Time of each line in any unit, all finite.
    """
    unique, rank = np.unique(times, return_inverse=True)
    steps = np.diff(unique)
    if len(steps) < 2:
        return rank, ()
    steps = steps / np.median(steps)
    multiples = np.maximum(np.round(steps), 1)
    is_regular = np.mean(np.abs(steps - multiples) < MAX_JITTER) >= MIN_REGULAR_FRACTION
    multiples[steps < (MIN_GAP if is_regular else MIN_GAP_IF_IRREGULAR)] = 1
    if not (gaps := multiples > 1).any():
        return rank, ()
    if multiples.sum() > MAX_GAP_RATIO * len(unique):
        longest = f"the longest is {multiples.max():.0f} frames"
        return rank, (f"the times have gaps that are far longer than the recording ({longest}); they were closed",)
    frames = np.concatenate([[0], np.cumsum(multiples)]).astype(np.int64)
    number = "a gap" if gaps.sum() == 1 else f"{gaps.sum()} gaps"
    note = f"the times have {number}; {int((multiples - 1).sum())} frames are missing in all and unobserved"
    return frames[rank], (note,)


def fps_of_times(times: np.ndarray, frames: np.ndarray, units: Sequence[str] = tuple(SECONDS)) -> float | None:
    """Frames per second, by the median step; None if no unit gives a plausible rate.

    Args:
        times: Time of each line.
        frames: Frame of each line.
        units: Units that the times can have, keys of `SECONDS`.
    """
    unique, first = np.unique(frames, return_index=True)
    steps = np.diff(times[first]) / np.maximum(np.diff(unique), 1)
    steps = steps[steps > 0]
    step = float(np.median(steps)) if len(steps) else 0.0
    rates = [1 / (step * SECONDS[unit]) for unit in units if step > 0]
    return next((round(rate, 3) for rate in rates if MIN_FPS <= rate <= MAX_FPS), None)
