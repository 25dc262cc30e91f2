from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.evaluation import Result, describe_reliability, wilson_interval
from skeletonmae.evaluation.reliability import grouped_interval
from skeletonmae.evaluation.result import accuracy_metrics


@pytest.mark.parametrize(
    ("num_correct", "num_clips", "low", "high"),
    [  # as scipy.stats.binomtest(...).proportion_ci(method="wilson") computes them
        (4, 4, 0.510109, 1.0),
        (0, 10, 0.0, 0.277533),
        (5, 10, 0.236593, 0.763407),
        (81, 100, 0.722212, 0.874852),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval(num_correct: int, num_clips: int, low: float, high: float) -> None:
    assert wilson_interval(num_correct, num_clips) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("num_clips", range(1, 60))
def test_the_interval_contains_the_accuracy(num_clips: int) -> None:
    for num_correct in range(num_clips + 1):
        low, high = wilson_interval(num_correct, num_clips)
        assert 0 <= low <= num_correct / num_clips <= high <= 1
        assert wilson_interval(num_clips - num_correct, num_clips) == pytest.approx((1 - high, 1 - low))


def test_an_interval_is_wider_if_groups_differ() -> None:
    hits = np.arange(100) < 50
    mixed = grouped_interval(hits, np.arange(100) % 10)
    apart = grouped_interval(hits, np.arange(100) // 10)
    assert apart[1] - apart[0] > 2 * (mixed[1] - mixed[0])
    alone = grouped_interval(hits, np.arange(100))
    assert alone == pytest.approx(wilson_interval(50, 100), abs=0.003)
    few = grouped_interval(hits, np.arange(100) % 2)
    assert few[1] - few[0] > 2 * (alone[1] - alone[0])  # two groups that agree say little of others
    assert grouped_interval(np.zeros(0, bool), np.zeros(0, int)) == (0.0, 1.0)
    assert 0 < grouped_interval(np.ones(9, bool), np.zeros(9, int))[0] < 0.5


@pytest.mark.parametrize("num_groups", [2, 3, 5, 8, 20])
@pytest.mark.parametrize("deviation", [0.01, 0.1, 0.2])
def test_the_interval_of_few_groups_covers_new_ones(num_groups: int, deviation: float) -> None:
    rng = np.random.default_rng(0)
    mean = 0.75
    total = mean * (1 - mean) / deviation**2 - 1
    groups = np.repeat(np.arange(num_groups), 40)
    num_covered = 0
    for _ in range(200):
        shares = rng.beta(mean * total, (1 - mean) * total, num_groups)
        low, high = grouped_interval(rng.random(len(groups)) < shares[groups], groups)
        num_covered += low <= mean <= high
    assert num_covered / 200 >= 0.9  # without the prior and Student's quantile, down to 0.75


def test_copies_count_once() -> None:
    """Twenty clips with four copies each are worth twenty clips."""
    rng = np.random.default_rng(0)
    groups, num_covered = np.repeat(np.arange(20), 5), 0
    for _ in range(200):
        low, high = grouped_interval((rng.random(20) < 0.75)[groups], groups)
        num_covered += low <= 0.75 <= high
    assert num_covered / 200 >= 0.9  # if each copy counted, 0.54


def result(labels: list[int], num_correct: int, num_classes: int = 3) -> Result:
    """The first clips are classified correctly, the others as the next class."""
    predicted = [label if i < num_correct else (label + 1) % num_classes for i, label in enumerate(labels)]
    scores = torch.nn.functional.one_hot(torch.tensor(predicted), num_classes).float()
    metrics: dict[str, Any] = accuracy_metrics(scores, torch.tensor(labels), ("a", "b", "c")[:num_classes])
    return Result(protocol="knn", pretrained=True, num_train=9, seconds=0.0, **metrics)


def test_a_result_has_its_interval() -> None:
    made = result([0, 1, 2, 0], num_correct=3)
    assert made.top1_interval == wilson_interval(3, 4)
    assert made.top5_interval == wilson_interval(4, 4)


def test_few_test_clips_prove_nothing() -> None:
    text = describe_reliability([result([0, 1, 2, 0], num_correct=4), result([0, 1, 2, 0], num_correct=2)])
    assert text == (
        "These accuracies prove nothing, because there are only 4 test clips: "
        "their 95 % intervals are up to 70 points wide."
    )
    assert "there is a single test clip" in describe_reliability([result([1], num_correct=1)])


def test_a_wide_interval_is_a_rough_estimate() -> None:
    text = describe_reliability([result([0, 1] * 15, num_correct=15)])
    assert text.startswith("These accuracies are rough estimates from only 30 test clips")


def test_enough_clips_need_no_words() -> None:
    assert describe_reliability([result([0, 1] * 15, num_correct=30)]) == ""
    assert describe_reliability([result([0, 1] * 50, num_correct=50)]) == ""
    assert describe_reliability([]) == ""


def test_a_test_side_of_one_class_is_said() -> None:
    text = describe_reliability([result([1] * 50, num_correct=50)])
    assert text.startswith("All test clips have the class 'b', so the accuracies do not tell")
