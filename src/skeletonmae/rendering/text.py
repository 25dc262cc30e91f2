"""Text as masks, by Pillow."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from skeletonmae.errors import InputError
from skeletonmae.rendering.canvas import Color, Image, draw_mask, fill_rectangle

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

PLATE_OPACITY = 0.78


def pillow() -> None:
    """Check that Pillow is installed.

    Raises:
        InputError: It is not.
    """
    if find_spec("PIL") is None:
        raise InputError("pictures need Pillow: pip install 'skeletonmae[video]' or 'skeletonmae[plot]'")


@lru_cache(maxsize=512)
def text_mask(text: str, size: int, bold: bool = False) -> UInt8[np.ndarray, "rows columns"]:
    """Draw a line of text.

    All texts of one size have the same number of rows, so that their baselines agree.

    Args:
        text: The text; control characters are left out.
        size: Size of the font in pixels.
        bold: Whether to use a bold font, if there is one.

    Returns:
        Coverage of each pixel, from 0 to 255.
    """
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    font = _font(size, bold)
    text = "".join(character for character in text if character.isprintable())
    width = max(1, int(np.ceil(font.getlength(text))))
    picture = PillowImage.new("L", (width, round(1.3 * size)))
    ImageDraw.Draw(picture).text((0, size), text, fill=255, font=font, anchor="ls")
    return np.asarray(picture)


@lru_cache(maxsize=32)
def _font(size: int, bold: bool) -> FreeTypeFont | ImageFont:
    """DejaVu Sans, which comes with matplotlib and has most alphabets, or else the font of Pillow."""
    from PIL import ImageFont

    matplotlib = find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        folder = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
        file = folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if file.is_file():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size)


def draw_text(
    image: Image, text: str, left: float, top: float, size: int, color: Color, *, bold: bool = False
) -> None:
    """Draw a line of text with its upper left corner at (left, top)."""
    draw_mask(image, text_mask(text, size, bold), round(left), round(top), color)


def draw_plate(
    image: Image, text: str, left: float, top: float, size: int, *, color: Color, background: Color
) -> None:
    """Draw a line of text on a plate that lets the picture through, readable on any background."""
    mask = text_mask(text, size)
    width, pad = mask.shape[1], round(0.35 * size)
    bottom = top + mask.shape[0] + pad / 2
    fill_rectangle(image, left, top, left + width + 2 * pad, bottom, background, PLATE_OPACITY)
    draw_mask(image, mask, round(left) + pad, round(top + pad / 4), color)
