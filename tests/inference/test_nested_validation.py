from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from skeletonmae.inference.fit_data import FitData
from skeletonmae.inference.folds import Grouping, make_folds
from skeletonmae.inference.head_choice import num_choice_steps
from skeletonmae.inference.head_fitting import Candidate, fit_heads
from skeletonmae.inference.nested_validation import CHOSEN, MAX_INNER_FOLDS, validate_choice

CANDIDATES = {
    "encoder": [
        Candidate("encoder", "prototypes", 0.0),
        Candidate("encoder", "neighbors", 5.0),
        Candidate("encoder", "logistic", 0.1),
        Candidate("encoder", "discriminant", 0.3),
    ],
    "coordinates": [Candidate("coordinates", "ridge", 10.0)],
}
COUNTS = [
    counts
    for num_classes in (2, 3)
    for counts in itertools.combinations_with_replacement((1, 2, 3, 5), num_classes)
    if max(counts) > 1
]


@pytest.mark.parametrize("first_alone", [False, True])
@pytest.mark.parametrize("counts", COUNTS, ids=str)
def test_few_clips_of_a_class_are_enough(make_recording: Any, counts: tuple[int, ...], first_alone: bool) -> None:
    """Folds may be left with one class, or with one clip."""
    labels = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(0)
    features = {name: rng.normal(size=(len(labels), 6)) + labels[:, None] for name in CANDIDATES}
    recordings = [make_recording(index) for index in range(len(labels))]
    classes = tuple("abc"[: len(counts)])
    data = FitData(recordings, classes, labels, features, {}, [], ())
    groups = np.minimum(np.arange(len(labels)), 1) if first_alone else np.arange(len(labels))
    grouping = Grouping("subject", tuple(map(str, groups.tolist())), groups, np.arange(len(labels)), ())
    folds = make_folds(labels, groups, 5)
    result = validate_choice(data, grouping, folds, 4, CANDIDATES, list(CANDIDATES), lambda: None)
    assert folds
    assert sorted(clip.index for clip in result.tested) == list(range(len(labels)))
    assert all(0 < clip.probability <= 1 for clip in result.tested)
    assert 0 <= result.accuracies()[CHOSEN] <= 1


