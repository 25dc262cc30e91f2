"""The filmstrip: which frames of a motion are shown, and where on the paper each of them goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.errors import InputError
from skeletonmae.report.figure import GREY, INK, PANEL, Axes, Figure, new_figure, shorten

BODY = 1.75  # inches a body is high, unless the strip would grow too wide
WIDTHS = (6.0, 14.0)  # inches a strip is wide, at least and at most
LABELS = 1.15  # inches left of the rows for their names
ABOVE, BELOW, GAP = 0.45, 0.68, 0.08  # inches for the title, for the times and the legend, between rows


@dataclass(frozen=True, eq=False)
class Strip:
    """Frames side by side in cells of equal width; each cell follows the bodies sideways, never up or down.

    Args:
        frames: which frames of the motion are shown.
        shift: what to add to x to bring each frame's bodies into their cell.
        middle: x of the middle of the bodies, in the first cell.
        cell: width of a cell, in the unit of the positions.
        bottom: y of the lower edge.
        height: of the strip.
        scale: inches a unit.
    """

    frames: Int[np.ndarray, " shown"]
    shift: Float[np.ndarray, " shown"]
    middle: float
    cell: float
    bottom: float
    height: float
    scale: float

    @classmethod
    def of(
        cls,
        points: Float[np.ndarray, "person frame joint 2"],
        observed: Bool[np.ndarray, "person frame joint"],
        num_frames: int,
    ) -> Strip:
        """At most `num_frames` frames, evenly spread over those in which any joint was observed.

        Raises:
            InputError: there is no such frame.
        """
        there = np.flatnonzero(observed.any((0, 2)))
        if not len(there) or num_frames < 1:
            raise InputError("there is no frame to draw", expected="an observed joint and num_frames >= 1")
        places = np.linspace(0, len(there) - 1, min(num_frames, len(there)))
        frames = there[places.round().astype(int)]
        seen = np.broadcast_to(observed[:, frames, :, None], points[:, frames].shape)
        mean = points[:, frames].mean((0, 2), where=seen)[:, 0]
        low = points[:, frames].min((0, 2), where=seen, initial=np.inf)
        high = points[:, frames].max((0, 2), where=seen, initial=-np.inf)
        left, right = float((mean - low[:, 0]).max()), float((high[:, 0] - mean).max())
        top, bottom = float(high[:, 1].max()), float(low[:, 1].min())
        height = 1.2 * (max(top - bottom, (left + right) / 2) or 1.0)
        wide = max(1.2 * (left + right), 0.45 * height)
        scale = min(BODY / height, WIDTHS[1] / (wide * len(frames)))
        cell = max(wide, WIDTHS[0] / (scale * len(frames)))
        middle = (cell + left - right) / 2
        shift = np.arange(len(frames)) * cell + middle - mean
        return cls(frames, shift, middle, cell, (top + bottom - height) / 2, height, scale)

    @property
    def width(self) -> float:
        """Of all cells together, in the unit of the positions."""
        return self.cell * len(self.frames)

    def place(self, points: Float[np.ndarray, "frame joint 2"]) -> Float[np.ndarray, "shown joint 2"]:
        """The shown frames of `points`, each moved sideways into its cell."""
        placed: np.ndarray = points[self.frames] + np.stack([self.shift, 0 * self.shift], -1)[:, None]
        return placed

    def figure(self, names: tuple[str, ...], title: str) -> tuple[Figure, list[Axes]]:
        """A figure with one panel a row, all of one scale; a name's second line is set small."""
        wide, high = self.width * self.scale, self.height * self.scale
        left, above = LABELS if any(names) else 0.1, ABOVE if title else 0.1
        width, height = left + wide + 0.1, above + BELOW + len(names) * (high + GAP) - GAP
        figure = new_figure(width, height)
        rows = []
        for row, name in enumerate(names):
            base = BELOW + (len(names) - 1 - row) * (high + GAP)
            axes = figure.add_axes((left / width, base / height, wide / width, high / height))
            axes.set(xlim=(0, self.width), ylim=(self.bottom, self.bottom + self.height))
            axes.set(facecolor=PANEL, xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            large, _, small = name.partition("\n")
            edge: dict[str, Any] = {"transform": axes.transAxes, "ha": "right"}
            axes.text(-0.1 / wide, 0.52, large, size=11, weight="bold", color=INK, va="bottom", **edge)
            axes.text(-0.1 / wide, 0.48, small, size=9, color=GREY, va="top", **edge)
            rows.append(axes)
        text = shorten(title, int(width * 9))
        corner = (left / width, 1 - 0.14 / height)
        figure.text(*corner, text, size=12, weight="bold", color=INK, va="top", parse_math=False)
        return figure, rows

    def name_frames(self, axes: Axes, fps: float | None) -> None:
        """Write the time of each frame, or its number where `fps` is not known, under its body."""
        names = [f"{frame / fps:.2f} s" if fps else f"frame {frame}" for frame in self.frames]
        axes.set_xticks(np.arange(len(names)) * self.cell + self.middle, names)
        axes.tick_params(length=0, labelsize=8.5, labelcolor=GREY)
