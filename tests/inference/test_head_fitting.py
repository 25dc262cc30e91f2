from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skeletonmae.inference.head_fitting import (
    Candidate,
    Method,
    coordinate_candidates,
    fit_heads,
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


def test_one_strength_gives_the_head_that_it_has_among_several() -> None:
    features, labels = clusters(40, 60)
    candidates = [one for one in coordinate_candidates("x") if one.scaling == "all"]
    among = fit_heads(features, labels, 3, candidates)
    for candidate, head in zip(candidates, among, strict=True):
        (alone,) = fit_heads(features, labels, 3, [candidate])
        np.testing.assert_allclose(alone.scores(features), head.scores(features), atol=1e-9)


@pytest.mark.parametrize("shape", [(80, 30), (40, 60)])
@pytest.mark.parametrize("method", ["logistic", "discriminant"])
def test_heads_of_many_clips_are_fitted_without_principal_axes(
    method: Method, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = clusters(*shape)
    features[:, 3] = 5.0  # never varies
    candidate = Candidate("x", method, STRENGTH[method])
    (rotated,) = fit_heads(features, labels, 3, [candidate])
    monkeypatch.setattr("skeletonmae.evaluation.components.MAX_ROTATED", 20)
    (direct,) = fit_heads(features, labels, 3, [candidate])
    accuracy = 1e-9 if method == "discriminant" else 0.02  # logistic regression stops a little before its end
    np.testing.assert_allclose(softmax(direct.scores(features)), softmax(rotated.scores(features)), atol=accuracy)


@pytest.mark.parametrize("num_clips", [1, 4])
@pytest.mark.parametrize("method", get_args(Method))
def test_clips_that_do_not_differ_get_finite_scores(method: Method, num_clips: int) -> None:
    features, labels = np.ones((num_clips, 30)), np.arange(num_clips) % 2
    (head,) = fit_heads(features, labels, 2, [Candidate("x", method, STRENGTH[method])])
    assert np.isfinite(head.scores(features)).all()
