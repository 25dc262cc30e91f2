from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.errors import InputError
from skeletonmae.evaluation.protocol import predict_logits


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
