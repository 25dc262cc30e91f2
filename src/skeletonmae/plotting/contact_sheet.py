"""Contact sheets: a few recordings of every class, each at a few moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap

import numpy as np

from skeletonmae.plotting.figure import GRAY, INK, PANEL, Axes, Figure, new_figure, shorten
from skeletonmae.plotting.skeletons import PERSON_COLORS, plot_skeletons, project
from skeletonmae.sequences import SequenceStore, SkeletonSequence

NUM_POSES = 4
"""Moments at which each recording is shown."""
MAX_CLASSES = 12
"""Classes per sheet."""
CLASS_NAME_WIDTH, POSE_WIDTH = 1.75, 0.8
ROW_HEIGHT, RECORDING_NAME_HEIGHT = 1.1, 0.13
CELL_GAP, TITLE_HEIGHT, LEGEND_HEIGHT = 0.12, 0.5, 0.42
"""Sizes in inches; a row includes the name of the recording."""
UNLABELED = "(no label)"


def plot_contact_sheets(
    recordings: SequenceStore | Iterable[SkeletonSequence],
    classes: Sequence[str] = (),
    *,
    recordings_per_class: int = 3,
    azimuth: float = 0.0,
    title: str = "",
) -> list[Figure]:
    """Plot a few recordings of each class at four moments: one row per class, at most twelve classes per sheet.

    Every recording has its own scale and shows all its persons from the front. Bodies keep their height and are
    centered sideways. The left of a body is dark, the right light.

    Args:
        recordings: Of a store, recordings evenly spaced over each class are shown; of an iterable, the first ones
            of each class. Recordings in which nothing was observed are left out.
        classes: The first rows, in this order; further classes follow. Classes without recordings are left out.
        recordings_per_class: Number of recordings per row.
        azimuth: Rotation of 3D bodies about the vertical, in degrees.
        title: Title of each sheet.

    Raises:
        InputError: Matplotlib is not installed.
    """
    if isinstance(recordings, SequenceStore):
        classes, recordings = classes or recordings.classes, _select(recordings, recordings_per_class)
    rows: dict[str, list[SkeletonSequence]] = {name: [] for name in classes}
    for recording in recordings:
        row = rows.setdefault(UNLABELED if recording.label is None else recording.label, [])
        if len(row) < recordings_per_class and recording.observed.any():
            row.append(recording)
    names = [name for name, row in rows.items() if row]
    sheets = np.array_split(np.array(names, dtype=object), -(-len(names) // MAX_CLASSES)) if names else []
    figures = []
    for number, sheet in enumerate(sheets, start=1):
        suffix = f" ({number} of {len(sheets)})" if len(sheets) > 1 else ""
        sheet_rows = {name: rows[name] for name in sheet}
        figures.append(_plot_sheet(sheet_rows, recordings_per_class, azimuth, f"{title}{suffix}".strip()))
    return figures


def _select(store: SequenceStore, recordings_per_class: int) -> Iterable[SkeletonSequence]:
    """Yield recordings of each class and of those without a label, evenly spaced from the first to the last."""
    for label in np.unique(store.labels):
        indices = np.flatnonzero((store.labels == label) & (store.num_persons > 0))
        num_selected = min(recordings_per_class, len(indices))
        selected = np.linspace(0, len(indices) - 1, num_selected).round().astype(int)
        yield from (store[int(index)] for index in indices[selected])


def _plot_sheet(
    rows: Mapping[str, Sequence[SkeletonSequence]], num_columns: int, azimuth: float, title: str
) -> Figure:
    cell_width = NUM_POSES * POSE_WIDTH
    above = TITLE_HEIGHT if title else CELL_GAP
    width = CLASS_NAME_WIDTH + num_columns * (cell_width + CELL_GAP)
    height = above + LEGEND_HEIGHT + len(rows) * (ROW_HEIGHT + CELL_GAP)
    figure = new_figure(width, height)
    figure.text(
        0.12 / width, 1 - 0.12 / height, title, size=12, weight="bold", color=INK, va="top", parse_math=False
    )
    for row, (name, recordings) in enumerate(rows.items()):
        base = height - above - (row + 1) * (ROW_HEIGHT + CELL_GAP) + CELL_GAP
        figure.text(
            (CLASS_NAME_WIDTH - 0.12) / width, (base + ROW_HEIGHT / 2) / height, _wrap(name),
            size=9.5, color=INK, ha="right", va="center", parse_math=False,
        )  # fmt: skip
        for column in range(num_columns):
            left = CLASS_NAME_WIDTH + column * (cell_width + CELL_GAP)
            box = (left / width, base / height, cell_width / width, ROW_HEIGHT / height)
            axes = figure.add_axes(box)
            axes.set(xlim=(0, cell_width), ylim=(0, ROW_HEIGHT), facecolor=PANEL, xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if column < len(recordings):
                _plot_cell(axes, recordings[column], azimuth)
    max_persons = max((recording.num_persons for row in rows.values() for recording in row), default=1)
    _add_legend(figure, max_persons)
    return figure


def _plot_cell(axes: Axes, recording: SkeletonSequence, azimuth: float) -> None:
    """Plot one recording at four moments next to each other; the axes are in inches."""
    available = np.flatnonzero(recording.observed.any((0, 2)))
    spaced = np.linspace(0, len(available) - 1, 2 * NUM_POSES + 1).round().astype(int)[1::2]
    frames = np.unique(available[spaced])
    points, observed = project(recording.positions, azimuth)[:, frames], recording.observed[:, frames]
    observed_points = np.where(observed[..., None], points, np.nan)
    center = np.nanmedian(observed_points, axis=(0, 2))
    reach = np.nanquantile(np.abs(observed_points - center[None, :, None]), 0.98, axis=(0, 1, 2))
    low, high = np.nanquantile(observed_points[..., 1], [0.01, 0.99])
    pose_height = ROW_HEIGHT - RECORDING_NAME_HEIGHT
    scale = 0.86 * min(pose_height / (high - low or 1), POSE_WIDTH / (2 * reach[0] or 1))
    placed = (points - [0, (low + high) / 2]) * scale + [0, pose_height / 2]
    cell_centers = (np.arange(len(frames))[:, None] + 0.5) * POSE_WIDTH
    placed[..., 0] = (points[..., 0] - center[None, :, :1]) * scale + cell_centers
    axes.vlines(np.arange(1, NUM_POSES) * POSE_WIDTH, 0, pose_height, color="white", linewidth=1)
    for person, (body, shown) in enumerate(zip(placed, observed, strict=True)):
        colors = PERSON_COLORS[person % len(PERSON_COLORS)]
        plot_skeletons(axes, body, shown, recording.skeleton, colors=colors, bone_width=1.3, joint_area=2.5)
    name = shorten(recording.name, 64)
    axes.text(0.04, ROW_HEIGHT - 0.02, name, size=5.5, color=GRAY, va="top", parse_math=False)


def _wrap(class_name: str) -> str:
    """Break a class name into at most three lines."""
    return "\n".join(wrap(shorten(class_name, 66), 23, max_lines=3, placeholder=" …"))


def _add_legend(figure: Figure, num_persons: int) -> None:
    from matplotlib.lines import Line2D

    sides = ("left", "right", "middle")
    handles = [
        Line2D([], [], color=color, linewidth=2, label=f"person {person}, {side}" if num_persons > 1 else side)
        for person in range(min(num_persons, len(PERSON_COLORS)))
        for side, color in zip(sides, PERSON_COLORS[person], strict=True)
    ]
    figure.legend(handles=handles, loc="lower center", ncols=6, frameon=False, fontsize=8, labelcolor=INK)
