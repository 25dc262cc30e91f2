"""Write H.264 in MP4 that browsers play, one image at a time, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from skeletonmae.errors import InputError, how_to_install
from skeletonmae.files import FULL_DISK, atomic_file
from skeletonmae.pose.ffmpeg_files import file_url
from skeletonmae.rendering.canvas import Image

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream

ENCODER = "libx264"
TICKS = 90_000
"""Units of time per second in the file."""
OPTIONS = {"crf": "20", "preset": "veryfast"}
MAX_SIDE = 16_384
"""Pixels; more than H.264 allows."""


class Mp4Writer:
    """A file that is being written; made by `open_mp4`."""

    def __init__(self, container: OutputContainer, stream: VideoStream, path: Path) -> None:
        self._container, self._stream, self._path = container, stream, path
        self._last = -1
        self.num_frames = 0

    def add(self, image: Image, time: float) -> None:
        """Add an image.

        Args:
            image: RGB, of the size that was given to `open_mp4`.
            time: Seconds from the start, later than before.
        """
        from av import VideoFrame

        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        ticks = max(round(time * TICKS), self._last + 1)
        frame.pts, frame.time_base = ticks, Fraction(1, TICKS)
        self._last = ticks
        self.num_frames += 1
        self._encode(frame)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if not self.num_frames:
            raise InputError("there is no frame to write", where=self._path)
        self._encode(None)

    def _encode(self, frame: VideoFrame | None) -> None:
        from av.error import FFmpegError

        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except FFmpegError as error:
            if isinstance(error, OSError) and error.errno in FULL_DISK:
                raise OSError(error.errno, error.strerror, str(self._path)) from error
            raise InputError("the video cannot be written", where=self._path, got=error) from error


@contextmanager
def open_mp4(path: Path, width: int, height: int, fps: float) -> Iterator[Mp4Writer]:
    """Write a video whole or not at all: the file appears when the block ends without an error.

    Args:
        path: The file; an existing one is replaced.
        width: Width of the images in pixels, an even number.
        height: Height, an even number.
        fps: The usual number of frames per second.

    Raises:
        InputError: PyAV is not installed, or cannot encode H.264, or not in this size.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(f"videos need PyAV: {how_to_install('video')}", where=path) from error
    if width % 2 or height % 2 or not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE:
        expected = f"even numbers of pixels up to {MAX_SIDE}"
        raise InputError("H.264 cannot have this size", where=path, expected=expected, got=f"{width} x {height}")
    if ENCODER not in av.codecs_available:
        expected = "the PyAV of PyPI (pip install --force-reinstall av), or --out with .gif or .png"
        raise InputError(f"this PyAV cannot encode H.264: it has no {ENCODER}", where=path, expected=expected)
    flags = {"movflags": "+faststart"}
    with (
        atomic_file(path) as temporary,
        av.open(file_url(temporary), "w", format="mp4", options=flags) as container,
    ):
        rate = Fraction(fps).limit_denominator(1001)
        stream = cast("VideoStream", container.add_stream(ENCODER, rate=rate, options=OPTIONS))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        writer = Mp4Writer(container, stream, path)
        yield writer
        writer.finish()
