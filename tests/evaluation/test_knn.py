from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.evaluation import KNN
from skeletonmae.evaluation.knn import knn_scores


def by_loops(train: np.ndarray, labels: np.ndarray, test: np.ndarray, k: int) -> list[int]:
    """Sort by cosine, count, and break ties in favor of the class with the nearer neighbors."""
    mean, predicted = train.mean(0), []
    for query in test - mean:
        cosine = [float(query @ t / np.linalg.norm(query) / np.linalg.norm(t)) for t in train - mean]
        nearest = sorted(range(len(train)), key=lambda i: -cosine[i])[:k]
        votes = Counter(labels[i] for i in nearest)
        nearness = {c: sum(cosine[i] for i in nearest if labels[i] == c) for c in votes}
        predicted.append(max(votes, key=lambda c: (votes[c], nearness[c])))
    return predicted


@pytest.mark.parametrize("k", [1, 2, 3, 5, 20, 60])
def test_it_equals_a_plain_loop(k: int) -> None:
    rng = np.random.default_rng(k)
    train, test, labels = rng.normal(size=(60, 7)), rng.normal(size=(40, 7)), rng.integers(0, 4, 60)
    scores = knn_scores(
        torch.from_numpy(train).float(), torch.from_numpy(labels), torch.from_numpy(test).float(), k, 4
    )
    assert scores.argmax(1).tolist() == by_loops(train, labels, test, k)


def at(*degrees: float) -> torch.Tensor:
    angle = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def test_ties_go_to_the_nearer_class() -> None:
    train, labels = at(0, 90, 180, 270), torch.tensor([0, 1, 2, 3])  # their mean is 0
    assert knn_scores(train, labels, at(30, 60, 100), 2, 4).argmax(1).tolist() == [0, 1, 1]


def test_many_distant_neighbors_outvote_a_near_one() -> None:
    train = at(0, 50, 60, 180, 230, 240)
    labels = torch.tensor([0, 1, 1, 2, 2, 2])
    scores = knn_scores(train, labels, at(1.0), 3, 3)
    assert scores.argmax(1).tolist() == [1]
    assert scores[0, 2] == 0


def test_more_neighbors_than_training_clips() -> None:
    train, labels = at(0, 90, 180, 270), torch.tensor([0, 1, 1, 2])
    scores = knn_scores(train, labels, at(0), 50, 3)
    assert scores.argmax(1).tolist() == [1]
    assert torch.isfinite(scores).all()


def test_equal_features_give_finite_scores() -> None:
    same = torch.ones(5, 3)
    assert torch.isfinite(knn_scores(same, torch.tensor([0, 0, 1, 1, 1]), same[:2], 3, 2)).all()


def test_the_protocol(make_task: Any) -> None:
    rng = np.random.default_rng(0)
    labels, test_labels = rng.integers(0, 3, 60), rng.integers(0, 3, 30)
    centers = np.eye(3) * 9
    train, test = centers[labels] + rng.normal(size=(60, 3)), centers[test_labels] + rng.normal(size=(30, 3))
    task = make_task(train, labels, test, test_labels, classes=("0", "1", "2"))
    results = KNN(k=(1, 5)).run(task)
    assert [result.name for result in results] == ["knn k=1", "knn k=5"]
    assert [result.top1 for result in results] == [1.0, 1.0]
    assert {(result.num_train, result.num_test) for result in results} == {(60, 30)}
    assert KNN(k=(1,), pooling="joints").run(task)[0].name == "knn k=1 joints"
    shuffled = make_task(train, rng.permutation(labels), test, test_labels, classes=("0", "1", "2"))
    assert KNN(k=(1,)).run(shuffled)[0].top1 < 0.7
