"""Write moving pictures as GIF, and some of their frames as a PNG sheet, by Pillow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.files import atomic_file
from skeletonmae.rendering.canvas import Image, blank
from skeletonmae.rendering.colors import WHITE
from skeletonmae.rendering.text import draw_plate

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

GIF_FPS = 12.5
"""Frames per second of a GIF, which counts in hundredths of a second."""
MAX_GIF_FRAMES = 1000
NUM_COLORS, NUM_SAMPLES = 255, 8
"""Colors of a GIF, and frames that they are chosen from."""
SHEET_FRAMES, SHEET_GAP = 12, 6

Frames = Callable[[Sequence[int]], Iterable[Image]]
"""Numbers of frames, in their order -> these frames."""


def write_gif(path: Path, frames: Frames, times: Sequence[float]) -> int:
    """Write a GIF that repeats, with one palette for all its frames; an existing file is replaced.

    Args:
        path: The file.
        frames: Draws frames; called twice.
        times: Time of each frame in seconds.

    Returns:
        The number of frames in the file.

    Raises:
        InputError: It would have too many frames.
    """
    chosen = spaced_frames(times, GIF_FPS)
    if len(chosen) > MAX_GIF_FRAMES:
        seconds = MAX_GIF_FRAMES / GIF_FPS
        expected = f"at most {seconds:.0f} s (--start, --end), or an .mp4"
        raise InputError("too long for a GIF", where=path, expected=expected, got=f"{times[-1] - times[0]:.0f} s")
    samples = [chosen[index] for index in _spaced(len(chosen), NUM_SAMPLES)]
    palette = _palette(list(frames(samples)))
    shown = [times[index] for index in chosen]
    ends = [*shown[1:], shown[-1] + 1 / GIF_FPS]
    # Rounded times, not rounded durations, so that errors do not add up.
    marks = [round(100 * (time - shown[0])) for time in (*shown, ends[-1])]
    durations = [10 * max(2, after - before) for before, after in pairwise(marks)]
    pictures = (_quantized(image, palette) for image in frames(chosen))
    first = next(pictures)
    with atomic_file(path) as temporary:
        first.save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures,
            duration=durations,
            loop=0,
            disposal=1,
            optimize=False,
        )
    return len(chosen)


def write_sheet(
    path: Path, frames: Frames, times: Sequence[float], captions: Sequence[str], num_frames: int = SHEET_FRAMES
) -> int:
    """Write a PNG with some frames, evenly spaced from the first to the last, in rows; replaces an existing file.

    Args:
        path: The file.
        frames: Draws frames.
        times: Time of each frame in seconds.
        captions: What to write below each frame of `times`.
        num_frames: Number of frames to show.

    Returns:
        The number of frames in the file.
    """
    from PIL import Image as Pillow

    chosen = _spaced(len(times), num_frames)
    images = list(frames(chosen))
    height, width = images[0].shape[:2]
    columns = num_columns(len(images), width, height)
    rows = -(-len(images) // columns)
    gap = SHEET_GAP
    size = max(11, height // 22)
    sheet = blank(columns * (width + gap) + gap, rows * (height + gap) + gap, (225, 228, 232))
    for place, (index, image) in enumerate(zip(chosen, images, strict=True)):
        row, column = divmod(place, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        part = sheet[top : top + height, left : left + width]
        part[:] = image
        draw_plate(part, captions[index], 0, height - 1.5 * size, size, color=WHITE, background=(31, 36, 43))
    with atomic_file(path) as temporary:
        Pillow.fromarray(sheet).save(temporary, format="PNG", optimize=True)
    return len(images)


def num_columns(num_images: int, width: int, height: int) -> int:
    """Return how many images a row has, so that a sheet is a little wider than high."""
    best = np.sqrt(1.6 * num_images * height / width)
    return int(np.clip(round(float(best)), 1, num_images))


def spaced_frames(times: Sequence[float], fps: float) -> list[int]:
    """Return the frames to show for a lower frame rate: the first one in each interval of time."""
    chosen: list[int] = []
    slot = -1
    for index, time in enumerate(times):
        now = int((time - times[0]) * fps + 1e-6)
        if now > slot:
            chosen.append(index)
            slot = now
    return chosen


def _spaced(length: int, number: int) -> list[int]:
    places = np.linspace(0, length - 1, min(max(number, 1), length))
    return [int(place) for place in places.round()]


def _palette(samples: Sequence[Image]) -> PillowImage:
    """The colors of some frames together."""
    from PIL import Image as Pillow

    height = sum(image.shape[0] for image in samples)
    together = np.concatenate(samples) if height else blank(1, 1)
    return Pillow.fromarray(together).quantize(NUM_COLORS, method=Pillow.Quantize.MEDIANCUT)


def _quantized(image: Image, palette: PillowImage) -> PillowImage:
    from PIL import Image as Pillow

    return Pillow.fromarray(image).quantize(palette=palette, dither=Pillow.Dither.NONE)


def iterate(frames: Iterable[tuple[int, Image]], wanted: Sequence[int]) -> Iterator[Image]:
    """Yield the wanted ones of numbered frames, which are in order, and stop after the last."""
    left = iter(wanted)
    target = next(left, None)
    for index, image in frames:
        if target is None:
            return
        if index == target:
            yield image
            target = next(left, None)
