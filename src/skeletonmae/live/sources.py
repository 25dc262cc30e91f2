"""Where frames come from: a camera, by OpenCV, or a video that is played as if it were one."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import UInt8

from skeletonmae.errors import InputError, how_to_install

if TYPE_CHECKING:
    from skeletonmae.pose.video_reader import VideoFrame

MAX_FAILURES = 30
"""Frames that a camera may fail to give, one after the other, until it counts as gone."""
PAUSE = 0.02
"""Seconds to wait after such a failure."""
MIN_FPS, MAX_FPS = 5.0, 240.0
"""Frames per second that a camera may state; drivers that do not know the rate state 0 or other values."""


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A frame and when it was there.

    Args:
        image: RGB.
        time: Seconds since the first frame, later than that of the frame before.
        arrived: `time.perf_counter()` when it had been decoded.
        decoding_seconds: How long it took to decode, without the wait for it.
        scale: Pixels of the source for each pixel of the image, in x and y.
    """

    image: UInt8[np.ndarray, "height width 3"]
    time: float
    arrived: float
    decoding_seconds: float
    scale: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, eq=False)
class LiveSource:
    """An open camera or video, whose frames can be read once.

    Args:
        frames: The frames; each is waited for.
        fps: Frames per second that the source states; None if it states none.
    """

    frames: Iterator[LiveFrame]
    fps: float | None = None

    def __iter__(self) -> Iterator[LiveFrame]:
        return self.frames


class Camera(Protocol):
    """What is used of `cv2.VideoCapture` for each frame."""

    def grab(self) -> bool:
        """Wait for the next frame; returns whether there is one."""

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        """Decode the frame that was grabbed; returns whether this worked, and the image as BGR."""


@contextmanager
def open_camera(number: int) -> Iterator[LiveSource]:
    """Open a camera.

    Args:
        number: Number of the camera, from 0.

    Raises:
        InputError: OpenCV is not installed, there is no such camera, or another program uses it.
    """
    try:
        import cv2
    except ImportError as error:
        raise InputError(f"a camera needs OpenCV: {how_to_install('video')}") from error
    cv2.utils.logging.setLogLevel(0)  # what it prints of missing cameras says less than our message
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            expected = "a connected camera that you may use and no other program uses, or --video FILE"
            raise InputError(f"camera {number} cannot be opened", where="--camera", expected=expected)
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # frames that wait in a buffer are late
        fps = float(camera.get(cv2.CAP_PROP_FPS))
        yield LiveSource(_camera_frames(camera, number), fps if MIN_FPS <= fps <= MAX_FPS else None)
    finally:
        camera.release()


def _camera_frames(camera: Camera, number: int) -> Iterator[LiveFrame]:
    start: float | None = None
    num_failures, last = 0, -1.0
    while True:
        is_there = camera.grab()
        grabbed = clock.perf_counter()
        is_decoded, image = camera.retrieve() if is_there else (False, None)
        if not is_decoded or image is None:
            num_failures += 1
            if num_failures >= MAX_FAILURES:
                expected = "a camera that stays connected"
                raise InputError(f"camera {number} gives no more frames", where="--camera", expected=expected)
            clock.sleep(PAUSE)
            continue
        num_failures = 0
        start = grabbed if start is None else start
        time = max(grabbed - start, last + 1e-6)
        last = time
        rgb = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else np.repeat(image[..., None], 3, -1)
        arrived = clock.perf_counter()
        yield LiveFrame(rgb, time, arrived, arrived - grabbed)


@contextmanager
def open_file(path: Path, *, in_real_time: bool = True) -> Iterator[LiveSource]:
    """Open a video, whose frames come when a camera would give them, or as fast as they can be decoded.

    Args:
        path: The video.
        in_real_time: Whether to wait until the time of each frame.

    Raises:
        InputError: It is no video, or the extra `video` is not installed.
    """
    from skeletonmae.pose.video_reader import open_video

    with open_video(path) as video:
        yield LiveSource(_file_frames(iter(video), in_real_time), video.info.fps)


def _file_frames(frames: Iterator[VideoFrame], in_real_time: bool) -> Iterator[LiveFrame]:
    start: float | None = None
    while True:
        began = clock.perf_counter()
        frame = next(frames, None)
        if frame is None:
            return
        arrived = clock.perf_counter()
        seconds = arrived - began
        time = frame.time
        start = arrived - time if start is None else start
        if in_real_time and (wait := start + time - arrived) > 0:
            clock.sleep(wait)
            arrived = clock.perf_counter()
        yield LiveFrame(frame.image, time, arrived, seconds, frame.scale)
