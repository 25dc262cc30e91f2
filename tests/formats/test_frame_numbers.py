from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.formats.frame_numbers import FrameNumbering


@pytest.mark.parametrize(
    ("numbers", "start", "stride"),
    [
        ([252, 254, 256], 252, 2),
        ([256, 252, 254, 254], 252, 2),
        ([0, 10, 20, 30], 0, 10),
        ([252, 254, 258, 260], 252, 2),  # every second frame, one of them missing
        ([1, 2, 3], 1, 1),
        ([1, 2, 4, 8], 1, 1),
        ([0, 30], 0, 1),  # one step is no stride
        ([0, 2, 60, 200], 0, 1),
        ([0, 3, 6, 10], 0, 1),
        ([7], 7, 1),
        ([], 0, 1),
    ],
)
def test_a_stride_divides_every_step_and_is_most_of_them(numbers: list[int], start: int, stride: int) -> None:
    assert FrameNumbering.of(np.array(numbers)) == FrameNumbering.of(numbers) == FrameNumbering(start, stride)


def test_frames_are_renumbered_and_the_rate_divided() -> None:
    numbering = FrameNumbering.of([252, 254, 258, 260])
    np.testing.assert_array_equal(numbering.index(np.array([260.0, 252.0, 258.0])), [4, 0, 3])
    assert (numbering.fps(30.0), numbering.fps(None)) == (15.0, None)
    assert numbering.notes == (
        "the frame numbers count in steps of 2, so the frames were renumbered, and a frame rate in the file "
        "was divided by 2; --fps is the rate of the frames in the file",
    )
    assert FrameNumbering(5, 1).notes == ()
    assert FrameNumbering(5, 1).fps(30.0) == 30.0
