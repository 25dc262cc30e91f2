"""Draw the persons of a frame with their numbers and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from skeletonmae.plotting.figure import shorten
from skeletonmae.rendering.bodies import BodyShape, body_height, draw_body
from skeletonmae.rendering.canvas import Color, Image, fill_rectangle
from skeletonmae.rendering.colors import LINE, TEXT, UNKNOWN_COLOR, WHITE
from skeletonmae.rendering.labels import UNKNOWN, Label
from skeletonmae.rendering.text import PLATE_OPACITY, draw_text, text_mask

FONT_SHARE, MIN_FONT, MAX_FONT = 0.033, 9, 48
"""Size of a font: as a share of the height of the picture, and in pixels."""
MAX_TEXT = 28
PLATE = (31, 36, 43)
ABOVE_HEAD, ABOVE_HANDS = 0.09, 0.03
"""How far a label is above the highest joint of the head and of the hands, as shares of the height of the body."""
CROWN = 0.45
"""Height of the top of the head above the eyes, as a share of that of the eyes above the shoulders."""
BELOW_FEET, BESIDE = 0.05, 0.06
"""How far a label is below and beside the body where there is no room above, as shares of its height."""
PLATE_HEIGHT = 1.87
"""Height of a plate with a bar, as a multiple of the size of the font."""
MAX_WITHOUT_ROOM = 0.05
"""Share of the frames without room above a person, from which labels are never above that person."""
SMOOTHING = 0.25
"""Seconds over which the place of a label is averaged, so that it does not tremble."""


@dataclass(frozen=True, eq=False)
class DrawnPerson:
    """One person of one frame.

    Args:
        number: What to call the person; None for the only one.
        points: Joints in pixels.
        observed: Which joints were observed.
        height: How large the body is in the picture, in pixels.
        anchor: Where the label stands: x of its middle and y of its lower edge.
        label: What the person does; None if it is not known.
        has_room_above: Whether the label may stand above the body: not if the picture has no room for it in other
            frames, so that it does not jump.
    """

    number: int | None
    points: Float32[np.ndarray, "joint 2"]
    observed: Bool[np.ndarray, " joint"]
    height: float
    anchor: tuple[float, float]
    label: Label | None = None
    has_room_above: bool = True


def font_size(height: int) -> int:
    """Return the size of the font for a picture of a height in pixels."""
    return int(np.clip(round(FONT_SHARE * height), MIN_FONT, MAX_FONT))


def draw_persons(
    image: Image,
    persons: Sequence[DrawnPerson],
    shape: BodyShape,
    colors: Mapping[str, Color],
    *,
    on_video: bool = False,
) -> None:
    """Draw persons, and above each a plate with number, label, probability and a bar of it.

    Args:
        image: What to draw on.
        persons: The persons; those in front come last.
        shape: What to connect.
        colors: Label -> color.
        on_video: Whether lines need an outline, because the background may have any color.
    """
    for person in persons:
        draw_body(image, person.points, person.observed, shape, person.height, outlined=on_video)
    taken: list[tuple[float, float, float, float]] = []
    size = font_size(image.shape[0])
    for person in persons:
        if person.label or person.number is not None:
            taken.append(_draw_tag(image, person, colors, size, taken))


def draw_caption(image: Image, label: Label, colors: Mapping[str, Color]) -> None:
    """Draw what all persons do together in the upper left corner."""
    size = round(1.2 * font_size(image.shape[0]))
    width, height = _tag_size(None, label, size)
    _draw_plate(image, 0.6 * size, 0.6 * size, width, height, None, label, colors, size)


def _draw_tag(
    image: Image,
    person: DrawnPerson,
    colors: Mapping[str, Color],
    size: int,
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float, float, float]:
    """Draw the plate of a person where there is room; returns its edges."""
    width, height = _tag_size(person.number, person.label, size)
    left, top = _place(person, width, height, (image.shape[1], image.shape[0]), taken)
    _draw_plate(image, left, top, width, height, person.number, person.label, colors, size)
    return left, top, left + width, top + height


def _place(
    person: DrawnPerson,
    width: int,
    height: int,
    picture: tuple[int, int],
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float]:
    """Choose where a plate stands: above the body, or else below or beside it, so that it hides no head.

    Args:
        person: The person.
        width: Width of the plate in pixels.
        height: Its height.
        picture: Width and height of the picture.
        taken: Left, upper, right and lower edges of other plates, which it does not lie on.

    Returns:
        Its left and its upper edge.
    """
    body = person.points[person.observed]
    x = float(np.clip(person.anchor[0] - width / 2, 0, max(0, picture[0] - width)))
    lowest = max(person.anchor[1] + (1 + ABOVE_HEAD) * person.height, float(body[:, 1].max()))
    right, beside = float(body[:, 0].max()) + BESIDE * person.height, BESIDE * person.height + width
    # The last one is on the body, at the lower edge of the picture.
    places = [
        (x, person.anchor[1] - height, -1),
        (x, lowest + BELOW_FEET * person.height, 1),
        (right, max(0.0, person.anchor[1]), 1),
        (float(body[:, 0].min()) - beside, max(0.0, person.anchor[1]), 1),
        (x, float(picture[1] - height), -1),
    ]
    left, top = x, 0.0
    for left, top, direction in places[0 if person.has_room_above else 1 :]:
        for _ in taken:
            hidden = [
                other for other in taken if left < other[2] and other[0] < left + width and top < other[3] + 1
                and other[1] - 1 < top + height
            ]  # fmt: skip
            if not hidden:
                break
            is_up = direction < 0
            top = (
                min(other[1] for other in hidden) - height - 2 if is_up else max(other[3] for other in hidden) + 2
            )
        if 0 <= left <= picture[0] - width and 0 <= top <= picture[1] - height:
            break
    return left, max(0.0, top)


def _tag_size(number: int | None, label: Label | None, size: int) -> tuple[int, int]:
    pad = round(0.4 * size)
    width = sum(mask.shape[1] for mask in _texts(number, label, size)) + 2 * pad
    width += pad * (len(_texts(number, label, size)) - 1)
    has_bar = label is not None and label.probability is not None
    return width, round(1.45 * size) + (round(0.42 * size) if has_bar else 0)


def _texts(number: int | None, label: Label | None, size: int) -> list[np.ndarray]:
    return [text_mask(text, size, bold) for text, bold, _ in _words(number, label)]


def _words(number: int | None, label: Label | None) -> list[tuple[str, bool, str]]:
    """Texts of a plate: (text, bold, what it is)."""
    words = [] if number is None else [(str(number), True, "number")]
    if label:
        words.append((shorten(label.text, MAX_TEXT), False, "label"))
        if label.probability is not None:
            words.append((f"{label.probability:.0%}", False, "probability"))
    return words


def _draw_plate(
    image: Image,
    left: float,
    top: float,
    width: int,
    height: int,
    number: int | None,
    label: Label | None,
    colors: Mapping[str, Color],
    size: int,
) -> None:
    left, top = round(left), round(top)
    pad = round(0.4 * size)
    fill_rectangle(image, left, top, left + width, top + height, PLATE, PLATE_OPACITY)
    x = left + pad
    for text, bold, kind in _words(number, label):
        color = {"number": WHITE, "label": WHITE, "probability": LINE}[kind]
        draw_text(image, text, x, top + 0.1 * size, size, color, bold=bold)
        x += text_mask(text, size, bold).shape[1] + pad
    if label and label.probability is not None:
        right, bar = left + width - pad, top + height - round(0.5 * size)
        thickness = max(2, round(0.22 * size))
        fill_rectangle(image, left + pad, bar, right, bar + thickness, TEXT)
        end = left + pad + label.probability * (right - left - pad)
        fill_rectangle(image, left + pad, bar, end, bar + thickness, colors.get(label.text, UNKNOWN_COLOR))
    elif label and label.text == UNKNOWN:
        fill_rectangle(image, left, top, left + max(2, size // 6), top + height, UNKNOWN_COLOR)


def lacks_room_above(anchors: Float32[np.ndarray, "frame 2"], seen: Bool[np.ndarray, " frame"], size: int) -> bool:
    """Return whether there is often no room for a label above a person.

    Args:
        anchors: Where its lower edge would be.
        seen: Frames in which the person is there.
        size: Size of the font.
    """
    return bool(seen.any() and (anchors[seen, 1] < PLATE_HEIGHT * size).mean() > MAX_WITHOUT_ROOM)


def anchors_of(
    points: Float32[np.ndarray, "frame joint 2"],
    observed: Bool[np.ndarray, "frame joint"],
    shape: BodyShape,
    height: float,
    fps: float,
) -> Float32[np.ndarray, "frame 2"]:
    """Return where the label of a person stands in each frame: above the body, without trembling.

    Args:
        points: Joints in pixels.
        observed: Which joints were observed.
        shape: The layout.
        height: How large the body is in the picture.
        fps: Frames per second.
    """
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    seen = np.flatnonzero(observed.any(1))
    anchors = np.zeros((len(points), 2), np.float32)
    if not len(seen):
        return anchors
    place = np.array([anchor_of(points[frame], observed[frame], shape, height) for frame in seen])
    every = np.arange(len(points))
    x, y = (np.interp(every, seen, place[:, axis]) for axis in (0, 1))
    width = max(1, round(SMOOTHING * fps)) * 2 + 1
    anchors[:, 0] = uniform_filter1d(x, width, mode="nearest")
    anchors[:, 1] = uniform_filter1d(minimum_filter1d(y, width, mode="nearest"), width, mode="nearest")
    return anchors


def anchor_of(
    points: Float32[np.ndarray, "joint 2"],
    observed: Bool[np.ndarray, " joint"],
    shape: BodyShape,
    height: float,
) -> tuple[float, float]:
    """Return where the label of a person in one frame stands: above head and hands, over the middle of the body.

    Args:
        points: Joints in pixels.
        observed: Which joints were observed.
        shape: The layout.
        height: How large the body is in the picture.
    """
    seen = points[observed]
    top = float(seen[:, 1].min()) - ABOVE_HANDS * height
    trunk = points[observed & ~shape.is_arm]
    if len(trunk):
        highest, room = float(trunk[:, 1].min()), ABOVE_HEAD * height
        if shape.shoulders and observed[list(shape.shoulders)].all():  # of somebody whose legs are not seen
            room = max(room, CROWN * (float(points[list(shape.shoulders), 1].mean()) - highest))
        top = min(top, highest - room)
    return float(np.median(seen[:, 0])), top


def typical_height(
    points: Float32[np.ndarray, "frame joint 2"], observed: Bool[np.ndarray, "frame joint"]
) -> float:
    """Return how large a person is in a moving picture, in pixels, so that lines keep their width."""
    heights = [body_height(points[frame], observed[frame]) for frame in np.flatnonzero(observed.any(1))]
    return float(np.quantile(heights, 0.75)) if heights else 0.0
