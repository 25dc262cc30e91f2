"""A picture of the actions in recordings over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skeletonmae.inference.segment import UNKNOWN, Segment, SegmentedRecording
from skeletonmae.plotting.charts import LINE_COLORS
from skeletonmae.plotting.figure import GRAY, INK, PALE, PANEL, Axes, Figure, new_figure, shorten

WIDTH, ROW_HEIGHT = 12.0, 0.42
MAX_ROWS = 60
"""Rows of a picture; the others are left out, and the title says so."""
SHADES = (0.0, -0.45, 0.55)
"""How much white (or, if negative, black) is mixed with the colors when they are used again."""
DARK = 110.0
"""Mean of red, green and blue below which a label is white."""
CHARACTERS_PER_INCH = 13
MAX_NAME = 40


def plot_time_line(recordings: Sequence[SegmentedRecording]) -> Figure:
    """Plot the segments of recordings, a row for each person, with the labels where they fit.

    Times are in seconds if all frame rates are known, else in frames.

    Args:
        recordings: The recordings; those with an error are left out.

    Raises:
        InputError: Matplotlib is not installed.
    """
    rows = [(one, person) for one in recordings if not one.error for person in one.persons]
    shown = rows[:MAX_ROWS]
    in_seconds = all(one.fps for one, _ in shown)
    labels = sorted({segment.label for one, _ in shown for segment in one.segments} - {UNKNOWN})
    colors = {label: _color(index) for index, label in enumerate(labels)} | {UNKNOWN: PALE}
    num_legend_rows = -(-len(colors) // 6)
    figure = new_figure(WIDTH, 1.1 + ROW_HEIGHT * max(len(shown), 1) + 0.22 * num_legend_rows)
    axes = figure.add_subplot()
    durations = [one.num_frames / (one.fps if in_seconds and one.fps else 1) for one, _ in shown]
    end = max(durations, default=1.0)
    for row, ((one, person), duration) in enumerate(zip(shown, durations, strict=True)):
        axes.barh(row, duration, height=0.8, color=PANEL, edgecolor=PALE, linewidth=0.5)
        for segment in one.segments:
            if segment.person == person:
                _draw(axes, row, segment, one.fps if in_seconds and one.fps else 1.0, colors, end)
    names = [
        f"{shorten(one.name, MAX_NAME)}{'' if person is None else f', person {person}'}" for one, person in shown
    ]
    axes.set_yticks(range(len(shown)), names, fontsize=8, color=INK)
    axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    axes.set_xlim(0, end)
    axes.set_xlabel("seconds" if in_seconds else "frames", fontsize=8, color=GRAY)
    axes.tick_params(axis="x", labelsize=8, colors=GRAY)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if len(rows) > MAX_ROWS:
        axes.set_title(f"the first {MAX_ROWS} of {len(rows)} rows", fontsize=9, color=GRAY)
    _legend(figure, labels, colors, any(segment.label == UNKNOWN for one, _ in shown for segment in one.segments))
    figure.set_layout_engine("constrained")
    return figure


def _row_name(one: SegmentedRecording, person: int | None) -> str:
    name = shorten(one.name, MAX_NAME)
    return name if person is None else f"{name}, person {person}"


def _draw(axes: Axes, row: int, segment: Segment, fps: float, colors: dict[str, str], end: float) -> None:
    """Draw a segment; what is less probable is paler."""
    start, width = segment.start / fps, (segment.end - segment.start) / fps
    is_unknown = segment.label == UNKNOWN
    axes.barh(
        row,
        width,
        left=start,
        height=0.8,
        color=colors[segment.label],
        alpha=1.0 if is_unknown else 0.45 + 0.55 * float(np.clip(segment.score, 0, 1)),
        edgecolor="white",
        linewidth=0.8,
        hatch="///" if is_unknown else None,
    )
    text = shorten(segment.label, 30)
    ink = "white" if _brightness(colors[segment.label]) < DARK else INK
    if len(text) <= width / end * (WIDTH - 2) * CHARACTERS_PER_INCH:
        axes.text(start + width / 2, row, text, ha="center", va="center", fontsize=7, color=ink, clip_on=True)


def _legend(figure: Figure, labels: Sequence[str], colors: dict[str, str], has_unknown: bool) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=colors[label], label=shorten(label, MAX_NAME)) for label in labels]
    if has_unknown:
        patches.append(Patch(facecolor=PALE, hatch="///", label=UNKNOWN, edgecolor="white"))
    if patches:
        figure.legend(
            handles=patches, loc="outside upper center", ncols=min(6, len(patches)), fontsize=7, frameon=False
        )


def _color(index: int) -> str:
    """A color for each class; after seven, the same ones lighter, and then darker."""
    base = LINE_COLORS[index % len(LINE_COLORS)]
    shade = SHADES[index // len(LINE_COLORS) % len(SHADES)]
    values = _rgb(base)
    mixed = values + (255 - values) * shade if shade >= 0 else values * (1 + shade)
    return "#" + "".join(f"{round(value):02x}" for value in mixed)


def _rgb(color: str) -> np.ndarray:
    """Red, green and blue from 0 to 255."""
    return np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)], dtype=float)


def _brightness(color: str) -> float:
    return float(_rgb(color).mean())
