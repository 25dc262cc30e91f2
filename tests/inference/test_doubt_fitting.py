from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from usual_motion import USUAL

from skeletonmae.errors import InputError
from skeletonmae.inference import doubt_fitting, head_choice
from skeletonmae.inference.doubt_fitting import MAX_GROWTH, _growth, _without_another_fold, fit_doubt, fit_limits
from skeletonmae.predictions.doubt import COVERAGE, Doubt, check_limits, distance_to_training


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
    earlier = {name: array for name, array in doubt.arrays().items() if name != "clips"}
    assert Doubt.from_arrays(earlier).clips.shape == (0, doubt.projection.shape[1])
    assert set(Doubt.from_arrays(earlier).arrays()) == set(Doubt.array_shapes(40, 3, 0))
    lengths: dict[str, int] = {}
    for name, shape in Doubt.array_shapes(40, 3, 300).items():
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
    assert doubt.projection.shape[1] == 10
    new = 3 * np.eye(400)[np.arange(600) % 3] + rng.normal(size=(600, 400))
    familiarity = doubt.familiarity(new, np.eye(3)[np.arange(600) % 3], [USUAL] * 600)
    assert (familiarity >= 1 - COVERAGE).mean() > COVERAGE - 0.03


def test_few_clips_do_not_make_the_threshold_generous() -> None:
    """Clips of a fold are farther from the others than new ones from all: their distances are divided by that."""
    answered = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        spread = 1 / np.sqrt(np.arange(1, 61))

        def clips(labels: np.ndarray, rng: np.random.Generator = rng, spread: np.ndarray = spread) -> np.ndarray:
            return 3 * np.eye(60)[labels] + rng.normal(size=(len(labels), 60)) * spread

        labels = np.arange(80) % 4
        folds = [(np.setdiff1d(np.arange(80), test), test) for test in np.array_split(np.arange(80), 5)]
        doubt = fit_doubt(clips(labels), labels, 4, np.eye(4)[labels], [USUAL] * 80, folds)
        new = np.arange(400) % 4
        familiarity = doubt.familiarity(clips(new), np.eye(4)[new], [USUAL] * 400)
        answered.append(np.mean([not doubt.is_unknown(one, 1 - COVERAGE) for one in familiarity.tolist()]))
    assert abs(np.mean(answered) - COVERAGE) < 0.015


def test_distances_to_the_training_count_the_nearest_class_and_half_of_the_nearest_clip() -> None:
    means, clips = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[0.0, 1.0], [10.0, 4.0]])
    rows = np.array([[0.0, 1.0], [10.0, 4.0], [3.0, 1.0]])
    np.testing.assert_allclose(distance_to_training(rows, means, clips), [1, 4, np.sqrt(10) + 1.5])
    np.testing.assert_allclose(distance_to_training(rows, means, clips[:0]), [1, 4, np.sqrt(10)])


def test_distances_of_folds_are_divided_by_their_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    scales = []
    for growth in (0.0, np.log(2)):
        monkeypatch.setattr(doubt_fitting, "_growth", lambda *_, growth=growth: growth)
        scales.append(fitted(60)[0].scales[0])
    assert scales[0] == pytest.approx(2 * scales[1])


def test_every_fold_says_how_much_distances_grow_without_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    growths: list[float] = []

    def keep(found: list[float], _: int) -> float:
        growths.extend(found)
        return 0.0

    monkeypatch.setattr(doubt_fitting, "_growth", keep)
    fitted(60)
    assert len(growths) == 5
    assert 0 < np.abs(growths).max() < 0.5


def test_growth_is_extrapolated_from_folds_without_another_one() -> None:
    assert _growth([], 2) == 0
    assert _growth([0.1, 0.3, 0.2], 5) == pytest.approx(0.2 * 3 / 5)
    assert (_growth([-0.2], 5), _growth([9.0], 4)) == (0, MAX_GROWTH / 2)


def test_a_fold_without_another_one_keeps_a_clip_of_every_class() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1])
    tests = [np.array([0, 3, 4]), np.array([1, 5, 6]), np.array([2, 7, 8])]
    folds = [(np.setdiff1d(np.arange(9), test), test) for test in tests]
    parts = _without_another_fold(folds, labels)
    assert [part is not None and part.tolist() for part in parts] == [[2, 7, 8], [0, 3, 4], [1, 5, 6]]
    alone = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1])  # no clip of class 0 is left in the first fold
    assert [part is None for part in _without_another_fold(folds, alone)] == [True, False, False]
    assert _without_another_fold(folds[:2], labels) == []


def test_clips_are_not_kept_of_large_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(fitted(300)[0].clips) == 300
    monkeypatch.setattr(head_choice, "MAX_COMPARED", 200)
    assert len(fitted(300)[0].clips) == 0


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
