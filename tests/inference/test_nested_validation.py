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
    grouping = Grouping("subject", tuple(map(str, groups.tolist())), groups, ())
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
    grouping = Grouping("subject", tuple(map(str, groups.tolist())), groups, ())
    folds, steps = make_folds(labels, groups, 5), []
    result = validate_choice(data, grouping, folds, 4, CANDIDATES, list(CANDIDATES), lambda: steps.append(1))
    assert sorted(clip.index for clip in result.tested) == list(range(60))
    assert result.accuracies()[CHOSEN] > 0.8
    assert len(steps) == 5 * (num_choice_steps(48, 4, MAX_INNER_FOLDS) + 1) == 5 * (4 + 1 + 1)
    for (candidate, number), scores in result.scores.items():
        fit, test = folds[number]
        (head,) = fit_heads(features[candidate.features][fit], labels[fit], 3, [candidate])
        np.testing.assert_array_equal(scores, head.scores(features[candidate.features][test]))
