from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skeletonmae.inference.head_choice import best_choice, cross_validate, fit_temperature
from skeletonmae.inference.head_fitting import (
    Candidate,
    Method,
    coordinate_candidates,
    encoder_candidates,
    fit_heads,
    principal_axes,
)
from skeletonmae.predictions.heads import softmax

STRENGTH = {"logistic": 0.1, "discriminant": 0.3, "prototypes": 0.0, "neighbors": 3.0, "ridge": 10.0}


def clusters(num_clips: int = 60, num_features: int = 30, spread: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(num_clips) % 3
    centers = rng.normal(size=(3, num_features))
    return (centers[labels] + spread * rng.normal(size=(num_clips, num_features))) * rng.uniform(1, 9), labels


@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_separates_clusters_it_has_not_seen(method: Method) -> None:
    features, labels = clusters()
    (head,) = fit_heads(features[:30], labels[:30], 3, [Candidate("x", method, STRENGTH[method])])
    scores = head.scores(features[30:])
    assert (scores.argmax(1) == labels[30:]).mean() > 0.95
    assert {array.dtype.kind for array in head.arrays().values()} <= {"f", "i"}


@pytest.mark.parametrize("method", get_args(Method))
def test_a_class_without_clips_is_never_predicted(method: Method) -> None:
    features, labels = clusters()
    (head,) = fit_heads(features, np.where(labels == 2, 3, labels), 5, [Candidate("x", method, STRENGTH[method])])
    predicted = head.scores(features).argmax(1)
    assert set(predicted.tolist()) == {0, 1, 3}


def test_discriminant_analysis_is_that_of_scikit_learn() -> None:
    features, labels = clusters(200, 10)
    candidate = Candidate("x", "discriminant", 1e-9)
    (head,) = fit_heads(features, labels, 3, [candidate])
    model = LinearDiscriminantAnalysis(priors=np.full(3, 1 / 3)).fit(features, labels)
    np.testing.assert_allclose(softmax(head.scores(features)), model.predict_proba(features), atol=1e-2)


@pytest.mark.parametrize("num_features", [8, 60])
def test_ridge_is_the_solution_of_the_normal_equations(num_features: int) -> None:
    features, labels = clusters(40, num_features)
    (head,) = fit_heads(features, labels, 3, [Candidate("x", "ridge", 7.0)])
    rows = (features - features.mean(0)) / features.std(0)
    targets = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    weight = np.linalg.solve(rows.T @ rows + 7 * np.eye(num_features), rows.T @ (targets - targets.mean(0)))
    np.testing.assert_allclose(head.scores(features), rows @ weight + targets.mean(0), atol=1e-8)


@pytest.mark.parametrize("shape", [(10, 30), (30, 10)])
def test_principal_axes_keep_all_products(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(0).normal(size=shape)
    components, axes = principal_axes(rows)
    np.testing.assert_allclose(components @ components.T, rows @ rows.T, atol=1e-9)
    np.testing.assert_allclose(rows @ axes, components, atol=1e-9)
    assert principal_axes(rows, 4)[0].shape[1] == 4
    assert components.var(0)[0] == max(components.var(0))


@pytest.mark.parametrize("num_clips", [1, 4])
@pytest.mark.parametrize("method", get_args(Method))
def test_clips_that_do_not_differ_get_finite_scores(method: Method, num_clips: int) -> None:
    features, labels = np.ones((num_clips, 30)), np.arange(num_clips) % 2
    (head,) = fit_heads(features, labels, 2, [Candidate("x", method, STRENGTH[method])])
    assert np.isfinite(head.scores(features)).all()
    components, axes = principal_axes(features - 1)
    assert components.shape == (num_clips, 1)
    assert not axes.any()


def test_the_best_head_is_chosen_on_clips_it_has_not_seen() -> None:
    rng = np.random.default_rng(0)
    features, labels = clusters(90)
    noise = rng.normal(size=features.shape)
    folds = [(np.setdiff1d(np.arange(90), test), test) for test in np.array_split(rng.permutation(90), 3)]
    candidates = [*coordinate_candidates("noise"), *encoder_candidates("good")]
    results = cross_validate({"noise": noise, "good": features}, labels, 3, folds, candidates)
    assert list(results) == candidates
    chosen = best_choice(results)
    assert chosen.candidate.features == "good"
    assert chosen.accuracy == (chosen.scores.argmax(1) == labels).mean()
    assert max(results[one].accuracy for one in coordinate_candidates("noise")) < 0.6
    nothing = cross_validate({"good": features}, labels, 3, [], encoder_candidates("good"))
    assert {one.accuracy for one in nothing.values()} == {0.0}


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
