"""Frames of a video, with the times at which they are shown. Needs the extra `video`.

Only the containers of `formats.video_containers` are opened, each by its own demuxer: other formats that FFmpeg
knows, such as playlists, could name other files or addresses on the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.video_containers import CONTAINER_NAMES, breaks_off, demuxer
from skeletonmae.limits import MAX_FRAME_PIXELS
from skeletonmae.pose.display_orientation import Orientation
from skeletonmae.pose.ffmpeg_files import LOCAL_ONLY, file_url
from skeletonmae.pose.frame_clock import FrameClock
from skeletonmae.pose.image_scaling import MAX_SIDE, import_av, rgb_image
from skeletonmae.pose.video_streams import pixel_aspect, stated_duration, stated_rate, video_stream

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

ASSUMED_FPS = 25.0
"""Frames per second of a video that states neither times nor a rate."""
TRUNCATED_SECONDS, TRUNCATED_SHARE = 0.5, 0.02
"""A video breaks off if it ends so many seconds, and such a share of its length, before the end that it states."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video states of itself.

    Args:
        width: Width in pixels as the video is displayed: turned upright, and with square pixels.
        height: Height in pixels as the video is displayed.
        fps: Frames per second, on average; None if the file does not say.
        num_frames: Number of frames; None if the file does not say. It may be wrong.
        duration: Seconds; None if the file does not say. It may be wrong.
        rotation: Degrees by which stored frames are turned clockwise to be displayed: 0, 90, 180 or 270.
    """

    width: int
    height: int
    fps: float | None
    num_frames: int | None
    duration: float | None
    rotation: int


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame as it is displayed.

    Args:
        image: RGB.
        time: Seconds from the first frame; greater than that of the frame before.
        index: Number of the frame, from 0.
        scale: Pixels of the displayed video for each pixel of the image, in x and y: 1 unless it was reduced.
    """

    image: UInt8[np.ndarray, "height width 3"]
    time: float
    index: int
    scale: tuple[float, float] = (1.0, 1.0)


