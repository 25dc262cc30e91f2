"""Whole images made smaller by libswscale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from skeletonmae.errors import InputError, how_to_install

if TYPE_CHECKING:
    import av

MAX_SIDE = 640
"""Pixels of the longer side to which larger images are reduced. The networks see 256 pixels of a person, so that
more pixels hardly change the poses of persons who are near: by about 1 % of the height of a body."""
HALF_COLOR = frozenset({"yuv420p", "yuvj420p", "nv12"})
"""Pixel formats with half the resolution of colors in both directions, and 8 bits."""


def import_av() -> Any:
    """Return the module `av`.

    Raises:
        InputError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(f"reading videos needs PyAV: {how_to_install('video')}") from error
    return av


def resize(
    image: UInt8[np.ndarray, "height width 3"], height: int, width: int
) -> UInt8[np.ndarray, "new_height new_width 3"]:
    """Return an image in another size; pixels are averaged where it becomes smaller."""
    if image.shape[:2] == (height, width):
        return image
    frame = import_av().VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    resized: np.ndarray = frame.reformat(width=width, height=height, interpolation="AREA").to_ndarray()
    return resized


def rgb_image(frame: av.VideoFrame, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """Return a decoded frame as RGB in another size.

    Frames with colors in half the resolution, which most videos have, are made smaller before they are converted:
    that takes less than half the time.
    """
    is_smaller = width * height < frame.width * frame.height
    if is_smaller and frame.format.name in HALF_COLOR:
        frame = frame.reformat(width, height, format="yuv420p", interpolation="AREA")
    image: np.ndarray = frame.reformat(width, height, format="rgb24", interpolation="AREA").to_ndarray()
    return image


def fitted_size(height: int, width: int, side: int) -> tuple[int, int]:
    """The height and width of an image whose longer side becomes `side`, in proportion."""
    longer = max(height, width)
    return max(1, round(height * side / longer)), max(1, round(width * side / longer))


def limit_size(
    image: UInt8[np.ndarray, "height width 3"],
) -> tuple[UInt8[np.ndarray, "small_height small_width 3"], float]:
    """Return an image whose longer side is at most `MAX_SIDE`, and by how much it became smaller."""
    height, width = image.shape[:2]
    if max(height, width) <= MAX_SIDE:
        return image, 1.0
    return resize(image, *fitted_size(height, width, MAX_SIDE)), max(height, width) / MAX_SIDE
