"""Colors of rendered bodies and labels, which color-blind people can tell apart."""

from __future__ import annotations

from collections.abc import Sequence

from skeletonmae.plotting.figure import AMBER, BLUE, GRAY, GREEN, INK, ORANGE, PALE, PANEL, PINK, SKY, YELLOW
from skeletonmae.rendering.canvas import Color, rgb

SIDE_COLORS = {"left": rgb(BLUE), "right": rgb(ORANGE), "middle": rgb("#4b5563")}
"""Colors of the sides of a body on white."""
OVERLAY_SIDE_COLORS = {"left": rgb(SKY), "right": rgb(AMBER), "middle": (255, 255, 255)}
"""The same, lighter, on a video, where they have a dark outline."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
TEXT, MUTED, LINE, GROUND = rgb(INK), rgb(GRAY), rgb(PALE), rgb(PANEL)
UNKNOWN_COLOR = rgb("#8a919c")
PALETTE = (rgb(GREEN), rgb(PINK), rgb(AMBER), rgb(SKY), rgb(YELLOW), rgb(ORANGE), rgb("#8f7cc7"), rgb(BLUE))
DARK = 140.0
"""Brightness below which text on a color is white."""


def label_colors(labels: Sequence[str], unknown: str) -> dict[str, Color]:
    """Give each label a color, in alphabetical order; after eight, colors repeat, darker.

    Args:
        labels: The labels.
        unknown: The label that is gray.
    """
    colors = {}
    for index, label in enumerate(sorted(set(labels) - {unknown})):
        red, green, blue = PALETTE[index % len(PALETTE)]
        share = (1.0, 0.6)[index // len(PALETTE) % 2]
        colors[label] = (round(share * red), round(share * green), round(share * blue))
    return colors | {unknown: UNKNOWN_COLOR}


def ink_on(color: Color) -> Color:
    """Return the color of a text on a background: white or dark, whichever is more readable."""
    red, green, blue = color
    return WHITE if 0.299 * red + 0.587 * green + 0.114 * blue < DARK else TEXT
