from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.inference.doubt_fitting import fit_doubt, fit_limits
from skeletonmae.predictions.doubt import COVERAGE, Doubt, check_limits
from skeletonmae.predictions.motion_statistics import MotionStatistics

USUAL = MotionStatistics(
    motion=0.3,
    pose_motion=0.2,
    roughness=0.05,
    velocity_roughness=0.3,
    bone_variation=0.05,
    tilt=5.0,
    size=0.6,
    observed=1.0,
    joints=20.0,
    frames=60.0,
    seconds=2.0,
    gap=0.0,
)


def fitted(num_clips: int = 300) -> tuple[Doubt, np.ndarray, np.ndarray]:
    """A doubt of three classes along the first axes, and its features and labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(num_clips) % 3
    features = 8 * np.eye(40)[labels] + rng.normal(size=(num_clips, 40))
    folds = [(np.setdiff1d(np.arange(num_clips), test), test) for test in np.array_split(np.arange(num_clips), 5)]
    probabilities = np.full((num_clips, 3), 1 / 3)
    return fit_doubt(features, labels, 3, probabilities, [USUAL] * num_clips, folds), features, labels


def test_the_stated_share_of_new_clips_is_answered() -> None:
    doubt, _, _ = fitted()
    rng = np.random.default_rng(1)
    features = 8 * np.eye(40)[np.arange(3000) % 3] + rng.normal(size=(3000, 40))
    familiarity = doubt.familiarity(features, np.full((3000, 3), 1 / 3), [USUAL] * 3000)
    assert abs((familiarity >= 1 - COVERAGE).mean() - COVERAGE) < 0.03


def test_another_class_is_unknown_and_uncertainty_adds_to_it() -> None:
    doubt, _, _ = fitted()
    rng = np.random.default_rng(1)
    features = 8 * np.eye(40)[np.full(100, 7)] + rng.normal(size=(100, 40))
    sure, unsure = np.tile([1.0, 0.0, 0.0], (100, 1)), np.full((100, 3), 1 / 3)
    assert (doubt.familiarity(features, unsure, [USUAL] * 100) < 1 - COVERAGE).mean() > 0.95
    assert (doubt.novelty(features, sure) < doubt.novelty(features, unsure)).all()


def test_it_comes_back_from_its_arrays() -> None:
    doubt, features, _ = fitted()
    back = Doubt.from_arrays(doubt.arrays())
    probabilities = np.full((300, 3), 1 / 3)
    np.testing.assert_allclose(
        back.novelty(features, probabilities), doubt.novelty(features, probabilities), rtol=0.01
    )
    lengths: dict[str, int] = {}
    for name, shape in Doubt.array_shapes(40, 3).items():
        sizes = doubt.arrays()[name].shape
        expected = tuple(
            lengths.setdefault(size, got) if isinstance(size, str) else size
            for size, got in zip(shape, sizes, strict=True)
        )
        assert sizes == expected, name


def test_limits_are_between_the_training_clips_and_what_is_surely_something_else() -> None:
    low, high = fit_limits([USUAL] * 20)
    doubt = fitted()[0]
    assert low[0] < USUAL.motion / 2
    assert USUAL.roughness < high[1] < 0.7
    assert USUAL.tilt < high[3] < 150
    assert not doubt.is_beyond(USUAL)
    for change, said in (
        ({"motion": 0.0}, "hardly moves"),
        ({"roughness": 1.0}, "as irregular as noise"),
        ({"pose_motion": 0.0}, "its pose hardly changes"),
        ({"velocity_roughness": 1.0}, "as irregular as a random walk"),
    ):
        other = USUAL._replace(**change)
        assert doubt.is_beyond(other)
        assert [said in reason for reason in doubt.reasons(other)] == [True]
    assert doubt.is_beyond(USUAL._replace(tilt=170.0))
    assert list(doubt.reasons(USUAL._replace(tilt=170.0))) == []  # a warning says it
    assert not doubt.is_beyond(USUAL._replace(roughness=float("nan"), tilt=float("nan")))


def test_velocities_are_not_limited_if_those_of_the_training_clips_are_rough() -> None:
    clips = [USUAL._replace(velocity_roughness=value) for value in np.linspace(0.4, 1.1, 20)]
    assert fit_limits(clips)[1][5] > 1e30


def test_a_classifier_with_fewer_limits_has_the_first_of_them() -> None:
    doubt = fitted()[0]
    earlier = replace(doubt, low=doubt.low[:4], high=doubt.high[:4])
    assert earlier.is_beyond(USUAL._replace(motion=0.0))
    assert not earlier.is_beyond(USUAL._replace(pose_motion=0.0))
    check_limits(earlier.low, earlier.high, "a file")
    for low, high in ((doubt.low[:4], doubt.high), (np.zeros(9), np.zeros(9))):
        with pytest.raises(InputError, match="a file: wrong number of limits"):
            check_limits(low, high, "a file")


def test_statistics_that_are_never_known_have_no_limit() -> None:
    low, high = fit_limits([USUAL._replace(tilt=float("nan"))] * 5)
    assert low[3] < -1e30
    assert high[3] > 1e30


def test_distances_of_new_clips_are_not_larger_because_the_final_axes_are_more() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = 3 * np.eye(400)[labels] + rng.normal(size=(60, 400))
    folds = [(np.setdiff1d(np.arange(60), test), test) for test in np.array_split(np.arange(60), 3)]
    doubt = fit_doubt(features, labels, 3, np.eye(3)[labels], [USUAL] * 60, folds)
    assert doubt.projection.shape[1] == 39
    new = 3 * np.eye(400)[np.arange(600) % 3] + rng.normal(size=(600, 400))
    familiarity = doubt.familiarity(new, np.eye(3)[np.arange(600) % 3], [USUAL] * 600)
    assert (familiarity >= 1 - COVERAGE).mean() > COVERAGE - 0.03


def test_without_folds_nothing_is_unknown_because_of_its_features() -> None:
    _, features, labels = fitted(30)
    doubt = fit_doubt(features, labels, 3, np.full((30, 3), 1 / 3), [USUAL] * 30, [])
    assert (doubt.familiarity(100 + features, np.full((30, 3), 1 / 3), [USUAL] * 30) == 1).all()


def test_few_training_clips_are_not_unknown_to_their_own_classifier() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    features = 8 * np.eye(500)[labels] + rng.normal(size=(24, 500))
    folds = [(np.setdiff1d(np.arange(24), test), test) for test in np.array_split(np.arange(24), 4)]
    probabilities = np.eye(3)[labels]
    doubt = fit_doubt(features, labels, 3, probabilities, [USUAL] * 24, folds)
    assert (doubt.familiarity(features, probabilities, [USUAL] * 24) >= 1 - COVERAGE).all()
