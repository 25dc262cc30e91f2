"""Create and save figures, and the colors of all plots. matplotlib is imported only when a figure is created."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from skeletonmae.errors import InputError, MissingExtraError, how_to_install
from skeletonmae.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = object

__all__ = ["Axes", "Figure", "figure_to_png", "new_figure", "save_figure", "shorten"]

BLUE, SKY, ORANGE, AMBER, GREEN, PINK, YELLOW = (
    "#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#009E73", "#CC79A7", "#B8A900",
)  # fmt: skip
"""Colors that colorblind readers can distinguish (Okabe and Ito, Color Universal Design, 2008). The yellow is
darker than theirs, to be visible on white."""
INK, GRAY, PALE, PANEL = "#24292f", "#6b7280", "#c4c9d0", "#f5f6f8"
FORMATS = ("png", "svg", "pdf")
DPI = 160


def new_figure(width: float, height: float) -> Figure:
    """Create an empty white figure of `width` x `height` inches that belongs to no window.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(f"plots need matplotlib: {how_to_install('plot')}") from error
    return Figure(figsize=(width, height), dpi=DPI, facecolor="white")


def figure_to_png(figure: Figure) -> bytes:
    """Render a figure as PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure atomically, in the format of the suffix: png, svg or pdf.

    Raises:
        InputError: The suffix is another one.
    """
    path = Path(path)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise InputError("unknown image format", where=path, expected=FORMATS, got=path.suffix or "none")
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format=suffix)


def shorten(text: str, max_length: int) -> str:
    """Put `text` on one line, and truncate it with an ellipsis to `max_length`."""
    text = " ".join(text.split())
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + "…"
