from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.datasets import TagSplit
from skeletonmae.errors import InputError
from skeletonmae.evaluation import KNN, LinearProbe
from skeletonmae.evaluation.copies import handle_copies
from skeletonmae.evaluation.reliability import wilson_interval
from skeletonmae.recipe import recipe_from
from skeletonmae.sequences import SequenceStore

Make = Callable[..., Any]
LABELS = np.array([0, 1, 2] * 4)
TRAIN = np.eye(3)[LABELS] * 4 + np.random.default_rng(0).normal(size=(12, 3)) * 0.1
# Four test clips are copies of training clips, three of them with their label; of the others, one of three is right.
TEST = np.concatenate([TRAIN[[0, 1, 2, 3]], np.eye(3)[[0, 1, 1]] * 5])
TEST_LABELS = np.array([0, 1, 2, 1, 0, 2, 0])


def test_the_accuracy_without_copies_is_that_of_the_others(make_task: Make) -> None:
    task, copies = handle_copies(make_task(TRAIN, LABELS, TEST, TEST_LABELS, classes=("0", "1", "2")), "keep")
    assert copies.tolist() == [12, 13, 14, 15]
    for protocol in (KNN(k=(1,)), LinearProbe()):
        result = protocol.run(task)[0]
        assert result.top1 == pytest.approx(4 / 7)
        assert result.top1_without_copies == pytest.approx(1 / 3)
        assert result.top1_without_copies_interval == wilson_interval(1, 3)
        assert result.num_test == 7


def test_removed_copies_are_not_on_the_test_side(make_task: Make) -> None:
    task, copies = handle_copies(make_task(TRAIN, LABELS, TEST, TEST_LABELS, classes=("0", "1", "2")), "remove")
    assert copies.tolist() == [12, 13, 14, 15]
    assert task.split.train.tolist() == list(range(12))
    assert task.split.test.tolist() == [16, 17, 18]
    result = KNN(k=(1,)).run(task)[0]
    assert (result.top1, result.num_test) == (pytest.approx(1 / 3), 3)
    assert result.top1_without_copies is None


def test_without_copies_nothing_changes(make_task: Make) -> None:
    task, copies = handle_copies(
        make_task(TRAIN, LABELS, TEST[4:], TEST_LABELS[4:], classes=("0", "1", "2")), "keep"
    )
    assert not len(copies)
    assert KNN(k=(1,)).run(task)[0].top1_without_copies is None


def test_a_test_side_of_copies(make_task: Make) -> None:
    task = make_task(TRAIN, LABELS, TEST[:4], TEST_LABELS[:4], classes=("0", "1", "2"))
    kept, _ = handle_copies(task, "keep")
    assert KNN(k=(1,)).run(kept)[0].top1_without_copies is None
    with pytest.raises(InputError, match=r"data\.test_copies: no test recording is left.*got 4 copies"):
        handle_copies(task, "remove")


@pytest.mark.parametrize("test_copies", ["keep", "remove"])
def test_an_evaluation_lists_the_copies(
    tiny_run: Path, tiny_tree: Any, tiny_store: Path, make_store: Any, alone: Any, tmp_path: Path, test_copies: str
) -> None:
    store = SequenceStore.open(tiny_store)
    recordings = [store[index] for index in range(len(store))]
    rule = TagSplit(tag="camera", train=("1", "2"), test=("3",))
    train, test = rule(store)
    copied = recordings[train[0]]
    tags = {**copied.tags, "camera": "3"}
    recordings.append(replace(copied, name="the copy", tags=tags))
    make_store(tmp_path / "store", recordings, classes=store.classes)
    tree = tiny_tree(tmp_path / "store", rule.model_dump()) | {"evaluation": [{"kind": "knn", "k": [1]}]}
    tree["data"]["test_copies"] = test_copies
    recipe = recipe_from(tree, "tiny")
    messages: list[str] = []
    results = runs.evaluate(recipe, load_checkpoint(tiny_run), tmp_path, alone, on_message=messages.append)
    saved = (tmp_path / "results.json").read_text()
    assert '"test_copies": [\n  "the copy"\n ]' in saved
    assert any(message.startswith("1 test clips are exact copies") for message in messages)
    assert results[0].num_test == len(test) + (test_copies == "keep")
    assert (results[0].top1_without_copies is None) == (test_copies == "remove")
    assert results[0].details["copies"] == {"keep": "kept", "remove": "removed"}[test_copies]
