"""An empty figure, the colours, and a finished figure as a file; matplotlib is imported when one is made."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from skeletonmae.errors import InputError
from skeletonmae.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = object

__all__ = ["Axes", "Figure", "new_figure", "png", "save_picture", "shorten"]

BLUE, SKY, ORANGE, AMBER, GREEN, PINK, YELLOW = (
    "#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#009E73", "#CC79A7", "#B8A900",
)  # fmt: skip
"""The colours of Okabe and Ito (Color Universal Design, 2008), told apart by colour-blind readers; the yellow
is darkened to be seen on white."""
INK, GREY, PALE, PANEL = "#24292f", "#6b7280", "#c4c9d0", "#f5f6f8"
FORMATS = ("png", "svg", "pdf")
DPI = 160


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of `width` x `height` inches that belongs to no window.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("pictures need matplotlib: pip install skeletonmae[plot]") from error
    return Figure(figsize=(width, height), dpi=DPI, facecolor="white")


def png(figure: Figure) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def save_picture(figure: Figure, path: Path | str) -> None:
    """Write the figure to `path`, whole or not at all, in the format its ending names: png, svg or pdf.

    Raises:
        InputError: another ending.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise InputError("unknown picture format", where=path, expected=FORMATS, got=path.suffix or "none")
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=kind)


def shorten(text: str, length: int) -> str:
    """`text` on one line, cut with an ellipsis where it is longer than `length`."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
