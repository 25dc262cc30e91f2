"""Write a moving picture to a file, in the format of its suffix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError, how_to_install
from skeletonmae.rendering.canvas import Image
from skeletonmae.rendering.moving_picture import DEFAULT_FPS, MovingPicture
from skeletonmae.rendering.mp4_file import open_mp4
from skeletonmae.rendering.picture_files import SHEET_FRAMES, write_gif, write_sheet
from skeletonmae.rendering.text import pillow
from skeletonmae.rendering.time_line import clock

SUFFIXES = (".mp4", ".gif", ".png")
OnProgress = Callable[[int, int], None]


def check_out(path: Path) -> None:
    """Check the name of a file, and that what writes it is installed, before anything is computed.

    Raises:
        InputError: Another suffix, or a package is missing.
    """
    pillow()
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        expected = f"a file that ends in {', '.join(SUFFIXES)}"
        raise InputError("unknown format of pictures", where=path, expected=expected, got=suffix or "none")
    if suffix == ".mp4":
        try:
            import av  # noqa: F401 - whether it is there
        except ImportError as error:
            raise InputError(f"videos need PyAV: {how_to_install('video')}", where=path) from error


def write_picture(
    picture: MovingPicture,
    path: Path,
    *,
    num_frames: int = SHEET_FRAMES,
    on_progress: OnProgress | None = None,
) -> int:
    """Write a moving picture: H.264 in `.mp4`, a `.gif` that repeats, or a `.png` sheet of some frames.

    Args:
        picture: The picture.
        path: The file, which is written whole or not at all; an existing one is replaced.
        num_frames: Number of frames of a sheet.
        on_progress: Called with the number of frames that were drawn, and of all that are.

    Returns:
        The number of frames in the file.

    Raises:
        InputError: Another suffix, or the picture cannot be written in this format.
    """
    check_out(path)
    times = picture.times

    def frames(wanted: Sequence[int]) -> Iterable[Image]:
        return _counted(picture.frames(wanted), len(wanted), on_progress)

    suffix = path.suffix.lower()
    if suffix == ".gif":
        return write_gif(path, frames, times)
    if suffix == ".png":
        return write_sheet(path, frames, times, [clock(picture.start + time) for time in times], num_frames)
    steps = np.diff(times)
    fps = float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else DEFAULT_FPS
    with open_mp4(path, *picture.size, fps) as writer:
        for index, image in enumerate(frames(range(len(times)))):
            writer.add(image, times[index])
        return writer.num_frames


def _counted(images: Iterator[Image], total: int, on_progress: OnProgress | None) -> Iterator[Image]:
    for number, image in enumerate(images, start=1):
        yield image
        if on_progress:
            on_progress(number, total)
