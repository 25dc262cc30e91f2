from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skeletonmae.inference.folds import make_folds
from skeletonmae.inference.head_choice import (
    Choice,
    best_choice,
    choose_heads,
    cross_validate,
    draw_clips,
    fit_temperature,
    is_surely_better,
    num_choice_steps,
)
from skeletonmae.inference.head_fitting import Candidate, coordinate_candidates, encoder_candidates
from skeletonmae.predictions.heads import softmax

CANDIDATES = {
    "encoder": [Candidate("good", "discriminant", strength) for strength in (0.1, 0.6)],
    "coordinates": [Candidate("noise", "ridge", strength) for strength in (1.0, 100.0)],
}


def clusters(num_clips: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features in which three classes are apart, and others of noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(num_clips) % 3
    centers = rng.normal(size=(3, 30))
    good = centers[labels] + 0.9 * rng.normal(size=(num_clips, 30))
    return {"good": good, "noise": rng.normal(size=(num_clips, 30))}, labels


def test_the_best_head_is_chosen_on_clips_it_has_not_seen() -> None:
    rng = np.random.default_rng(1)
    features, labels = clusters(90)
    folds = [(np.setdiff1d(np.arange(90), test), test) for test in np.array_split(rng.permutation(90), 3)]
    candidates = [*coordinate_candidates("noise"), *encoder_candidates("good")]
    results = cross_validate(features, labels, 3, folds, candidates)
    assert list(results) == candidates
    chosen = best_choice(results)
    assert chosen.candidate.features == "good"
    assert chosen.accuracy == (chosen.scores.argmax(1) == labels).mean()
    assert max(results[one].accuracy for one in coordinate_candidates("noise")) < 0.6
    nothing = cross_validate(features, labels, 3, [], encoder_candidates("good"))
    assert {one.accuracy for one in nothing.values()} == {0.0}


def test_of_equally_accurate_heads_the_one_with_the_lowest_log_loss_is_chosen() -> None:
    heads = [Candidate("good", "discriminant", strength) for strength in (0.1, 0.3, 0.6)]
    losses = dict(zip(heads, (0.7, 0.5, 0.6), strict=True))
    results = {one: Choice(one, 1.0, 0.9, loss, np.zeros((1, 2))) for one, loss in losses.items()}
    assert best_choice(results).candidate == heads[1]
    better = replace(results[heads[0]], accuracy=0.91)
    assert best_choice({**results, heads[0]: better}).candidate == heads[0]


@pytest.mark.parametrize(
    ("more", "fewer", "expected"),
    [(0, 0, False), (1, 0, False), (2, 0, True), (3, 1, False), (9, 3, True), (3, 9, False)],
)
def test_surely_better_is_by_more_than_one_standard_error(more: int, fewer: int, expected: bool) -> None:
    hits = np.repeat([True, False, True], [more, fewer, 20])
    others = np.repeat([False, True, True], [more, fewer, 20])
    assert is_surely_better(hits, others) is expected


def test_the_temperature_calibrates() -> None:
    rng = np.random.default_rng(0)
    truth = softmax(rng.normal(size=(4000, 4)))
    labels = np.array([rng.choice(4, p=row) for row in truth])
    temperature, loss = fit_temperature(5 * np.log(truth), labels)
    assert temperature == pytest.approx(5, rel=0.1)
    assert loss == pytest.approx(-np.log(truth[np.arange(4000), labels]).mean(), rel=0.01)


def test_few_clips_that_are_all_right_are_not_certain() -> None:
    scores = 100 * np.eye(4)
    temperature, _ = fit_temperature(scores, np.arange(4))
    assert softmax(scores, temperature).max() == pytest.approx(5 / 6, abs=0.02)


@pytest.mark.parametrize(("counts", "expected"), [((300, 100, 7, 2), (30, 10, 5, 2)), ((50, 50), (20, 20))])
def test_every_class_has_its_share_of_the_clips_that_are_drawn(
    counts: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    drawn = draw_clips(labels, 40)
    assert tuple(np.bincount(labels[drawn])) == expected
    assert (np.diff(drawn) > 0).all()
    assert not np.array_equal(drawn, draw_clips(labels, 40, seed=1))


def test_heads_of_few_clips_are_compared_on_all_of_them() -> None:
    features, labels = clusters(60)
    groups = np.arange(60)
    folds, steps = make_folds(labels, groups, 3), []
    best = choose_heads(features, labels, groups, 3, folds, CANDIDATES, lambda: steps.append(1))
    every = cross_validate(features, labels, 3, folds, [one for group in CANDIDATES.values() for one in group])
    for name, group in CANDIDATES.items():
        expected = best_choice({one: every[one] for one in group})
        assert best[name].candidate == expected.candidate
        np.testing.assert_array_equal(best[name].scores, expected.scores)
    assert len(steps) == num_choice_steps(60, 3) == 3


def test_heads_of_many_clips_are_compared_on_some_and_measured_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skeletonmae.inference.head_choice.MAX_COMPARED", 30)
    features, labels = clusters(120)
    groups = np.arange(120) // 2
    folds, steps = make_folds(labels, groups, 4), []
    best = choose_heads(features, labels, groups, 3, folds, CANDIDATES, lambda: steps.append(1))
    assert len(steps) == num_choice_steps(120, 4) == 8
    drawn = draw_clips(labels, 30)
    compared = cross_validate(
        {name: values[drawn] for name, values in features.items()},
        labels[drawn],
        3,
        make_folds(labels[drawn], groups[drawn], 4),
        CANDIDATES["encoder"],
    )
    chosen = best["encoder"]
    assert chosen.candidate == best_choice(compared).candidate
    measured = cross_validate(features, labels, 3, folds, [chosen.candidate])[chosen.candidate]
    np.testing.assert_array_equal(chosen.scores, measured.scores)
    assert (chosen.accuracy, chosen.temperature) == (measured.accuracy, measured.temperature)
    assert len(chosen.scores) == 120


def test_many_clips_may_be_measured_in_one_fold_and_by_known_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skeletonmae.inference.head_choice.MAX_COMPARED", 30)
    features, labels = clusters(120)
    groups = np.arange(120)
    folds = make_folds(labels, groups, 4)
    known = {(one, 0): 7.0 * np.eye(3)[labels[folds[0][1]]] for one in CANDIDATES["coordinates"]}
    best = choose_heads(features, labels, groups, 3, folds, CANDIDATES, lambda: None, max_folds=1, known=known)
    assert best["coordinates"].accuracy == 1  # of noise: it was not measured again
    assert not best["encoder"].scores[folds[1][1]].any()
    assert best["encoder"].scores[folds[0][1]].any()
