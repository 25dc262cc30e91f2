"""What is drawn in every frame: persons, labels and the time line, on a stage or on something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float32

from skeletonmae.rendering.bodies import BodyShape
from skeletonmae.rendering.canvas import Image
from skeletonmae.rendering.colors import label_colors
from skeletonmae.rendering.labels import UNKNOWN, Label, labels_at
from skeletonmae.rendering.persons import (
    DrawnPerson,
    anchors_of,
    draw_caption,
    draw_persons,
    font_size,
    lacks_room_above,
    typical_height,
)
from skeletonmae.rendering.stage import Stage
from skeletonmae.rendering.time_line import TimeLine
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

DEFAULT_FPS = 30.0
"""Frames per second of recordings whose rate is not known."""


class MovingPicture(Protocol):
    """Frames that are drawn one after the other."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, even numbers."""

    @property
    def times(self) -> Sequence[float]:
        """Time of each frame in seconds, from 0."""

    @property
    def start(self) -> float:
        """Second of the recording with which the picture begins."""

    def frames(self, wanted: Sequence[int]) -> Iterator[Image]:
        """Draw some frames, in their order.

        Args:
            wanted: Numbers of frames, increasing.
        """


class Annotations:
    """The persons of a moving picture, drawn frame by frame.

    Args:
        points: Joints in pixels, `(person, frame, joint, 2)`.
        observed: Which joints were observed.
        skeleton: The joint layout.
        labels: What the persons do.
        fps: Frames per second.
        has_fps: Whether these are known; if not, the time line counts frames.
        width: Width of the picture in pixels.
        height: Height of the picture without the time line.
        time_line: Whether to draw a time line, if there are labels.
        on_video: Whether lines need an outline, because the background may have any color.
        start: Second of the recording with which the picture begins.
    """

    def __init__(
        self,
        points: Float32[np.ndarray, "person frame joint 2"],
        observed: Bool[np.ndarray, "person frame joint"],
        skeleton: Skeleton,
        labels: Sequence[Label],
        *,
        fps: float,
        has_fps: bool,
        width: int,
        height: int,
        time_line: bool = True,
        on_video: bool = False,
        start: float = 0.0,
    ) -> None:
        self.points, self.observed, self.labels, self.on_video = points, observed, labels, on_video
        self.shape = BodyShape.of(skeleton)
        self.colors = label_colors([label.text for label in labels], UNKNOWN)
        self.heights = [typical_height(*one) for one in zip(points, observed, strict=True)]
        self.anchors = [
            anchors_of(one, seen, self.shape, height, fps)
            for one, seen, height in zip(points, observed, self.heights, strict=True)
        ]
        size = font_size(height)
        self.has_room_above = [
            not lacks_room_above(anchors, seen.any(1), size)
            for anchors, seen in zip(self.anchors, observed, strict=True)
        ]
        self.time_line = None
        if labels and time_line:
            rate = fps if has_fps else None
            self.time_line = TimeLine(labels, self.colors, points.shape[1], rate, width, size, start * fps)

    @property
    def extra_height(self) -> int:
        """Height of the time line in pixels; 0 if there is none."""
        return self.time_line.height if self.time_line else 0

    def draw(self, image: Image, frame: int) -> Image:
        """Draw the persons of a frame on an image, in place, and add the time line below it."""
        labels = labels_at(self.labels, frame)
        is_alone = len(self.points) == 1
        persons = [
            DrawnPerson(
                None if is_alone else person,
                self.points[person, frame],
                self.observed[person, frame],
                self.heights[person],
                (float(self.anchors[person][frame, 0]), float(self.anchors[person][frame, 1])),
                labels.get(person) or (labels.get(None) if is_alone else None),
                self.has_room_above[person],
            )
            for person in range(len(self.points))
            if self.observed[person, frame].any()
        ]
        draw_persons(image, persons, self.shape, self.colors, on_video=self.on_video)
        if None in labels and not is_alone:
            draw_caption(image, labels[None], self.colors)
        if self.time_line is None:
            return image
        return np.concatenate([image, self.time_line.draw(frame)])


class StagePicture:
    """A recording on a white stage.

    Args:
        recording: The recording.
        labels: What the persons do.
        width: Width in pixels, an even number.
        height: Height without the time line, an even number.
        time_line: Whether to draw a time line, if there are labels.
        first: Frame of the whole recording, of which this is a part, with which the part begins.
    """

    def __init__(
        self,
        recording: SkeletonSequence,
        labels: Sequence[Label] = (),
        *,
        width: int,
        height: int,
        time_line: bool = True,
        first: int = 0,
    ) -> None:
        self.stage, self.observed = Stage.of(recording, width, height), recording.observed
        fps = recording.fps or DEFAULT_FPS
        self._times = [frame / fps for frame in range(recording.num_frames)]
        self.start = first / fps
        self.annotations = Annotations(
            self.stage.points,
            recording.observed,
            recording.skeleton,
            labels,
            fps=fps,
            has_fps=recording.fps is not None,
            width=width,
            height=height,
            time_line=time_line,
            start=self.start,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed, in words."""
        return self.stage.notes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.stage.width, self.stage.height + self.annotations.extra_height

    @property
    def times(self) -> Sequence[float]:
        """Time of each frame in seconds, from 0."""
        return self._times

    def frames(self, wanted: Iterable[int]) -> Iterator[Image]:
        """Draw some frames, in their order."""
        for frame in wanted:
            yield self.annotations.draw(self.stage.background(frame, self.observed), frame)
