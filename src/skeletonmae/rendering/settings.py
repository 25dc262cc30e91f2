"""What a rendered picture looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skeletonmae.errors import InputError
from skeletonmae.rendering.picture_files import SHEET_FRAMES

SIZES = {".mp4": (1280, 720), ".gif": (480, 270), ".png": (320, 240)}
"""Suffix -> width and height of a stage, in pixels; of a sheet, those of each of its frames."""
VIDEO_SIZES = {".mp4": (1920, 1920), ".gif": (480, 480), ".png": (360, 360)}
"""Suffix -> what a video is reduced to fit into."""
MIN_SIDE, MAX_SIDE = 64, 7680


@dataclass(frozen=True)
class RenderSettings:
    """What is rendered, and how.

    Args:
        size: Width and height in pixels without the time line: of a stage, and for a video what it is reduced to
            fit into. None for the usual size.
        start: Second at which the picture begins.
        end: Second at which it ends; None for the end of the recording.
        num_frames: Number of frames of a sheet.
        time_line: Whether there is a time line, if there are labels.
        stage: Whether the skeletons of a video are drawn on white, without the video.
        blur_faces: Whether the heads of persons who were found in a video are blurred.
        segments: Whether a classifier looks for segments in the recording (`on`) or labels it as a whole (`off`);
            `auto` looks for segments if it is longer than the training clips.
        per_person: Whether a classifier labels each person alone.
        unknown: Whether a classifier says what resembles no training clip.
        device: Where a classifier computes.
    """

    size: tuple[int, int] | None = None
    start: float = 0.0
    end: float | None = None
    num_frames: int = SHEET_FRAMES
    time_line: bool = True
    stage: bool = False
    blur_faces: bool = False
    segments: Literal["auto", "on", "off"] = "auto"
    per_person: bool = True
    unknown: bool = True
    device: str = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.start < float("inf"):
            raise InputError("--start must be 0 or more seconds", got=self.start)
        if self.end is not None and not self.start < self.end:
            raise InputError("--end must be later than --start", got=f"{self.start:g} to {self.end:g} s")
        if self.num_frames < 1:
            raise InputError("--num-frames must be at least 1", got=self.num_frames)

    def size_for(self, path: Path, *, of_video: bool = False) -> tuple[int, int]:
        """Return width and height for a file, both even."""
        sizes = VIDEO_SIZES if of_video else SIZES
        width, height = self.size or sizes[path.suffix.lower()]
        return width - width % 2, height - height % 2

    def interval(self, times: list[float], where: str) -> tuple[int, int]:
        """Return the first frame of the interval, and the frame after its last one.

        Args:
            times: Time of each frame, from 0.
            where: The recording, for the message.

        Raises:
            InputError: No frame is in it.
        """
        chosen = [
            frame
            for frame, time in enumerate(times)
            if self.start <= time + 1e-6 and (self.end is None or time < self.end)
        ]
        if not chosen:
            end = times[-1] if times else 0.0
            got = f"{self.start:g} s to {'its end' if self.end is None else f'{self.end:g} s'}"
            raise InputError(
                "there is no frame in this interval", where=where, expected=f"0 to {end:.1f} s", got=got
            )
        return chosen[0], chosen[-1] + 1


def parse_size(text: str) -> tuple[int, int]:
    """Read a size such as `640x360`.

    Raises:
        InputError: It is none, or too small or too large.
    """
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        expected = f"WIDTHxHEIGHT in pixels, each {MIN_SIDE} to {MAX_SIDE}, such as 640x360"
        raise InputError("--size is not a size", expected=expected, got=text)
    return size
