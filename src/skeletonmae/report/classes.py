"""A few recordings of every class at a few moments each: what a set looks like, on one sheet or some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap

import numpy as np

from skeletonmae.report.bodies import draw_bodies, project
from skeletonmae.report.figure import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PANEL,
    PINK,
    SKY,
    Axes,
    Figure,
    new_figure,
    shorten,
)
from skeletonmae.sequences import SequenceStore, SkeletonSequence

PERSONS = (
    (BLUE, SKY, "#3f4a5a"),
    (ORANGE, AMBER, "#7a4a1e"),
    (GREEN, "#7fd1b3", "#1d5c4a"),
    (PINK, "#e6bcd2", "#7a4a66"),
)
"""Colours of the left, the right and the middle of each person: dark, light and in between; then again."""
MOMENTS = 4
ROWS = 12
"""Classes on a sheet; more make it too tall to look at."""
NAMES, HIGH, STRIP, MOMENT, GAP, ABOVE, BELOW = 1.75, 1.1, 0.13, 0.8, 0.12, 0.5, 0.42
"""Inches: for the names of classes, of a row and its strip, of a moment, between cells, over and under all."""
UNLABELLED = "(no label)"


def picture_classes(
    recordings: SequenceStore | Iterable[SkeletonSequence],
    classes: Sequence[str] = (),
    *,
    each: int = 3,
    turn: float = 0.0,
    title: str = "",
) -> list[Figure]:
    """Sheets of at most twelve classes: a row a class, a few recordings in it, each at four moments.

    Every recording is drawn to its own scale, all its persons together, from the front: bodies keep their height
    and follow the middle of all persons sideways. The left of a body is dark, the right light.

    Args:
        recordings: of a store, those spread evenly over each class; of others, the first of each class. Those in
            which nothing was observed are left out.
        classes: the rows, in this order, with those that come up besides after them.
        each: recordings a class.
        turn: degrees to turn bodies with three axes about the vertical.
        title: over each sheet.

    Raises:
        InputError: matplotlib is not installed.
    """
    if isinstance(recordings, SequenceStore):
        classes, recordings = classes or recordings.classes, _spread(recordings, each)
    rows: dict[str, list[SkeletonSequence]] = {name: [] for name in classes}
    for one in recordings:
        row = rows.setdefault(UNLABELLED if one.label is None else one.label, [])
        if len(row) < each and one.observed.any():
            row.append(one)
    names = list(rows)
    sheets = np.array_split(np.array(names, dtype=object), -(-len(names) // ROWS)) if names else []
    figures = []
    for number, sheet in enumerate(sheets, start=1):
        of = f" ({number} of {len(sheets)})" if len(sheets) > 1 else ""
        figures.append(_sheet({name: rows[name] for name in sheet}, each, turn, f"{title}{of}".strip()))
    return figures


def _spread(store: SequenceStore, each: int) -> Iterable[SkeletonSequence]:
    """Some recordings of each class and of those without one, from the first to the last of it."""
    for label in np.unique(store.labels):
        places = np.flatnonzero((store.labels == label) & (store.num_persons > 0))
        chosen = np.linspace(0, len(places) - 1, min(each, len(places))).round().astype(int)
        yield from (store[int(places[place])] for place in chosen)


def _sheet(rows: Mapping[str, Sequence[SkeletonSequence]], each: int, turn: float, title: str) -> Figure:
    wide = MOMENTS * MOMENT
    above = ABOVE if title else GAP
    width, height = NAMES + each * (wide + GAP), above + BELOW + len(rows) * (HIGH + GAP)
    figure = new_figure(width, height)
    figure.text(
        0.12 / width, 1 - 0.12 / height, title, size=12, weight="bold", color=INK, va="top", parse_math=False
    )
    for row, (name, recordings) in enumerate(rows.items()):
        base = height - above - (row + 1) * (HIGH + GAP) + GAP
        figure.text(
            (NAMES - 0.12) / width, (base + HIGH / 2) / height, _broken(name),
            size=9.5, color=INK, ha="right", va="center", parse_math=False,
        )  # fmt: skip
        for column in range(each):
            left = NAMES + column * (wide + GAP)
            axes = figure.add_axes((left / width, base / height, wide / width, HIGH / height))
            axes.set(xlim=(0, MOMENTS * MOMENT), ylim=(0, HIGH), facecolor=PANEL, xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if column < len(recordings):
                _draw(axes, recordings[column], turn)
    _legend(figure, max((one.num_persons for row in rows.values() for one in row), default=1))
    return figure


def _draw(axes: Axes, one: SkeletonSequence, turn: float) -> None:
    """One recording at four moments, side by side; the axes are in inches."""
    seen = one.observed
    there = np.flatnonzero(seen.any((0, 2)))
    frames = np.unique(there[np.linspace(0, len(there) - 1, 2 * MOMENTS + 1).round().astype(int)[1::2]])
    points = project(one.positions, turn)[:, frames]
    drawn = seen[:, frames]
    inside = np.where(drawn[..., None], points, np.nan)
    middle = np.nanmedian(inside, axis=(0, 2))
    reach = np.nanquantile(np.abs(inside - middle[None, :, None]), 0.98, axis=(0, 1, 2))
    high = np.nanquantile(inside[..., 1], [0.01, 0.99])
    scale = 0.86 * min((HIGH - STRIP) / (high[1] - high[0] or 1), MOMENT / (2 * reach[0] or 1))
    placed = (points - [0, high.mean()]) * scale + [0, (HIGH - STRIP) / 2]
    placed[..., 0] = (points[..., 0] - middle[None, :, :1]) * scale + (
        np.arange(len(frames))[:, None] + 0.5
    ) * MOMENT
    axes.vlines(np.arange(1, MOMENTS) * MOMENT, 0, HIGH - STRIP, color="white", linewidth=1)
    for person, (body, flags) in enumerate(zip(placed, drawn, strict=True)):
        colours = PERSONS[person % len(PERSONS)]
        draw_bodies(axes, body, flags, one.skeleton, colours=colours, width=1.3, dots=2.5)
    axes.text(0.04, HIGH - 0.02, shorten(one.name, 64), size=5.5, color=GREY, va="top", parse_math=False)


def _broken(name: str) -> str:
    """A class's name on three lines at most."""
    return "\n".join(wrap(shorten(name, 66), 23, max_lines=3, placeholder=" …"))


def _legend(figure: Figure, persons: int) -> None:
    from matplotlib.lines import Line2D

    sides = ("left", "right", "middle")
    handles = [
        Line2D([], [], color=colour, linewidth=2, label=f"person {person + 1}, {side}" if persons > 1 else side)
        for person in range(min(persons, len(PERSONS)))
        for side, colour in zip(sides, PERSONS[person], strict=True)
    ]
    figure.legend(handles=handles, loc="lower center", ncols=6, frameon=False, fontsize=8, labelcolor=INK)
