"""Bodies, their labels and the time line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fake_poses import body

from skeletonmae.rendering.bodies import NECK, BodyShape, draw_body
from skeletonmae.rendering.canvas import blank
from skeletonmae.rendering.colors import PALETTE, SIDE_COLORS, UNKNOWN_COLOR, WHITE, ink_on, label_colors
from skeletonmae.rendering.labels import UNKNOWN, Label
from skeletonmae.rendering.persons import (
    DrawnPerson,
    anchor_of,
    anchors_of,
    draw_caption,
    draw_persons,
    font_size,
    lacks_room_above,
)
from skeletonmae.rendering.text import text_mask
from skeletonmae.rendering.time_line import MAX_ROWS, TimeLine, clock
from skeletonmae.skeletons import COCO17, LAYOUTS, MEDIAPIPE33, PENN13, Skeleton

SHAPE = BodyShape.of(MEDIAPIPE33)
SEEN = np.ones(33, bool)
COLORS = label_colors(["wave", "walk"], UNKNOWN)


def pairs(skeleton: Skeleton) -> set[frozenset[str]]:
    names = (*skeleton.joints, NECK)
    return {frozenset((names[a], names[b])) for a, b in BodyShape.of(skeleton).ends.tolist()}


def test_bodies_without_a_spine_have_shoulders_hips_and_a_neck() -> None:
    for skeleton, head in ((MEDIAPIPE33, "nose"), (COCO17, "nose"), (PENN13, "head")):
        drawn = pairs(skeleton)
        assert frozenset(("left_shoulder", "right_shoulder")) in drawn
        assert frozenset(("left_hip", "right_hip")) in drawn
        assert frozenset((head, NECK)) in drawn
        assert frozenset(("left_shoulder", head)) not in drawn
    for name in sorted(LAYOUTS.keys() - {"mediapipe33", "coco17", "penn13"}):
        assert pairs(LAYOUTS[name]) == {frozenset(bone) for bone in LAYOUTS[name].bones}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_can_be_drawn(name: str) -> None:
    skeleton = LAYOUTS[name]
    image = blank(60, 60)
    points = np.random.default_rng(0).uniform(5, 55, (skeleton.num_joints, 2)).astype(np.float32)
    draw_body(image, points, np.ones(skeleton.num_joints, bool), BodyShape.of(skeleton), 50)
    assert (image < 250).any()


def test_a_bone_with_a_lost_end_is_not_drawn() -> None:
    points = body(50, 60, 20)
    knee, ankle = (MEDIAPIPE33.index[f"left_{joint}"] for joint in ("knee", "ankle"))
    middle = np.rint((points[knee] + points[ankle]) / 2).astype(int)
    for lost in (False, True):
        image, seen = blank(100, 100), SEEN.copy()
        seen[knee] = not lost
        draw_body(image, points, seen, SHAPE, 60)
        expected = WHITE if lost else SIDE_COLORS["left"]
        assert tuple(image[middle[1], middle[0]].tolist()) == expected


def drawn(person: int | None, label: Label | None, x: float = 100, size: float = 30) -> DrawnPerson:
    points = body(x, 130, size)
    return DrawnPerson(person, points, SEEN, 100, anchor_of(points, SEEN, SHAPE, 100), label)


def dark(image: np.ndarray) -> np.ndarray:
    """Where plates are: dark pixels in the upper part, without those of bodies."""
    return (image[:75].max(-1) < 120) & (np.ptp(image[:75].astype(int), axis=-1) < 15)


def test_a_plate_has_the_number_the_label_and_a_bar_as_long_as_the_probability() -> None:
    lengths = {}
    for probability in (0.25, 1.0):
        image = blank(240, 200)
        draw_persons(image, [drawn(None, Label(None, 0, 1, "wave", probability))], SHAPE, COLORS)
        of_bar = (np.abs(image.astype(int) - COLORS["wave"]).max(-1) < 3).sum(1).max()
        lengths[probability] = int(of_bar)
    assert 0.2 < lengths[0.25] / lengths[1.0] < 0.3
    assert lengths[1.0] > 40


def test_nothing_is_written_over_an_unlabeled_person_who_is_alone() -> None:
    image = blank(240, 200)
    draw_persons(image, [drawn(None, None)], SHAPE, COLORS)
    assert not dark(image)[:40].any()
    draw_persons(image, [drawn(4, None)], SHAPE, COLORS)
    assert dark(image).any()


def test_plates_do_not_lie_on_each_other() -> None:
    image = blank(400, 300)
    label = Label(0, 0, 1, "wave", 0.9)
    people = [drawn(number, label, 100 + 15 * number) for number in range(3)]
    draw_persons(image, people, SHAPE, COLORS)
    bars = np.flatnonzero((np.abs(image.astype(int) - COLORS["wave"]).max(-1) < 3).sum(1) > 20)
    assert (np.diff(bars) > 1).sum() == 2  # three bars, one above the other


def test_a_plate_stays_in_the_picture() -> None:
    for x in (-20, 235):
        image = blank(240, 200)
        draw_persons(image, [drawn(0, Label(0, 0, 1, "wave", 1.0), x)], SHAPE, COLORS)
        assert (np.abs(image.astype(int) - COLORS["wave"]).max(-1) < 3).sum(1).max() > 40


@pytest.mark.parametrize(("size", "x", "width"), [(40, 100, 320), (120, 200, 320), (150, 120, 250)])
def test_a_plate_hides_no_head_at_the_upper_edge(size: float, x: float, width: int) -> None:
    """It stands below the feet, else beside the body, else on the body at the lower edge."""
    points = body(x, 1.7 * size, size)
    head = points[
        [index for index, name in enumerate(MEDIAPIPE33.joints) if name.endswith(("nose", "eye", "ear"))]
    ]
    person = DrawnPerson(1, points, SEEN, float(np.ptp(points[:, 1])), anchor_of(points, SEEN, SHAPE, 3.3 * size))
    person = replace(person, label=Label(1, 0, 1, "wave", 1.0))
    image = blank(width, 300)
    draw_persons(image, [person], SHAPE, COLORS)
    plate = np.argwhere(np.abs(image.astype(int) - COLORS["wave"]).max(-1) < 3)
    assert len(plate) > 40
    is_beside = np.median(plate[:, 1]) > points[:, 0].max() or np.median(plate[:, 1]) < points[:, 0].min()
    assert plate[:, 0].min() > head[:, 1].max() + 10 or is_beside
    assert is_beside == (size == 120)


def test_plates_at_the_upper_edge_do_not_lie_on_each_other() -> None:
    image = blank(400, 300)
    label = Label(0, 0, 1, "wave", 0.9)
    people = []
    for number in range(3):
        points = body(100 + 15 * number, 68, 40)
        people.append(DrawnPerson(number, points, SEEN, 132, anchor_of(points, SEEN, SHAPE, 132), label))
    draw_persons(image, people, SHAPE, COLORS)
    bars = np.flatnonzero((np.abs(image.astype(int) - COLORS["wave"]).max(-1) < 3).sum(1) > 20)
    assert (np.diff(bars) > 1).sum() == 2


def test_a_label_that_often_lacks_room_is_never_above() -> None:
    anchors = np.full((100, 2), 60.0, np.float32)
    seen = np.ones(100, bool)
    anchors[:10, 1] = 15.0
    assert lacks_room_above(anchors, seen, 20)
    assert not lacks_room_above(anchors, seen, 5)
    seen[:6] = False
    assert not lacks_room_above(anchors, seen, 20)
    assert not lacks_room_above(anchors, seen & False, 20)
    low = replace(drawn(0, Label(0, 0, 1, "wave", 1.0)), has_room_above=False)
    image = blank(240, 240)
    draw_persons(image, [low], SHAPE, COLORS)
    assert not dark(image).any()


def test_small_pictures_have_small_letters() -> None:
    assert [font_size(height) for height in (180, 300, 720, 4000)] == [9, 10, 24, 48]


def test_what_all_do_together_stands_in_the_corner() -> None:
    image = blank(240, 200)
    draw_caption(image, Label(None, 0, 1, UNKNOWN, None), COLORS)
    assert dark(image)[:, :120].any()
    assert not dark(image)[:, 180:].any()


def test_a_label_stands_above_the_head_and_above_a_raised_hand() -> None:
    low, high = (anchor_of(body(100, 100, 20, raised), SEEN, SHAPE, 60)[1] for raised in (0.0, 2.5))
    top = body(100, 100, 20)[:, 1].min()
    assert low == pytest.approx(top - 0.09 * 60)
    assert high < low - 10


def test_a_label_is_above_the_head_of_somebody_whose_legs_are_not_seen() -> None:
    points = body(100, 100, 20)
    seen = np.array([not name.endswith(("knee", "ankle", "heel", "foot_index")) for name in MEDIAPIPE33.joints])
    _, top = anchor_of(points, seen, SHAPE, 32)
    assert top == pytest.approx(100 - 32 - 0.45 * 12)


def test_a_label_does_not_tremble_and_is_there_while_a_person_is_lost() -> None:
    dice = np.random.default_rng(0)
    points = np.stack([body(100, 100, 20) + dice.normal(scale=3, size=(33, 2)) for _ in range(60)]).astype(
        np.float32
    )
    seen = np.ones((60, 33), bool)
    seen[20:30] = False
    anchors = anchors_of(points, seen, SHAPE, 60, 30)
    raw = np.array([anchor_of(one, SEEN, SHAPE, 60) for one in points])
    assert np.abs(np.diff(anchors, axis=0)).mean() < 0.2 * np.abs(np.diff(raw, axis=0)).mean()
    assert np.abs(anchors - raw.mean(0)).max() < 15
    assert not anchors_of(points, seen & False, SHAPE, 60, 30).any()


def test_the_time_line_has_a_row_for_each_person_and_a_mark() -> None:
    labels = [Label(0, 0, 50, "wave", 1.0), Label(1, 50, 100, "walk", 1.0)]
    line = TimeLine(labels, COLORS, 100, 10.0, 400, 12)
    assert line.height % 2 == 0
    band = line.draw(25)
    assert band.shape == (line.height, 400, 3)
    first = line.pad + line.row_height - 3
    second = first + line.row_height + line.gap
    quarter, three = (round(line.left + share * (line.right - line.left)) for share in (0.1, 0.9))
    assert tuple(band[first, quarter].tolist()) == COLORS["wave"]
    assert tuple(band[second, three].tolist()) == COLORS["walk"]
    assert band[first, three].min() > 230
    marked = [int(np.flatnonzero((line.draw(frame)[first] < 60).all(-1)).mean()) for frame in (10, 90)]
    assert marked[1] - marked[0] == pytest.approx(0.8 * (line.right - line.left), abs=3)


def test_the_time_line_of_a_part_shows_the_time_of_the_whole() -> None:
    labels = [Label(0, 0, 50, "wave", 1.0)]
    for fps in (10.0, None):
        whole, part = (TimeLine(labels, COLORS, 100, fps, 400, 12, first) for first in (0, 50))
        assert (part.draw(0)[:, part.right :] == whole.draw(50)[:, part.right :]).all()
        assert (part.draw(0)[:, part.right :] != whole.draw(0)[:, part.right :]).any()


def test_less_probable_labels_are_paler_and_many_persons_are_counted() -> None:
    sure, unsure = (
        TimeLine([Label(None, 0, 10, "wave", p)], COLORS, 10, None, 300, 12).band[12, 60].astype(int)
        for p in (1.0, 0.2)
    )
    assert (unsure >= sure).all()
    assert unsure.sum() > sure.sum() + 60
    few = TimeLine([Label(row, 0, 10, "wave", 1) for row in range(MAX_ROWS)], COLORS, 10, 10.0, 300, 12)
    many = TimeLine([Label(row, 0, 10, "wave", 1) for row in range(30)], COLORS, 10, 10.0, 300, 12)
    assert 10 < many.height - few.height < 30


def test_times_are_written_as_people_do() -> None:
    assert [clock(time) for time in (0, 9.96, 61.26, 3725.0)] == ["0:00.0", "0:09.9", "1:01.2", "1:02:05.0"]


def test_colors_are_the_same_for_the_same_labels() -> None:
    assert label_colors(["b", "a"], UNKNOWN) == label_colors(["a", "b", UNKNOWN], UNKNOWN)
    colors = label_colors([str(number) for number in range(12)], UNKNOWN)
    assert len(set(colors.values())) == 13
    assert colors[UNKNOWN] == UNKNOWN_COLOR
    assert ink_on((255, 255, 255)) != WHITE
    assert ink_on((0, 0, 90)) == WHITE
    assert len(set(PALETTE)) == len(PALETTE) == 8


def test_text_has_one_height_and_no_control_characters() -> None:
    assert text_mask("a", 20).shape[0] == text_mask("Åg", 20).shape[0]
    assert (text_mask("a\n\x1bb", 20) == text_mask("ab", 20)).all()
    assert text_mask("", 20).shape[1] == 1
    assert text_mask("WW", 20).shape[1] > text_mask("ii", 20).shape[1]
