from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.pose.time_grid import TimeGrid, interpolate


@pytest.mark.parametrize("fps", [5.0, 24000 / 1001, 2160 / 77, 30.0, 59.94, 60.0])
def test_regular_times_are_kept_even_in_whole_milliseconds(fps: float) -> None:
    times = np.arange(200) / fps
    for stamps in (times, np.round(times, 3)):
        for stated in (fps, None):
            grid = TimeGrid.of(stamps, stated)
            assert grid.times is None
            assert grid.note == ""
            assert grid.fps == pytest.approx(fps, rel=1e-3)


def test_a_stated_rate_that_the_times_contradict_does_not_count() -> None:
    assert TimeGrid.of(np.arange(50) / 12, 30.0).fps == 12


def test_lost_frames_are_between_the_others_at_the_stated_rate() -> None:
    times = np.round(np.delete(np.arange(60) / 30, [10, 11, 40]), 3)
    grid = TimeGrid.of(times, 30.0)
    assert grid.times is not None
    assert (grid.fps, len(grid.times)) == (30, 60)
    assert "60 frames in place of 57" in grid.note
    assert "intervals of 33 to 100 ms" in grid.note


@pytest.mark.parametrize("seconds", [60.0, 3600.0])
def test_a_slow_video_has_a_rate(seconds: float) -> None:
    grid = TimeGrid.of(np.arange(20) * seconds, None)
    assert grid.times is None
    assert grid.fps == pytest.approx(1 / seconds, rel=1e-4)


def test_a_variable_rate_gets_its_median() -> None:
    intervals = np.array([0.1, 0.1, 0.04, 0.1, 0.15, 0.1, 0.1])
    grid = TimeGrid.of(np.concatenate([[0], intervals.cumsum()]), None)
    assert grid.fps == pytest.approx(10)
    assert grid.times is not None
    np.testing.assert_allclose(grid.times, np.arange(7) / 10)


def test_times_that_cannot_be_true_make_no_endless_recording() -> None:
    times = np.arange(20) / 30
    times[10:] += 1e7
    grid = TimeGrid.of(times, 30.0)
    assert grid.times is None
    assert grid.fps == 30
    assert "not plausible" in grid.note


def test_positions_are_interpolated_where_both_sides_were_observed() -> None:
    times = np.array([0.0, 0.1, 0.2, 1.0, 1.1])
    values = times[:, None, None] * np.ones((5, 2, 2))
    observed = np.ones((5, 2), bool)
    observed[1, 1] = False
    at = np.array([0.0, 0.05, 0.1, 0.15, 0.2, 0.6, 0.997, 1.0, 1.1])
    found, seen = interpolate(values, observed, times, at)
    np.testing.assert_array_equal(seen[:, 0], [1, 1, 1, 1, 1, 0, 1, 1, 1])
    np.testing.assert_array_equal(seen[:, 1], [1, 0, 0, 0, 1, 0, 1, 1, 1])
    exact = seen[:, 0] & (at != 0.997)  # almost the time of a frame, which is taken as it is
    np.testing.assert_allclose(found[exact, 0, 0], at[exact])
    assert found[6, 0, 0] == 1.0


@pytest.mark.parametrize("intervals", [[0.3] * 12 + [0.5] * 12, [0.5] * 9 + [0.3] * 8])
def test_a_slow_variable_rate_keeps_what_was_seen(intervals: list[float]) -> None:
    times = np.concatenate([[0], np.cumsum(intervals)])
    grid = TimeGrid.of(times, None)
    assert grid.times is not None
    _, seen = interpolate(
        np.zeros((len(times), 1, 1)), np.ones((len(times), 1), bool), times, grid.times, grid.max_gap
    )
    assert seen.all()
    assert "observed" not in grid.note


def test_the_note_of_a_grid_tells_which_share_can_be_observed() -> None:
    slow = TimeGrid.of(np.array([0.0, 0.4, 0.8, 1.2, 1.6, 3.6, 4.0, 4.5]), None)  # 2.0, 2.4, 2.8 and 3.2 are lost
    assert slow.max_gap == pytest.approx(0.6)
    assert "12 frames in place of 8, 8 of which (67%) can be observed" in slow.note
    assert "gaps of more than 0.6 s" in slow.note
    assert TimeGrid(30.0).max_gap == 0.25
