from __future__ import annotations

from typing import Any

import pytest
from usual_motion import USUAL

from skeletonmae.predictions.clip_warnings import TrainingRange

TRAINING = TrainingRange.of([USUAL, USUAL._replace(seconds=3.0, frames=90.0)])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tilt": 170.0}, "turned by 170 degrees"),
        (
            {"size": 600.0},
            "the body is 1,000 times larger than in the training clips: the coordinates may be in another unit",
        ),
        (
            {"size": 0.006},
            "the body is 100 times smaller than in the training clips: the coordinates may be in another unit",
        ),
        ({"joints": 5.0}, "few joints were observed"),
        ({"seconds": 12.0}, "much longer or slower"),
        ({"seconds": 0.5}, "much shorter or faster"),
        ({"gap": 0.4}, "nothing was observed for 0.4 s"),
    ],
)
def test_what_is_unusual_is_said(change: Any, said: str) -> None:
    (warning,) = TRAINING.warnings(USUAL._replace(**change))
    assert said in warning


@pytest.mark.parametrize("change", [{}, {"tilt": 40.0}, {"size": 1.5}, {"gap": 0.2}, {"gap": float("nan")}])
def test_what_is_usual_is_not(change: Any) -> None:
    assert list(TRAINING.warnings(USUAL._replace(**change))) == []


def test_gaps_are_usual_if_training_clips_have_them_or_they_are_not_known() -> None:
    clip = USUAL._replace(gap=0.8)
    assert list(TrainingRange.of([USUAL, clip]).warnings(clip)) == []
    fields = TRAINING.model_dump()
    assert TrainingRange.model_validate(fields) == TRAINING
    del fields["gap"]  # as in files of before
    assert list(TrainingRange.model_validate(fields).warnings(clip)) == []


def test_the_length_of_a_window_says_nothing() -> None:
    assert list(TRAINING.warnings(USUAL._replace(seconds=30.0), is_window=True)) == []


def test_another_unit_is_three_times_larger_or_smaller_than_all_training_clips() -> None:
    sizes = [0.19, 0.21, 1.0, 1.79, 1.81]
    others = [TRAINING.is_another_unit(USUAL._replace(size=size)) for size in sizes]
    assert others == [True, False, False, False, True]
