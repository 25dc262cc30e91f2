"""Units and axes that do not fit a body."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.validation.anatomy import (
    BOTTOM,
    BOTTOM_MARKER,
    TOP,
    TOP_MARKER,
    is_full_body,
    joint_mean,
    mean_per_recording,
)
from skeletonmae.validation.base import Check
from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.finding import Finding, Severity
from skeletonmae.validation.recording_table import RecordingTable

POSSIBLE_SIZE, USUAL_SIZE = (0.05, 5.0), (0.15, 1.2)
"""Body sizes in meters outside which the unit is wrong, and outside which it probably is."""
ANY_SIZE = (0.002, 20.0)
"""Sizes in meters of whatever is tracked, from a hand to a horse with its surroundings."""
MIN_SIZE_PX, MAX_SIZE_IMAGE = 2, 10
"""Smallest body size in pixels, and largest one in fractions of the image."""
MIN_OBSERVED = 0.5
"""Fraction of the joints that must be observed to judge a body size."""
CMU_BVH_UNITS = 0.45 / 0.0254
"""Units per meter of the BVH conversions of the CMU recordings."""
UNITS_PER_METER = {
    "millimeters": 1000.0,
    "centimeters": 100.0,
    "inches": 39.4,
    "units of CMU's BVH files, 5.64 cm each": CMU_BVH_UNITS,
    "decimeters": 10.0,
    "feet": 3.28,
}
ADULT_SIZE = 0.5
"""Body size of an adult, in meters."""
UNIT_FLAGS = {"millimeters": "mm", "centimeters": "cm", "meters": "m"}
MIN_RECORDINGS = 5
"""Recordings of which most must be turned to conclude that the axes are wrong and not the pose unusual."""
UPSIDE_DOWN = -0.5
"""Mean upward component of the direction from feet to head below which a body is upside down; 1 if it stands."""
ALONG_AXIS = 0.7
"""Mean absolute component along another axis above which a body stands along it."""


class Units(Check):
    """Bodies that are too large or too small for their unit, and third axes that are constant.

    The body size, the root mean square distance of the joints from their center, is 0.24 to 0.75 m in real
    recordings of children and adults. In meters, outside 0.15 to 1.2 is a warning, outside 0.05 to 5 an error; of
    other bodies, such as hands, animals and sets of markers, outside 0.002 to 20 is a warning. In
    pixels, below 2 is a warning, as no image shows a body on two pixels. In fractions of the image, above 10 is an
    error. For an unknown unit a note says which unit is likely.
    """

    name = "units"

    def check_block(self, block: RecordingBlock) -> Iterator[Finding]:
        """Yield the tracks with impossible sizes or axes."""
        num_observed = block.sum_per_track(block.observed.sum(1))
        is_known = num_observed >= MIN_OBSERVED * block.track_lengths * block.skeleton.num_joints
        size, unit = np.where(is_known, block.body_size, np.nan), block.unit
        usual, possible = (
            (USUAL_SIZE, POSSIBLE_SIZE) if is_full_body(block.skeleton) else (ANY_SIZE, (0.0, np.inf))
        )
        if unit == "m":
            is_wrong = (size > 0) & ((size < usual[0]) | (size > usual[1]))
        elif unit == "px":
            is_wrong = (size > 0) & (size < MIN_SIZE_PX)
        else:
            is_wrong = (size > MAX_SIZE_IMAGE) if unit == "image" else np.zeros(len(size), dtype=bool)
        for track in np.flatnonzero(is_wrong).tolist():
            is_certain = unit == "image" or (unit == "m" and not possible[0] <= size[track] <= possible[1])
            message = f"the body size is {size[track]:.3g} {unit}; {_likely_unit(float(size[track]), unit)}"
            yield self.track_finding(block, track, "error" if is_certain else "warning", message)
        if block.num_axes == 3 and len(block.track_starts):
            depth, observed = block.positions[..., 2], block.observed
            low = np.minimum.reduceat(np.where(observed, depth, np.inf).min(1), block.track_starts)
            high = np.maximum.reduceat(np.where(observed, depth, -np.inf).max(1), block.track_starts)
            for track in np.flatnonzero((low == high) & (block.body_size > 0)).tolist():
                message = f"the third axis is {low[track]:g} throughout; if this is a 2D recording, use `--axes 2`"
                yield self.track_finding(block, track, "warning", message)

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:
        """Measure the body size if the unit is unknown."""
        size = block.body_size if block.unit == "unknown" else np.full(len(block.track_starts), np.nan)
        return {"unknown size": mean_per_recording(block, size)}

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield one note on which unit is likely where it is unknown."""
        size = table.column("unknown size")
        size = size[np.isfinite(size)]
        if len(size):
            median = float(np.median(size))
            message = (
                f"the unit is unknown; the median body size is {median:.3g}; {_likely_unit(median, 'unknown')}"
            )
            yield self.finding("note", message, recordings=len(size))


