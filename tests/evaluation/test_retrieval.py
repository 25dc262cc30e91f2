from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.evaluation import KNN
from skeletonmae.evaluation.retrieval import Retrieval, chance_precision, rank_gallery


def angles(*degrees: float) -> np.ndarray:
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)


def test_precision_worked_out_by_hand() -> None:
    gallery = torch.from_numpy(angles(10, 20, 30, 40)).float()
    queries = torch.from_numpy(angles(0, 50)).float()
    labels = torch.tensor([0, 1, 0, 1])
    precision, best = rank_gallery(queries, torch.tensor([0, 0]), gallery, labels, num_classes=3)
    # From 0 degrees the gallery is a b a b, from 50 degrees b a b a.
    assert precision.tolist() == pytest.approx([(1 / 1 + 2 / 3) / 2, (1 / 2 + 2 / 4) / 2])
    cosines = np.cos(np.radians([[10, 20], [20, 10]]))
    np.testing.assert_allclose(best[:, :2], cosines, rtol=1e-6)
    assert best[:, 2].tolist() == [-2, -2]


def test_chunks_do_not_change_the_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, gallery = torch.randn(23, 5), torch.randn(40, 5)
    labels = torch.arange(40) % 4
    whole = rank_gallery(queries, torch.arange(23) % 4, gallery, labels, 4)
    monkeypatch.setattr("skeletonmae.evaluation.retrieval.SIMILARITIES_AT_ONCE", 85)
    parts = rank_gallery(queries, torch.arange(23) % 4, gallery, labels, 4)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("num_relevant", "num_gallery"), [(1, 1), (1, 4), (2, 5), (3, 6), (4, 4)])
def test_the_chance_level_is_the_mean_over_all_orders(num_relevant: int, num_gallery: int) -> None:
    precisions = []
    for relevant in itertools.combinations(range(1, num_gallery + 1), num_relevant):
        precisions.append(np.mean([(hit + 1) / place for hit, place in enumerate(relevant)]))
    found = chance_precision(torch.tensor([num_relevant]), num_gallery)
    assert float(found) == pytest.approx(float(np.mean(precisions)), rel=1e-6)


def test_a_result_has_precision_and_chance(make_task: Any) -> None:
    rng = np.random.default_rng(0)
    labels, test_labels = [0] * 10 + [1] * 20, [0, 1, 0, 1]
    train, test = (np.eye(2)[each] * 5 + rng.normal(size=(len(each), 2)) for each in (labels, test_labels))
    task = make_task(train, labels, test, test_labels)
    (result,) = Retrieval().run(task)
    (nearest,) = KNN(k=(1,)).run(task)
    assert result.confusion_matrix == nearest.confusion_matrix
    assert 0.9 < result.metrics["map"] <= 1
    chance = chance_precision(torch.tensor([10, 20, 10, 20]), 30).mean()
    assert result.metrics["map_chance"] == pytest.approx(float(chance))
    assert result.metrics["top1_chance"] == pytest.approx(0.5)
    assert result.metrics["num_queries_without_class"] == 0
    assert task.clip_scores[result.key].kind == "similarities"


def test_queries_whose_class_is_not_in_the_gallery_are_counted_apart(make_task: Any) -> None:
    task = make_task(np.eye(3)[[0, 1]], "ab", np.eye(3), "abc", classes="abc")
    (result,) = Retrieval().run(task)
    assert result.metrics["num_queries_without_class"] == 1
    assert result.metrics["map"] == pytest.approx(1.0)
    assert result.top1 == pytest.approx(2 / 3)


def test_random_features_are_at_chance(make_task: Any) -> None:
    rng = np.random.default_rng(1)
    labels, test_labels = np.arange(90) % 3, np.arange(300) % 3
    task = make_task(rng.normal(size=(90, 8)), labels, rng.normal(size=(300, 8)), test_labels)
    (result,) = Retrieval().run(task)
    assert result.metrics["map"] == pytest.approx(result.metrics["map_chance"], abs=0.01)
