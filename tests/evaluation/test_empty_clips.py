"""Clips without any known joint are left out of both sides, and are counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.evaluation import KNN, leave_out_empty_clips
from skeletonmae.evaluation.features import extract_features
from skeletonmae.evaluation.finetune import ClassifierWithLoss
from skeletonmae.recipe import recipe_from
from skeletonmae.sequences import SequenceStore, SkeletonSequence

Make = Callable[..., Any]
NAN = [np.nan] * 60
ONE = [1.0] * 60


def test_empty_clips_leave_both_sides(make_task: Make) -> None:
    task = make_task([ONE, NAN, ONE, ONE], "aabb", [ONE, ONE, NAN], "abb")
    smaller, num_empty = leave_out_empty_clips(task)
    assert num_empty == {"train": 1, "test": 1}
    assert smaller.split.train.tolist() == [0, 2, 3]
    assert smaller.split.test.tolist() == [4, 5]
    features, labels = extract_features(task, np.arange(7), "mean")
    assert (len(features), labels.tolist()) == (5, [0, 1, 1, 0, 1])


def test_nothing_changes_where_no_clip_is_empty(make_task: Make) -> None:
    task = make_task([ONE, ONE], "ab", [ONE, ONE], "ab")
    assert leave_out_empty_clips(task) == (task, {"train": 0, "test": 0})


def test_a_joint_that_the_model_does_not_know_is_none(make_task: Make) -> None:
    head_alone = np.full((20, 3), np.nan)
    head_alone[3] = 1.0
    task = make_task([ONE, ONE, head_alone.ravel()], "aba", [ONE, ONE], "ab")
    assert leave_out_empty_clips(task)[1] == {"train": 0, "test": 0}
    known = tuple(joint for number, joint in enumerate(task.store.skeleton.joints) if number != 3)
    assert leave_out_empty_clips(replace(task, joints=known))[1] == {"train": 1, "test": 0}


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([ONE, ONE], [NAN, NAN], "any clip of the test side"),
        ([NAN, ONE], [ONE, ONE], "some classes of the train side.*got a"),
    ],
)
def test_a_side_or_class_without_any_other_clip_is_refused(
    make_task: Make, train: Any, test: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        leave_out_empty_clips(make_task(train, "ab", test, "ab"))


class BatchSize(nn.Module):
    """A classifier that notes the clips it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.sizes = nn.Linear(1, 3), list[int]()

    def forward(self, batch: Any) -> torch.Tensor:
        self.sizes.append(len(batch))
        return self.linear(batch.positions.flatten(1).sum(1, keepdim=True))


@pytest.mark.parametrize(("persons", "seen"), [((1, 1, 1), [3]), ((1, 0, 1), [2]), ((0, 1, 0), []), ((0, 0), [])])
def test_fine_tuning_does_not_see_empty_clips(make_batch: Make, persons: Any, seen: list[int]) -> None:
    model = BatchSize()
    batch = make_batch(persons)
    output = ClassifierWithLoss(model, 0.1)(batch)  # type: ignore[arg-type]
    assert model.sizes == seen
    assert float(output.num_terms) == sum(seen)
    output.loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    if seen and seen[0] < len(persons):
        alone = ClassifierWithLoss(model, 0.1)(batch.select(batch.has_observed()))  # type: ignore[arg-type]
        assert torch.equal(output.loss, alone.loss)


def test_results_count_them_and_a_message_says_so(
    tmp_path: Path, tiny_store: Path, tiny_run: Path, tiny_tree: Make, make_store: Make, alone: Any
) -> None:
    recordings: list[SkeletonSequence] = list(SequenceStore.open(tiny_store))
    is_test = [one.tags["camera"] == "3" for one in recordings]
    lost = is_test.index(True)
    nothing = np.zeros_like(recordings[lost].observed)
    recordings[lost] = replace(recordings[lost], positions=recordings[lost].positions * 0, observed=nothing)
    make_store(tmp_path / "store", recordings, dataset="synthetic")
    messages: list[str] = []
    recipe = recipe_from(tiny_tree(tmp_path / "store"), "").model_copy(update={"evaluation": (KNN(k=(1,)),)})
    results = runs.evaluate(recipe, load_checkpoint(tiny_run), tmp_path, alone, on_message=messages.append)
    assert results[0].num_test == sum(is_test) - 1
    assert results[0].test_clips == f"{sum(is_test) - 1} of {sum(is_test)}"
    assert json.loads((tmp_path / "results.json").read_text())["empty_clips"] == {"train": 0, "test": 1}
    assert sum("left out 0 training and 1 test clips" in message for message in messages) == 1
