"""The time line below a picture: who did what when, and which moment is shown."""

from __future__ import annotations

from collections.abc import Sequence

from skeletonmae.plotting.figure import shorten
from skeletonmae.rendering.canvas import Color, Image, blank, fill_rectangle
from skeletonmae.rendering.colors import GROUND, LINE, MUTED, TEXT, WHITE, ink_on
from skeletonmae.rendering.labels import Label, rows_of, without_overlap
from skeletonmae.rendering.text import draw_text, text_mask

MAX_ROWS = 6
"""Persons of a time line; the others are counted in its last line."""
MIN_OPACITY = 0.45
"""Of a label with probability 0; less probable ones are paler."""


class TimeLine:
    """A band with a row for each person who has labels.

    Args:
        labels: The labels.
        colors: Label -> its color.
        num_frames: Number of frames of the picture.
        fps: Frames per second, to write the time; the number of the frame is written if it is not known.
        width: Width of the picture in pixels.
        font_size: In pixels.
        first: Frame of the recording with which the picture begins.
    """

    def __init__(
        self,
        labels: Sequence[Label],
        colors: dict[str, Color],
        num_frames: int,
        fps: float | None,
        width: int,
        font_size: int,
        first: float = 0.0,
    ) -> None:
        self.first = first
        self.num_frames, self.fps, self.font_size = max(num_frames, 1), fps, font_size
        all_rows = rows_of(labels)
        self.rows, num_left_out = all_rows[:MAX_ROWS], max(0, len(all_rows) - MAX_ROWS)
        self.pad = round(0.6 * font_size)
        self.row_height, self.gap = round(1.5 * font_size), max(2, round(0.2 * font_size))
        names = ["" if row is None else str(row) for row in self.rows]
        name_width = max((text_mask(name, font_size, True).shape[1] for name in names if name), default=0)
        self.left = self.pad + name_width + (self.pad if name_width else 0)
        self.right = width - self.pad - text_mask("00:00.0", font_size).shape[1] - self.pad
        height = 2 * self.pad + len(self.rows) * (self.row_height + self.gap) - self.gap
        height += round(1.4 * font_size) if num_left_out else 0
        self.band = blank(width, max(height + height % 2, 2), WHITE)
        fill_rectangle(self.band, 0, 0, width, 1, LINE)
        for row, name in enumerate(names):
            top = self._top(row)
            fill_rectangle(self.band, self.left, top, self.right, top + self.row_height, GROUND)
            draw_text(self.band, name, self.pad, top + 0.05 * self.row_height, font_size, TEXT, bold=True)
        for label in without_overlap(labels):
            if label.person in self.rows:
                self._draw(label, colors[label.text])
        if num_left_out:
            text = f"and {num_left_out} more"
            draw_text(self.band, text, self.left, self._top(len(self.rows)), font_size, MUTED)

    @property
    def height(self) -> int:
        """Height of the band in pixels, an even number."""
        return int(self.band.shape[0])

    def draw(self, frame: float) -> Image:
        """Return the band with a mark at a frame, and its time."""
        band = self.band.copy()
        x = self._x(frame + 0.5)
        thickness = max(2.0, self.font_size / 8)
        bottom = self._top(len(self.rows)) - self.gap + self.pad / 2
        fill_rectangle(band, x - thickness / 2, self.pad / 2, x + thickness / 2, bottom, TEXT)
        place = self.first + frame
        text = clock(place / self.fps) if self.fps else str(round(place))
        draw_text(band, text, self.right + self.pad, self._top(0) + 0.05 * self.row_height, self.font_size, MUTED)
        return band

    def _top(self, row: int) -> int:
        return self.pad + row * (self.row_height + self.gap)

    def _x(self, frame: float) -> float:
        share = min(max(frame / self.num_frames, 0.0), 1.0)
        return float(self.left + (self.right - self.left) * share)

    def _draw(self, label: Label, color: Color) -> None:
        top, left, right = self._top(self.rows.index(label.person)), self._x(label.start), self._x(label.end)
        opacity = 1.0 if label.probability is None else MIN_OPACITY + (1 - MIN_OPACITY) * label.probability
        white = round(255 * (1 - opacity))
        shade = (
            round(opacity * color[0]) + white,
            round(opacity * color[1]) + white,
            round(opacity * color[2]) + white,
        )
        fill_rectangle(self.band, left, top, max(left + 1, right - 1), top + self.row_height, shade)
        text = shorten(label.text, 30)
        size = round(0.85 * self.font_size)
        text_width = text_mask(text, size).shape[1]
        if text_width + size / 2 <= right - left:
            middle = (left + right - text_width) / 2
            draw_text(self.band, text, middle, top + 0.12 * self.row_height, size, ink_on(shade))


def clock(seconds: float) -> str:
    """Return a time as minutes:seconds with tenths, or with hours if there are any."""
    tenths = int(10 * seconds + 1e-6)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{text.partition(':')[2]}" if hours else text
