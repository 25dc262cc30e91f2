from __future__ import annotations

import numpy as np
import pytest
import torch

from skeletonmae.evaluation import Result
from skeletonmae.evaluation.result import accuracy_metrics

CLASSES = ("a", "b", "c", "d", "e", "f", "g")


def test_accuracies_worked_out_by_hand() -> None:
    # Clip 0 right; 1 fifth best; 2 sixth best; 3 right; 4 last. Class g has no clip; b is never right.
    scores = torch.tensor(
        [
            [9.0, 1, 2, 3, 4, 5, 6],
            [5.0, 1, 4, 2, 3, 0, -1],
            [6.0, 5, 4, 3, 2, 1, 0],
            [0.0, 0, 0, 5, 0, 0, 1],
            [0.0, 6, 5, 4, 3, 2, 1],
        ]
    )
    labels = torch.tensor([0, 1, 5, 3, 0])
    result = accuracy_metrics(scores, labels, CLASSES)
    assert result["top1"] == pytest.approx(2 / 5)
    assert result["top5"] == pytest.approx(3 / 5)
    assert result["per_class_accuracy"] == (0.5, 0.0, None, 1.0, None, 0.0, None)
    confusion = np.zeros((7, 7), int)
    for true, predicted in ((0, 0), (1, 0), (5, 0), (3, 3), (0, 1)):
        confusion[true, predicted] += 1
    assert result["confusion_matrix"] == tuple(map(tuple, confusion.tolist()))
    assert result["mean_class_accuracy"] == pytest.approx((0.5 + 0 + 1 + 0) / 4)
    # Of a: 1 of 2 found, 1 of 3 assigned is right. b is assigned to one clip of another class.
    assert result["macro_f1"] == pytest.approx((2 / 5 + 0 + 1 + 0) / 4)
    assert result["num_test"] == 5
    assert result["classes"] == CLASSES


def test_top5_of_few_classes_is_always_1() -> None:
    result = accuracy_metrics(torch.eye(3), torch.tensor([1, 2, 0]), ("a", "b", "c"))
    assert (result["top1"], result["top5"]) == (0.0, 1.0)


def test_a_result_survives_json_and_has_a_name() -> None:
    made = Result(
        protocol="knn", setting="k=1", pretrained=True, num_train=4, seconds=0.1,
        **accuracy_metrics(torch.eye(3), torch.tensor([0, 0, 2]), ("a", "b", "ü")),
    )  # fmt: skip
    assert made.name == "knn k=1"
    assert Result.model_validate_json(made.model_dump_json()) == made
    assert made.per_class_accuracy == (0.5, None, 1.0)
    assert made.model_copy(update={"setting": ""}).name == "knn"