def test_every_clip_of_a_large_set_is_tested_once(make_recording: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skeletonmae.inference.head_choice.MAX_COMPARED", 20)
    labels = np.arange(60) % 3
    rng = np.random.default_rng(0)
    features = {name: rng.normal(size=(60, 6)) + 3 * labels[:, None] for name in CANDIDATES}
    data = FitData([make_recording(0)] * 60, ("a", "b", "c"), labels, features, {}, [], ())
    groups = np.arange(60) // 3
    grouping = Grouping("subject", tuple(map(str, groups.tolist())), groups, np.arange(len(labels)), ())
    folds, steps = make_folds(labels, groups, 5), []
    result = validate_choice(data, grouping, folds, 4, CANDIDATES, list(CANDIDATES), lambda: steps.append(1))
    assert sorted(clip.index for clip in result.tested) == list(range(60))
    assert result.accuracies()[CHOSEN] > 0.8
    assert len(steps) == 5 * (num_choice_steps(48, 4, MAX_INNER_FOLDS) + 1) == 5 * (4 + 1 + 1)
    for (candidate, number), scores in result.scores.items():
        fit, test = folds[number]
        (head,) = fit_heads(features[candidate.features][fit], labels[fit], 3, [candidate])
        np.testing.assert_array_equal(scores, head.scores(features[candidate.features][test]))


NEAREST = {"encoder": [Candidate("encoder", "neighbors", 1.0)]}


def validate_nearest(make_recording: Any, features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Any:
    recordings, names = [make_recording(0)] * len(labels), tuple(map(str, groups.tolist()))
    data = FitData(recordings, ("a", "b", "c"), labels, {"encoder": features}, {}, [], ())
    grouping = Grouping("subject", names, groups, np.arange(len(labels)), ())
    folds = make_folds(labels, groups, 5)
    return validate_choice(data, grouping, folds, 4, NEAREST, list(NEAREST), lambda: None)


@pytest.mark.parametrize("max_compared", [2000, 40], ids=["small", "large"])
def test_no_clip_is_tested_by_a_head_that_has_seen_it(
    make_recording: Any, monkeypatch: pytest.MonkeyPatch, max_compared: int
) -> None:
    """The nearest neighbor of a clip of noise tells its class only if it is the clip itself."""
    monkeypatch.setattr("skeletonmae.inference.head_choice.MAX_COMPARED", max_compared)
    labels = np.arange(90) % 3
    features = np.random.default_rng(0).normal(size=(90, 6))
    result = validate_nearest(make_recording, features, labels, np.arange(90) // 3)
    assert result.accuracies()[CHOSEN] < 0.5


@pytest.mark.parametrize("max_compared", [2000, 40], ids=["small", "large"])
def test_no_clip_is_tested_by_a_head_that_has_seen_its_subject(
    make_recording: Any, monkeypatch: pytest.MonkeyPatch, max_compared: int
) -> None:
    """The clips of a subject are alike, and of one class, which others of the subject therefore tell.

    Neither may heads be chosen so: they would be taken to be sure.
    """
    monkeypatch.setattr("skeletonmae.inference.head_choice.MAX_COMPARED", max_compared)
    rng, groups = np.random.default_rng(0), np.arange(90) // 3
    labels = groups % 3
    features = rng.normal(size=(30, 6))[groups] + 0.01 * rng.normal(size=(90, 6))
    result = validate_nearest(make_recording, features, labels, groups)
    assert result.accuracies()[CHOSEN] < 0.5
    assert np.mean([clip.probability for clip in result.tested]) < 0.6


def two_subjects(make_recording: Any, labels: np.ndarray, features: np.ndarray) -> tuple[FitData, Grouping]:
    """Clips of which every second one shows the other subject."""
    subjects = np.arange(len(labels)) // 2 % 2
    data = FitData([make_recording(0)] * len(labels), ("a", "b"), labels, {"encoder": features}, {}, [], ())
    return data, Grouping("subject", tuple(map(str, subjects.tolist())), subjects, np.arange(len(labels)), ())


def test_with_two_subjects_the_head_is_chosen_on_clips_of_one(make_recording: Any) -> None:
    labels = np.arange(40) % 2
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 30))
    features[:, 0] += 4 * labels
    data, grouping = two_subjects(make_recording, labels, features)
    folds = make_folds(labels, grouping.groups, 5)
    candidates = {"encoder": [Candidate("encoder", "ridge", 1e7), Candidate("encoder", "neighbors", 1.0),
                              Candidate("encoder", "discriminant", 0.3)]}  # fmt: skip
    result = validate_choice(data, grouping, folds, 4, candidates, ["encoder"], lambda: None)
    assert len(folds) == 2
    assert result.is_chosen_on_one_group
    assert set(result.kinds) == {"discriminant, shrinkage=0.3"}  # without inner folds, the first was taken
    assert any(choice.probability < 1 for choice in result.tested)


def test_random_labels_are_recognized_by_chance(make_recording: Any) -> None:
    accuracies = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        data, grouping = two_subjects(
            make_recording, rng.permutation(np.arange(40) % 2), rng.normal(size=(40, 30))
        )
        grouping = Grouping(None, ("",) * 40, np.arange(40), np.arange(40), ())
        folds = make_folds(data.labels, grouping.groups, 4)
        candidates = {"encoder": [Candidate("encoder", "ridge", 10.0), Candidate("encoder", "neighbors", 1.0)]}
        result = validate_choice(data, grouping, folds, 3, candidates, ["encoder"], lambda: None)
        accuracies.append(result.accuracies()[CHOSEN])
        leaky = [(np.arange(40), test) for _, test in folds]
        leak = validate_choice(data, grouping, leaky, 3, candidates, ["encoder"], lambda: None)
        assert leak.accuracies()[CHOSEN] > 0.8
    assert 0.38 < np.mean(accuracies) < 0.62
