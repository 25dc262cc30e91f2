from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.formats.frame_times import fps_of_times, frames_of_times, parse_times


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (("2020-01-02 10:00:00.000", "2020-01-02 10:00:00.040"), 0.04),
        (("2020-01-02T23:59:59.5Z", "2020-01-03T00:00:00Z"), 0.5),
        (("10:00:00,5", "10:00:01"), 0.5),
        (("10:00:00:250", "10:00:01:000"), 0.75),
        (("0.5", "0.75"), 0.25),
        (("2020-13-41 10:00:00", "soon"), None),
    ],
)
def test_dates_and_clock_times_are_seconds(cells: tuple[str, str], seconds: float | None) -> None:
    times, is_clock = parse_times(cells)
    assert is_clock == (":" in cells[0])
    if seconds is None:
        assert np.isnan(times).all()
    else:
        assert times[1] - times[0] == pytest.approx(seconds, abs=1e-4)


def test_a_gap_keeps_its_place_in_time() -> None:
    times = np.r_[np.arange(10), np.arange(160, 170)] / 30
    frames, (note,) = frames_of_times(times)
    assert frames.tolist() == [*range(10), *range(160, 170)]
    assert note == "the times have a gap; 150 frames are missing in all and unobserved"
    assert fps_of_times(times, frames) == pytest.approx(30)


def test_lines_with_one_time_are_of_one_frame() -> None:
    frames, notes = frames_of_times(np.array([0.0, 0.0, 0.1, 0.2, 0.2]))
    assert (frames.tolist(), notes) == ([0, 0, 1, 2, 2], ())


def test_times_that_are_rounded_or_irregular_have_no_gaps() -> None:
    milliseconds = np.round(np.arange(1000) * 1000 / 30)
    assert frames_of_times(milliseconds)[0].tolist() == list(range(1000))
    webcam = np.cumsum(np.tile([16, 50, 33], 50)).astype(float)
    assert frames_of_times(webcam)[0].tolist() == list(range(150))
    webcam[100:] += 990
    assert frames_of_times(webcam)[0][-1] == pytest.approx(149 + 30, abs=2)


def test_a_pause_far_longer_than_the_recording_is_closed() -> None:
    frames, (note,) = frames_of_times(np.r_[np.arange(10), np.arange(10) + 1e6])
    assert frames.tolist() == list(range(20))
    assert "they were closed" in note


def test_a_rate_needs_a_plausible_unit() -> None:
    frames = np.arange(3)
    assert fps_of_times(np.array([0.0, 40, 80]), frames) == 25
    assert fps_of_times(np.array([0.0, 40, 80]), frames, ["s"]) is None
    assert fps_of_times(np.zeros(3), frames) is None
