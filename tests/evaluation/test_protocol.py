from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.errors import InputError
from skeletonmae.evaluation import Result
from skeletonmae.evaluation.protocol import accuracy_metrics, predict_logits

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


def test_logits_have_the_order_of_the_index(make_task: Any) -> None:
    task = make_task(np.eye(4), "abcd", np.eye(4) * 2, "abcd")

    class Echo(torch.nn.Module):
        def forward(self, batch: Any) -> torch.Tensor:
            return batch.positions[:, 0, 0].flatten(1)[:, :4]

    found = predict_logits(Echo(), task, np.array([6, 1, 4]), batch_size=2)
    torch.testing.assert_close(found, torch.tensor([[0.0, 0, 2, 0], [0, 1, 0, 0], [2, 0, 0, 0]]))


def test_the_validation_part_is_split_off_the_training_side(make_task: Any) -> None:
    task = make_task(np.eye(20), "ab" * 10, np.eye(4), "abab")
    fit, val = task.train_val_split(task.split.train, seed=0)
    assert not set(fit) & set(val)
    assert sorted([*fit, *val]) == task.split.train.tolist()
    assert {task.labels[i] for i in val} == {0, 1}
    assert task.train_val_split(task.split.train, seed=1)[1].tolist() != val.tolist()


def test_the_validation_part_keeps_groups_together(tiny_store: Path, make_task: Any) -> None:
    from skeletonmae.sequences import SequenceStore

    store = SequenceStore.open(tiny_store)
    train = np.flatnonzero(store.tag("camera") != "3")
    task = make_task(np.eye(2), "ab", np.eye(2), "ab", store=store, validation_group="subject")
    fit, val = task.train_val_split(train, seed=0)
    subject = store.tag("subject")
    assert len(val) > 0
    assert not set(subject[fit]) & set(subject[val])
    one = train[subject[train] == subject[train[0]]]
    assert len(one) == 1 or len(task.train_val_split(np.repeat(one, 2), seed=0)[1])  # one person: divided by class


def test_an_unknown_tag_is_refused(tiny_store: Path, make_task: Any) -> None:
    from skeletonmae.sequences import SequenceStore

    task = make_task(
        np.eye(2), "ab", np.eye(2), "ab", store=SequenceStore.open(tiny_store), validation_group="subjekt"
    )
    with pytest.raises(
        InputError, match=r"data\.validation_group: the store has no such tag; expected .*subject.*subjekt"
    ):
        task.train_val_split(np.arange(4), seed=0)
