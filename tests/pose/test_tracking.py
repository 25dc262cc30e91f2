from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from stick_figures import figure, reading, walker

from skeletonmae.pose.reading import Reading, remove_duplicates
from skeletonmae.pose.tracking import MAX_ABSENCE, Tracker

FPS = 30.0
SPEED = 150.0  # pixels a second: 1.3 m/s of somebody of 1.75 m who is 200 pixels high


def identities(
    people: list[Callable[[float], Reading | None]], frames: int, fps: float = FPS
) -> list[list[int | None]]:
    """The numbers of people in each frame, in their order; None where somebody is not seen."""
    tracker, rows = Tracker(), []
    for frame in range(frames):
        seen = {index: found for index, one in enumerate(people) if (found := one(frame / fps)) is not None}
        tracks = tracker.update(list(seen.values()), frame / fps)
        numbers = dict(zip(seen, (track.identity for track in tracks), strict=True))
        rows.append([numbers.get(index) for index in range(len(people))])
    return rows


def right(time: float, **settings: float) -> Reading:
    return walker(100 + SPEED * time, time, 1, **settings)


def left(time: float, **settings: float) -> Reading:
    return walker(700 - SPEED * time, time, -1, **settings)


def seen_numbers(rows: list[list[int | None]], person: int) -> set[int]:
    return {number for row in rows if (number := row[person]) is not None}


def test_two_who_pass_keep_their_numbers() -> None:
    rows = identities([right, left], 120)  # they meet after two seconds
    assert rows == [[0, 1]] * 120


@pytest.mark.parametrize("hidden", [5, 15, 30])
def test_one_who_is_hidden_while_they_pass_keeps_the_number(hidden: int) -> None:
    first = 60 - hidden // 2

    def behind(time: float) -> Reading | None:
        return None if first <= round(time * FPS) < first + hidden else left(time)

    rows = identities([right, behind], 120)
    assert seen_numbers(rows, 0) == {0}
    assert seen_numbers(rows, 1) == {1}


def test_two_who_meet_and_turn_back_keep_their_numbers() -> None:
    def bounce(x: float, direction: int) -> Callable[[float], Reading]:
        def at(time: float) -> Reading:
            facing = direction if time < 1 else -direction
            return walker(x + direction * SPEED * (1 - abs(1 - time)), time, facing)

        return at

    rows = identities([bounce(200, 1), bounce(580, -1)], 60)  # 80 pixels apart when they turn
    assert rows == [[0, 1]] * 60


def test_both_are_away_for_thirty_frames() -> None:
    def blink(one: Callable[[float], Reading]) -> Callable[[float], Reading | None]:
        return lambda time: None if 20 <= round(time * FPS) < 20 + MAX_ABSENCE else one(time)

    rows = identities([blink(right), blink(left)], 90)
    assert seen_numbers(rows, 0) == {0}
    assert seen_numbers(rows, 1) == {1}


def test_whoever_is_away_for_longer_is_somebody_new() -> None:
    for absence, numbers in ((MAX_ABSENCE, {0}), (MAX_ABSENCE + 1, {0, 1})):
        rows = identities(
            [lambda time, away=absence: None if 5 <= round(time * FPS) < 5 + away else reading(figure(300))], 60
        )
        assert seen_numbers(rows, 0) == numbers


def test_at_five_frames_a_second_a_walk_is_one_person() -> None:
    rows = identities([lambda time: walker(100 + 2 * SPEED * time, time, 1)], 20, fps=5.0)
    assert seen_numbers(rows, 0) == {0}


def test_somebody_of_another_size_is_somebody_else() -> None:
    rows = identities([lambda time: reading(figure(300, height=200 if time < 0.5 else 80))], 30)
    assert seen_numbers(rows, 0) == {0, 1}


def test_the_pose_decides_where_place_and_size_do_not() -> None:
    tracker = Tracker()
    tracker.update([reading(figure(300, facing=1)), reading(figure(310, facing=-1))], 0.0)
    tracks = tracker.update([reading(figure(305, facing=-1)), reading(figure(305, facing=1))], 0.03)
    assert [track.identity for track in tracks] == [1, 0]


def test_the_motion_decides_where_place_size_and_pose_do_not() -> None:
    tracker = Tracker()
    for frame in range(15):
        right_and_left = 300 + 4 * (frame - 14), 304 - 4 * (frame - 14)
        tracks = tracker.update([reading(figure(x)) for x in right_and_left], frame / FPS)
        assert [track.identity for track in tracks] == [0, 1]
    tracks = tracker.update([reading(figure(304)), reading(figure(300))], 15 / FPS)
    assert [track.identity for track in tracks] == [0, 1]


def test_joints_that_are_not_seen_do_not_count() -> None:
    tracker = Tracker()
    tracker.update([reading(figure(300))], 0.0)
    lost = figure(300)
    lost[9] = 1e4  # a wrist of which the network says that it does not see it
    confidence = np.ones(17)
    confidence[9] = 0.1
    hidden = reading(figure(300), confidence=confidence)
    hidden.points[9] = 1e4
    assert tracker.tracks[0].cost(hidden, 0.03) == pytest.approx(0, abs=1e-3)


def test_duplicates_are_removed_and_neighbors_are_not() -> None:
    side = reading(figure(300)).region.side
    near, far = figure(300 + 0.11 * side), figure(300 + 0.13 * side)
    first = reading(figure(300))
    assert remove_duplicates([first, reading(near)]) == [first]
    assert len(remove_duplicates([first, reading(far)])) == 2


def test_nobody_is_nobody() -> None:
    assert Tracker().update([], 0.0) == []


def test_whoever_is_absent_is_expected_to_slow_down() -> None:
    tracker = Tracker()
    for frame in range(31):
        (track,) = tracker.update([reading(figure(100 + 5 * frame))], frame / FPS)
    np.testing.assert_allclose(track.velocity, [150, 0], atol=1e-3)
    for seconds in (0.1, 1.0, 10.0):
        way = 150 * (1 - np.exp(-seconds))
        np.testing.assert_allclose(track.expected_center(1 + seconds), [250 + way, 300], atol=0.1)
