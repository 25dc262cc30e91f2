"""Probes of frozen features: solutions, draws, and what their settings are chosen on."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("encoder_probes")


@pytest.fixture
def task(probes: Any) -> Any:
    """Four subjects, three classes that one feature shows; the last two subjects are the test side."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1, 2], 40)
    features = rng.normal(size=(120, 6))
    features[:, 0] += 6 * labels
    features[:, 5] = 1.5  # a constant feature has no weight
    groups = np.repeat(["a", "b", "c", "d"], 30)
    return probes.Task(features, labels, groups, np.arange(60), np.arange(60, 120), 3)


def test_what_is_clear_is_classified(probes: Any, task: Any) -> None:
    for fit, least in ((probes.logistic, 0.95), (probes.ridge_each, 0.75), (probes.ridge_all, 0.75)):
        assert probes.full(task, fit).mean() > least
    one_hot = np.eye(3)[task.labels] + 0.1 * task.features[:, 1:4]
    assert probes.nearest(task._replace(features=one_hot)).mean() > 0.95
    one, ten = (np.mean(probes.few_shot(task, probes.logistic, shots, 3)) for shots in (1, 10))
    assert 0.35 < one <= ten


def test_labels_of_the_test_side_do_not_change_a_choice(probes: Any, task: Any) -> None:
    labels = task.labels.copy()
    labels[task.test] = (labels[task.test] + 1) % 3
    features = task.features.copy()
    features[task.test] *= -3
    other = task._replace(labels=labels, features=features)
    for fit in (probes.logistic, probes.ridge_each):
        assert probes.choose_by_folds(task, fit) == probes.choose_by_folds(other, fit)
        assert probes.choose_by_draws(task, fit, 5) == probes.choose_by_draws(other, fit, 5)


@pytest.mark.parametrize("groups", ["known", "unknown"])
def test_classifiers_are_fitted_to_the_training_side_alone(probes: Any, task: Any, groups: str) -> None:
    """Each recording has its index as its feature, so that a fit says which recordings it got."""
    task = task._replace(features=np.arange(120.0)[:, None])
    if groups == "unknown":
        task = task._replace(groups=np.full(120, ""))
    fitted: list[set[int]] = []

    def fit(features: Any, labels: Any, num_classes: int, settings: Any = range(2)) -> Any:
        rows = features[:, 0].astype(int)
        np.testing.assert_array_equal(labels, task.labels[rows])
        assert len(set(rows)) == len(rows)
        fitted.append(set(rows))
        return [lambda rows: np.zeros(len(rows), int) for _ in settings]

    train = set(task.train.tolist())
    calls = {
        "full": lambda: probes.full(task, fit),
        "few_shot": lambda: probes.few_shot(task, fit, 5, 30),
        "folds": lambda: probes.choose_by_folds(task, fit),
        "draws": lambda: probes.choose_by_draws(task, fit, 5),
    }
    found = {}
    for name, call in calls.items():
        fitted.clear()
        call()
        assert fitted, name
        assert all(rows <= train for rows in fitted), name
        found[name] = list(fitted)
    assert found["full"][-1] == train
    assert all(len(rows) == 15 for rows in found["few_shot"])
    assert all(rows < train for rows in found["folds"] + found["draws"])


def test_the_nearest_clip_is_one_of_the_training_side(probes: Any, task: Any) -> None:
    """Each test clip is close to one training clip, which has another class for 45 of the 60, and closest to itself."""
    rng = np.random.default_rng(0)
    labels, features = task.labels.copy(), rng.normal(size=(120, 6))
    features[task.test] = features[task.train] + 0.01 * rng.normal(size=(60, 6))
    labels[task.test] = labels[task.train]
    labels[task.test[:45]] = (labels[task.test[:45]] + 1) % 3
    assert probes.nearest(task._replace(features=features, labels=labels)).tolist() == [False] * 45 + [True] * 15


def test_the_choice_follows_the_validation(probes: Any, task: Any) -> None:
    scores = {}

    def fit(features: Any, labels: Any, num_classes: int, settings: Any = range(3)) -> Any:
        return [
            lambda rows, right=setting == 1: (rows[:, 0] > 3).astype(int) + right * (rows[:, 0] > 9)
            for setting in settings
        ]

    scores["folds"], scores["draws"] = probes.choose_by_folds(task, fit), probes.choose_by_draws(task, fit, 1)
    assert scores == {"folds": 1, "draws": 1}


def test_folds_keep_groups_together(probes: Any, task: Any) -> None:
    for to_fit, to_validate in probes.folds(task):
        assert not set(task.groups[to_fit]) & set(task.groups[to_validate])
        assert set(to_fit) | set(to_validate) == set(task.train)
    unknown = task._replace(groups=np.full(120, ""))
    assert len(probes.folds(unknown)) == probes.NUM_FOLDS


def test_draws(probes: Any, task: Any) -> None:
    labels = task.labels.copy()
    labels[:60][labels[:60] == 2] = 1
    labels[4] = 2
    chosen = probes.draw_clips(labels, task.train, 5, np.random.default_rng(0))
    assert [(labels[chosen] == label).sum() for label in range(3)] == [5, 5, 1]
    assert set(chosen) <= set(task.train)
    again = probes.draw_clips(labels, task.train, 5, np.random.default_rng(1))
    assert set(again) != set(chosen)


def test_a_half_is_whole_groups_or_half_of_each_class(probes: Any, task: Any) -> None:
    half = probes._half(task, np.random.default_rng(0))
    assert len(set(task.groups[task.train][half])) == 1
    half = probes._half(task._replace(groups=np.full(120, "")), np.random.default_rng(0))
    assert [(task.labels[task.train][half] == label).sum() for label in range(3)] == [10, 10, 10]


def test_a_linear_classifier_is_of_either_kind(probes: Any, task: Any) -> None:
    train = task.features[task.train], task.labels[task.train], 3
    for setting, own in ((2, probes.logistic(*train, [2])), (7, None)):
        (predict,) = probes.linear(*train, [setting])
        if own:
            np.testing.assert_array_equal(predict(task.features), own[0](task.features))
        assert (predict(task.features[task.test]) == task.labels[task.test]).mean() > 0.9
    assert len(probes.linear(*train)) == len(probes.WEIGHT_DECAYS) + len(probes.SHRINKAGES)
    # What varies a lot within classes, and hides a feature that does not, is what discriminant analysis finds.
    rng = np.random.default_rng(1)
    hidden = 40 * rng.normal(size=(120, 1))
    features = np.concatenate([hidden, hidden + task.labels[:, None] + 0.1 * rng.normal(size=(120, 1))], axis=1)
    train = features[task.train], task.labels[task.train], 3
    logistic, discriminant = (probes.linear(*train, [setting])[0] for setting in (5, 6))
    right = [
        (predict(features[task.test]) == task.labels[task.test]).mean() for predict in (logistic, discriminant)
    ]
    assert right[1] > right[0]
