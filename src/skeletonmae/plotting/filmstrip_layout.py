"""Layout of a filmstrip: which frames are shown, and where each of them goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.errors import InputError
from skeletonmae.plotting.figure import GRAY, INK, PANEL, Axes, Figure, new_figure, shorten

BODY_HEIGHT = 1.75
"""Inches, unless the strip would be too wide."""
MIN_WIDTH, MAX_WIDTH = 6.0, 14.0
"""Inches of the strip without row names."""
ROW_NAME_WIDTH = 1.35
TITLE_HEIGHT, LEGEND_HEIGHT, ROW_GAP = 0.45, 0.68, 0.08
"""Inches above all rows, below them (times and legend), and between them."""


@dataclass(frozen=True, eq=False)
class Filmstrip:
    """Frames next to each other in equal cells. Each cell follows the bodies sideways, but not up or down.

    Args:
        frames: Indices of the shown frames.
        shift: Offset in x that brings the bodies of each frame into its cell.
        center: X of the center of the bodies in the first cell.
        cell_width: Width of a cell, in the unit of the positions.
        bottom: Y of the lower edge.
        height: Height of the strip, in the unit of the positions.
        scale: Inches per unit.
    """

    frames: Int[np.ndarray, " shown"]
    shift: Float[np.ndarray, " shown"]
    center: float
    cell_width: float
    bottom: float
    height: float
    scale: float

    @classmethod
    def from_points(
        cls,
        points: Float[np.ndarray, "person frame joint 2"],
        observed: Bool[np.ndarray, "person frame joint"],
        num_frames: int,
    ) -> Filmstrip:
        """Lay out at most `num_frames` frames, evenly spaced over those in which any joint was observed.

        Raises:
            InputError: There is no such frame.
        """
        available = np.flatnonzero(observed.any((0, 2)))
        if not len(available) or num_frames < 1:
            raise InputError("there is no frame to plot", expected="an observed joint and num_frames >= 1")
        spaced = np.linspace(0, len(available) - 1, min(num_frames, len(available)))
        frames = available[spaced.round().astype(int)]
        is_observed = np.broadcast_to(observed[:, frames, :, None], points[:, frames].shape)
        mean = points[:, frames].mean((0, 2), where=is_observed)[:, 0]
        low = points[:, frames].min((0, 2), where=is_observed, initial=np.inf)
        high = points[:, frames].max((0, 2), where=is_observed, initial=-np.inf)
        left, right = float((mean - low[:, 0]).max()), float((high[:, 0] - mean).max())
        top, bottom = float(high[:, 1].max()), float(low[:, 1].min())
        height = 1.2 * (max(top - bottom, (left + right) / 2) or 1.0)
        min_cell_width = max(1.2 * (left + right), 0.45 * height)
        scale = min(BODY_HEIGHT / height, MAX_WIDTH / (min_cell_width * len(frames)))
        cell_width = max(min_cell_width, MIN_WIDTH / (scale * len(frames)))
        center = (cell_width + left - right) / 2
        shift = np.arange(len(frames)) * cell_width + center - mean
        return cls(frames, shift, center, cell_width, (top + bottom - height) / 2, height, scale)

    @property
    def width(self) -> float:
        """Width of all cells, in the unit of the positions."""
        return self.cell_width * len(self.frames)

    def arrange(self, points: Float[np.ndarray, "frame joint 2"]) -> Float[np.ndarray, "shown joint 2"]:
        """Select the shown frames of `points` and move each sideways into its cell."""
        arranged: np.ndarray = points[self.frames] + np.stack([self.shift, 0 * self.shift], -1)[:, None]
        return arranged

    def figure(self, row_names: tuple[str, ...], title: str) -> tuple[Figure, list[Axes]]:
        """Create a figure with one row per name, all at one scale. The second line of a name is smaller."""
        strip_width, strip_height = self.width * self.scale, self.height * self.scale
        left, above = ROW_NAME_WIDTH if any(row_names) else 0.1, TITLE_HEIGHT if title else 0.1
        width = left + strip_width + 0.1
        height = above + LEGEND_HEIGHT + len(row_names) * (strip_height + ROW_GAP) - ROW_GAP
        figure = new_figure(width, height)
        rows = []
        for row, name in enumerate(row_names):
            base = LEGEND_HEIGHT + (len(row_names) - 1 - row) * (strip_height + ROW_GAP)
            box = (left / width, base / height, strip_width / width, strip_height / height)
            axes = figure.add_axes(box)
            axes.set(xlim=(0, self.width), ylim=(self.bottom, self.bottom + self.height))
            axes.set(facecolor=PANEL, xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            first_line, _, second_line = name.partition("\n")
            style: dict[str, Any] = {"transform": axes.transAxes, "ha": "right"}
            x = -0.1 / strip_width
            axes.text(x, 0.52, first_line, size=11, weight="bold", color=INK, va="bottom", **style)
            axes.text(x, 0.48, second_line, size=9, color=GRAY, va="top", **style)
            rows.append(axes)
        text = shorten(title, int(width * 9))
        corner = (left / width, 1 - 0.14 / height)
        figure.text(*corner, text, size=12, weight="bold", color=INK, va="top", parse_math=False)
        return figure, rows

    def label_frames(self, axes: Axes, fps: float | None) -> None:
        """Write the time of each frame under its cell, or its index if `fps` is unknown."""
        labels = [f"{frame / fps:.2f} s" if fps else f"frame {frame}" for frame in self.frames]
        axes.set_xticks(np.arange(len(labels)) * self.cell_width + self.center, labels)
        axes.tick_params(length=0, labelsize=8.5, labelcolor=GRAY)
