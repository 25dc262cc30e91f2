"""What a container states of its stream of moving pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_FRAME_PIXELS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

MAX_PIXEL_ASPECT = 4.0
"""Wider or narrower pixels than that are an error in the file."""


def video_stream(container: InputContainer, where: Path) -> VideoStream:
    """Return the first stream of moving pictures.

    Raises:
        InputError: There is none, or no decoder for it.
    """
    streams = [stream for stream in container.streams.video if not _is_picture(stream)]
    if not streams:
        kinds = ", ".join(dict.fromkeys(stream.type for stream in container.streams)) or "no stream"
        raise InputError("no video stream", where=where, expected="moving pictures", got=kinds)
    stream = streams[0]
    if stream.codec_context is None:
        got = f"the codec tag {stream.codec_tag!r}" if hasattr(stream, "codec_tag") else "another one"
        raise InputError("the video codec is not known", where=where, expected="one that FFmpeg decodes", got=got)
    if stream.width * stream.height > MAX_FRAME_PIXELS:
        expected, got = f"at most {MAX_FRAME_PIXELS:,} pixels", f"{stream.width} x {stream.height}"
        raise InputError("the frames are too large", where=where, expected=expected, got=got)
    return stream


def _is_picture(stream: VideoStream) -> bool:
    """Whether a stream is the cover of a piece of music."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def pixel_aspect(stream: VideoStream) -> float:
    """Return the width of a pixel over its height."""
    ratio = stream.sample_aspect_ratio
    value = float(ratio) if ratio else 1.0
    return value if 1 / MAX_PIXEL_ASPECT <= value <= MAX_PIXEL_ASPECT else 1.0


def stated_rate(stream: VideoStream) -> float | None:
    """Return the frames per second that the file states; None if it states none."""
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return next((float(rate) for rate in rates if rate and 0.01 < rate < 100_000), None)


def stated_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the seconds that the file states; None if it states none."""
    if stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    else:
        seconds = (container.duration or 0) / 1_000_000
    return seconds if 0 < seconds < 1e9 else None