class Upright(Check):
    """The head below the feet in most frames: a warning; in most of 5 recordings or more: one error.

    In three axes y points up, in two it is the image's and points down. Bodies that lie or bend do not count: the
    direction from feet to head must point down by 30 degrees or more, on average over the frames. A warning, too,
    if the bodies of most recordings stand along another axis than y. Somebody may stand on the hands or lie in one
    recording, so the messages about fewer than 5 recordings say so.
    """

    name = "upright"

    def measure(self, block: RecordingBlock) -> dict[str, np.ndarray]:
        """Measure the mean direction from feet to head, with y up; NaN where it is undetermined."""
        top, has_top = joint_mean(block, TOP, TOP_MARKER)
        bottom, has_bottom = joint_mean(block, BOTTOM, BOTTOM_MARKER)
        body = top - bottom
        length = np.linalg.norm(body, axis=1)
        valid = has_top & has_bottom & (length > 0)
        body *= (valid / np.where(valid, length, 1))[:, None].astype(np.float32)
        direction = block.mean_per_track(body, valid[:, None])
        direction = np.pad(direction, ((0, 0), (0, 3 - block.num_axes)))
        if block.num_axes == 2:
            direction[:, 1] *= -1
        return {"up": mean_per_recording(block, direction)}

    def check_all(self, table: RecordingTable) -> Iterator[Finding]:
        """Yield the recordings that are upside down; one finding if most are."""
        up = table.column("up").reshape(-1, 3)
        num_known = int(np.isfinite(up[:, 1]).sum())
        upside_down = np.flatnonzero(up[:, 1] < UPSIDE_DOWN)
        if 2 * len(upside_down) > num_known:
            count = f"{len(upside_down)} of {num_known} recordings"
            flag = "y" if {axes for _, axes, _ in table.kinds} == {2} else "-y"
            if num_known >= MIN_RECORDINGS:
                message = (
                    f"the head is below the feet in {count}: y points the wrong way; `--up {flag}` turns them"
                )
                yield self.finding("error", message, recordings=len(upside_down))
            else:
                message = f"the head is below the feet in {count}; if nobody is upside down, use `--up {flag}`"
                yield self.finding("warning", message, recordings=len(upside_down))
        else:
            for index in upside_down.tolist():
                message = "the head is below the feet; unless the person is upside down, turn the recording"
                yield self.finding("warning", message, table.names[index])
        for axis, axis_name in ((0, "x"), (2, "z")):
            num_along = int((np.abs(up[:, axis]) > ALONG_AXIS).sum())
            if 2 * num_along > num_known:
                # Readers that make a half turn about y, as that of BVH, give a file with z up heads along -z.
                advice = "`--up z` turns files with z up" if axis_name == "z" else "turn them before they are read"
                count = f"{num_along} of {num_known} recordings"
                if num_known >= MIN_RECORDINGS:
                    message = f"bodies stand along {axis_name} in {count}; y should be up: {advice}"
                else:
                    message = f"bodies are along {axis_name} in {count}; unless they lie, {advice}"
                severity: Severity = "warning" if num_known >= MIN_RECORDINGS or axis_name == "z" else "note"
                yield self.finding(severity, message, recordings=num_along)


def _likely_unit(size: float, unit: str) -> str:
    """In which unit this is the body size of an adult."""
    if unit == "px":
        return "are these fractions of the image? If so, state `--unit image`"
    if unit == "image":
        return "are these pixels? If so, state `--unit px`"
    if USUAL_SIZE[0] <= size <= USUAL_SIZE[1]:
        return "are these meters? If so, state `--unit m`"
    ratio = {name: abs(np.log(size / factor / ADULT_SIZE)) for name, factor in UNITS_PER_METER.items() if size > 0}
    nearest = min(ratio, key=ratio.__getitem__, default="")
    if ratio.get(nearest, np.inf) < np.log(2):
        flag = f" If so, state `--unit {UNIT_FLAGS[nearest]}`" if nearest in UNIT_FLAGS else ""
        return f"are these {nearest}?{flag}"
    return f"an adult has about {ADULT_SIZE} m"