@dataclass(eq=False)
class Video:
    """An open video, whose frames can be read once.

    Args:
        path: The file, for messages.
        info: What it states.
        scale: Pixels of the displayed video for each pixel of the frames, in x and y.
        notes: What is odd about it; complete when all frames were read.
    """

    path: Path
    info: VideoInfo
    scale: tuple[float, float]
    _frames: Iterator[VideoFrame]
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames in the order in which they are shown; one at a time is in memory."""
        return self._frames


@contextmanager
def open_video(path: Path, long_side: int | None = MAX_SIDE, name: Path | None = None) -> Iterator[Video]:
    """Open a video. Sound is ignored.

    Args:
        path: The file.
        long_side: Larger frames are reduced to so many pixels on their longer side; None keeps their size.
        name: The file in messages, if it is a copy of another one.

    Raises:
        InputError: av is not installed, or this is not a video of which a frame can be decoded.
    """
    where = name or path
    try:
        import_av()
    except InputError as error:
        raise InputError(str(error), where=where) from error
    import av

    container_format = demuxer(InputFile(path).head())
    if container_format is None:
        raise InputError("not a video", where=where, expected=CONTAINER_NAMES, got=_describe(path))
    try:
        container = av.open(file_url(path), format=container_format, options=LOCAL_ONLY, metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError, MemoryError) as error:
        is_mp4 = container_format == "mov"
        expected = "a complete file" + (": its index may be at the end, which is missing" if is_mp4 else "")
        raise InputError(
            f"the video cannot be opened ({_reason(error)})", where=where, expected=expected, got=_describe(path)
        ) from error
    with container:
        stream = video_stream(container, where)
        decoder = _Decoder(container, stream)
        frames = decoder.frames()
        try:
            first = next(frames, None)
        except (ValueError, MemoryError) as error:  # sizes and formats that cannot be
            raise InputError(f"the video cannot be decoded ({_reason(error)})", where=where) from error
        if first is None:
            got = f"{decoder.num_failed} damaged packets" if decoder.num_failed else "no frame"
            got += f" ({decoder.failure})" if decoder.failure else ""
            raise InputError("no frame could be decoded", where=where, expected="a video with frames", got=got)
        side_data: Any = first.side_data  # whose stub knows motion vectors alone
        matrices = [bytes(data) for data in side_data if data.type.name == "DISPLAYMATRIX"]
        orientation = Orientation.of_matrix(matrices[0]) if matrices else Orientation()
        stored = (max(1, round(first.width * pixel_aspect(stream))), first.height)
        shown = stored[::-1] if orientation.is_transposed else stored
        factor = min(1.0, long_side / max(shown)) if long_side else 1.0
        reduced = (max(1, round(stored[0] * factor)), max(1, round(stored[1] * factor)))
        image_size = reduced[::-1] if orientation.is_transposed else reduced
        fps = stated_rate(stream)
        duration = stated_duration(container, stream)
        info = VideoInfo(*shown, fps, stream.frames or None, duration, orientation.rotation)
        video = Video(where, info, (shown[0] / image_size[0], shown[1] / image_size[1]), iter(()))
        clock = FrameClock(1 / (fps or ASSUMED_FPS))
        images = _images(first, frames, clock, reduced, orientation, video.scale)
        is_cut = breaks_off(path, container_format)
        video._frames = _until_the_end(
            images, lambda last: video.notes.extend(_notes(decoder, clock, info, last, is_cut))
        )
        yield video


def read_video(path: Path, long_side: int | None = MAX_SIDE) -> Iterator[VideoFrame]:
    """Yield the frames of a video; see `open_video`.

    Args:
        path: The file.
        long_side: Larger frames are reduced to so many pixels on their longer side; None keeps their size.

    Raises:
        InputError: av is not installed, or this is not a video of which a frame can be decoded.
    """
    with open_video(path, long_side) as video:
        yield from video


class _Decoder:
    """Decodes packets; those that are damaged are counted and left out."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.container, self.stream = container, stream
        self.num_failed = 0
        self.failure = ""
        """Why the file could not be read to its end; empty if it could."""
        self.last_failure = ""
        stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield what can be decoded."""
        import av

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except LookupError:  # a packet of a stream that begins later, which PyAV does not expect
                packets = self.container.demux(self.stream)
                continue
            except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
                self.failure = _reason(error)
                return
            try:
                yield from packet.decode()
            except (av.FFmpegError, ValueError, MemoryError) as error:
                self.num_failed += 1
                self.last_failure = _reason(error)


def _images(
    first: av.VideoFrame,
    others: Iterator[av.VideoFrame],
    clock: FrameClock,
    size: tuple[int, int],
    orientation: Orientation,
    scale: tuple[float, float],
) -> Iterator[VideoFrame]:
    """Yield RGB images of one size, turned upright; frames of another size are stretched."""
    frame: av.VideoFrame | None = first
    index = 0
    while frame is not None:
        image = rgb_image(frame, *size)
        yield VideoFrame(orientation.apply(image), clock(frame.time), index, scale)
        index += 1
        frame = next(others, None)


def _until_the_end(frames: Iterator[VideoFrame], at_end: Callable[[VideoFrame], None]) -> Iterator[VideoFrame]:
    last = None
    for last in frames:
        yield last
    if last is not None:
        at_end(last)


def _notes(
    decoder: _Decoder, clock: FrameClock, info: VideoInfo, last: VideoFrame, is_cut: bool = False
) -> Iterator[str]:
    """What is odd about a video that was read to its end."""
    end = last.time + clock.interval
    is_short = info.duration is not None and info.duration - end > max(
        TRUNCATED_SECONDS, TRUNCATED_SHARE * info.duration
    )
    if decoder.container.format.name == "avi" and info.num_frames:  # its length follows from what there is
        is_short |= info.num_frames * (1 - TRUNCATED_SHARE) > last.index + 2
    if decoder.failure or is_short or is_cut:
        of_frames = f" of {info.num_frames}" if info.num_frames and info.num_frames > last.index + 1 else ""
        of_seconds = f" of {info.duration:.1f}" if info.duration and info.duration > end else ""
        reason = decoder.failure or ("the file is shorter than it states" if is_cut else "")
        why = f" ({reason})" if reason else ""
        read = f"{last.index + 1}{of_frames} frames, {end:.1f}{of_seconds} s, could be read"
        yield f"the video breaks off{why}: {read}"
    if decoder.num_failed:
        yield (
            f"{decoder.num_failed} damaged packets of the video were left out ({decoder.last_failure}); "
            f"{last.index + 1} frames could be read"
        )
    if clock.num_without == last.index + 1 and info.fps is None:
        yield f"the video states neither times nor a frame rate: {ASSUMED_FPS:.0f} frames per second are assumed"
    elif clock.num_without:
        yield f"{clock.num_without} of {last.index + 1} frames have no time stamp: they follow at the frame rate"
    if last.index and clock.num_wrong == last.index:
        yield (
            "the time stamps of the video do not increase: its frames count as regular, at "
            f"{1 / clock.interval:.3g} frames per second"
        )
    elif clock.num_wrong:
        yield (
            f"{clock.num_wrong} of {last.index + 1} frames have a time stamp that is not later than that of the "
            "frame before: they count as up to an interval later"
        )


def _reason(error: BaseException) -> str:
    """What FFmpeg says of an error, without the name of the file."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:200]


def _describe(path: Path) -> str:
    size = path.stat().st_size
    return "an empty file" if not size else f"a file of {size:,} bytes"
