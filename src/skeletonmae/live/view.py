"""The picture of a frame for the page: the image, or a white stage, with the skeletons and what they do."""

from __future__ import annotations

import io

import numpy as np

from skeletonmae.live.recognizer import LivePerson, LiveResult
from skeletonmae.rendering.bodies import BodyShape, body_height
from skeletonmae.rendering.canvas import Image, blank
from skeletonmae.rendering.colors import label_colors
from skeletonmae.rendering.labels import UNKNOWN, Label
from skeletonmae.rendering.persons import DrawnPerson, anchor_of, draw_persons
from skeletonmae.skeletons import Skeleton

QUALITY = 80
"""Of the JPEG, from 1 to 95."""
KEPT = 0.8
"""Share of the old place of a label in each frame, so that it does not tremble."""


class LiveView:
    """Draws frames.

    Args:
        skeleton: Layout of the poses.
        classes: Classes of the classifier, each of which has a color.
        stage: Whether to draw on white instead of on the image.
    """

    def __init__(self, skeleton: Skeleton, classes: tuple[str, ...], *, stage: bool = False) -> None:
        self.shape, self.stage = BodyShape.of(skeleton), stage
        self.colors = label_colors(classes, UNKNOWN)
        self._anchors: dict[int, tuple[float, float]] = {}

    def draw(self, result: LiveResult) -> Image:
        """Return the picture of a frame.

        Args:
            result: What is known after it.
        """
        source = result.frame.image
        image = blank(source.shape[1], source.shape[0]) if self.stage else np.array(source)
        drawn = [self._drawn(person, result.frame.scale) for person in result.persons]
        self._anchors = {one.number: one.anchor for one in drawn if one.number is not None}
        draw_persons(image, drawn, self.shape, self.colors, on_video=not self.stage)
        return image

    def jpeg(self, result: LiveResult) -> bytes:
        """Return the picture of a frame as a JPEG file.

        Args:
            result: What is known after it.
        """
        from PIL import Image as Pillow

        buffer = io.BytesIO()
        Pillow.fromarray(self.draw(result)).save(buffer, format="JPEG", quality=QUALITY)
        return buffer.getvalue()

    def _drawn(self, person: LivePerson, scale: tuple[float, float]) -> DrawnPerson:
        points = person.points / np.array(scale, np.float32)  # in pixels of the image
        height = body_height(points, person.observed)
        x, y = anchor_of(points, person.observed, self.shape, height)
        if before := self._anchors.get(person.number):
            x, y = (KEPT * old + (1 - KEPT) * new for old, new in zip(before, (x, y), strict=True))
        answer = person.answer
        label = Label(person.number, 0, 1, answer.label, answer.probability) if answer else None
        return DrawnPerson(person.number, points, person.observed, height, (x, y), label)
