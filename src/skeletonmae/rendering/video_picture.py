"""The frames of a video with the skeletons of its persons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from skeletonmae.pose.video_poses import VideoPoses
from skeletonmae.pose.video_reader import open_video
from skeletonmae.rendering.canvas import Image
from skeletonmae.rendering.faces import Circles, blur_heads, find_heads
from skeletonmae.rendering.labels import Label, labels_between
from skeletonmae.rendering.moving_picture import DEFAULT_FPS, Annotations
from skeletonmae.sequences import SkeletonSequence

MAX_JITTER = 0.6
"""Frames by which the times of a video may differ from a regular grid to be one."""


class VideoPicture:
    """A part of a video with its skeletons.

    Args:
        path: The video.
        poses: The poses in it.
        recording: The persons of these poses, in pixels of the displayed video.
        labels: What they do, in frames of the recording.
        size: Width and height that the frames are reduced to fit into.
        first: First frame of the video to show.
        last: Frame after the last one.
        blur_faces: Whether to blur heads.
        time_line: Whether to draw a time line, if there are labels.
    """

    def __init__(
        self,
        path: Path,
        poses: VideoPoses,
        recording: SkeletonSequence,
        labels: Sequence[Label] = (),
        *,
        size: tuple[int, int],
        first: int = 0,
        last: int | None = None,
        blur_faces: bool = False,
        time_line: bool = True,
    ) -> None:
        last = poses.num_frames if last is None else last
        self.path, self.first = path, first
        longer = max(poses.width, poses.height)
        self.long_side = max(2, round(longer * min(1.0, size[0] / poses.width, size[1] / poses.height)))
        self.factor = factor = self.long_side / longer
        self.width, self.height = (max(2, round(side * factor) // 2 * 2) for side in (poses.width, poses.height))
        self._times = (poses.times[first:last] - poses.times[first]).tolist()
        self.start = float(poses.times[first])
        self.heads: Circles = find_heads(poses) if blur_faces else {}
        fps = recording.fps or DEFAULT_FPS
        shown = at_times(recording, poses.times)
        in_video = [_in_video(label, poses.times, fps, recording.num_frames) for label in labels]
        self.annotations = Annotations(
            np.float32(factor) * shown.positions[:, first:last],
            shown.observed[:, first:last],
            recording.skeleton,
            labels_between(in_video, first, last),
            fps=fps,
            has_fps=True,
            width=self.width,
            height=self.height,
            time_line=time_line,
            on_video=True,
            start=self.start,
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height + self.annotations.extra_height

    @property
    def times(self) -> Sequence[float]:
        """Time of each frame in seconds, from 0."""
        times: list[float] = self._times
        return times

    def frames(self, wanted: Sequence[int]) -> Iterator[Image]:
        """Draw some frames, in their order; the video is read from its beginning to the last of them."""
        targets = iter(wanted)
        target = next(targets, None)
        if target is None:
            return
        with open_video(self.path, self.long_side) as video:
            for frame in video:
                if frame.index < self.first + target:
                    continue
                image = np.array(frame.image[: self.height, : self.width])
                if frame.index in self.heads:
                    blur_heads(image, self.heads[frame.index] * np.float32(self.factor))
                yield self.annotations.draw(image, target)
                target = next(targets, None)
                if target is None:
                    return


def at_times(recording: SkeletonSequence, times: np.ndarray) -> SkeletonSequence:
    """Return a recording with one frame for each frame of its video.

    Args:
        recording: The persons of a video, whose frames are those of the video or at regular times.
        times: Time of each frame of the video in seconds, from 0.
    """
    row = times * (recording.fps or DEFAULT_FPS)
    if len(times) == recording.num_frames and np.abs(row - np.arange(len(row))).max(initial=0.0) < MAX_JITTER:
        return recording
    row = np.clip(row, 0, recording.num_frames - 1)
    below = np.floor(row).astype(int)
    above = np.minimum(below + 1, recording.num_frames - 1)
    share = (row - below).astype(np.float32)[None, :, None]
    is_below, is_above = share[..., 0] < 1e-3, share[..., 0] > 1 - 1e-3
    seen_below, seen_above = recording.observed[:, below], recording.observed[:, above]
    observed = (seen_below & seen_above) | (seen_below & is_below[..., None]) | (seen_above & is_above[..., None])
    mixed = recording.positions[:, below] * (1 - share[..., None])
    mixed = mixed + recording.positions[:, above] * share[..., None]
    return replace(recording, positions=np.where(observed[..., None], mixed, np.float32(0)), observed=observed)


def _in_video(label: Label, times: np.ndarray, fps: float, num_frames: int) -> Label:
    """A label of a recording of `num_frames` in frames of its video."""
    if len(times) == num_frames:
        return label
    start, end = (float(np.searchsorted(times, frame / fps - 1e-6)) for frame in (label.start, label.end))
    return replace(label, start=start, end=float(len(times)) if label.end >= num_frames else end)
