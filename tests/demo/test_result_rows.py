from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae.demo.result_rows import describe_result, describe_seeds, describe_test_side
from skeletonmae.evaluation import Result
from skeletonmae.evaluation.result import accuracy_metrics
from skeletonmae.recipe import recipe_from
from skeletonmae.sequences import SequenceStore


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"protocol": "linear", "pretrained": True, "num_train": 9},
            "A linear classifier, trained on features of 9 labeled clips from the pre-trained encoder, which is frozen; "
            "tested on 3 clips of subject 7.",
        ),
        (
            {"protocol": "linear", "setting": "joints", "pretrained": False, "num_train": 1},
            "A linear classifier, trained on features of each joint of 1 labeled clip from an encoder that was not "
            "pre-trained, which is frozen; tested on 3 clips of subject 7.",
        ),
        (
            {"protocol": "knn", "setting": "k=5 joints", "pretrained": True, "num_train": 9},
            "The class of the 5 nearest of 9 labeled clips, by features of the pre-trained encoder; "
            "tested on 3 clips of subject 7.",
        ),
        (
            {"protocol": "finetune", "seed": 2, "pretrained": False, "num_train": 4},
            "An encoder that was not pre-trained and a classifier, trained together on 4 labeled clips (seed 2); "
            "tested on 3 clips of subject 7.",
        ),
        (
            {"protocol": "linear", "pretrained": True, "num_train": 9, "num_test_left_out": 2},
            "A linear classifier, trained on features of 9 labeled clips from the pre-trained encoder, which is frozen; "
            "tested on 3 of 5 clips of subject 7.",
        ),
    ],
)
def test_a_sentence_for_each_result(settings: dict[str, Any], sentence: str) -> None:
    metrics: dict[str, Any] = accuracy_metrics(torch.eye(3), torch.tensor([0, 1, 1]), ("a", "b", "c"))
    assert describe_result(Result(seconds=0.0, **settings, **metrics), " of subject 7") == sentence


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("view", " of camera 3"),
        ({"kind": "stratified"}, " drawn at random"),
        ({"kind": "grouped", "group_by": "camera", "test_size": 0.3}, " of camera "),
        ({"kind": "grouped", "group_by": "subject", "test_size": 0.8}, " subjects"),
    ],
)
def test_the_test_side_is_named(tiny_tree: Any, tiny_store: Path, split: Any, expected: str) -> None:
    recipe = recipe_from(tiny_tree(split=split), "")
    assert expected in describe_test_side(recipe, SequenceStore.open(tiny_store))


def test_a_mean_of_seeds_has_their_range_and_not_the_interval_of_one_run() -> None:
    metrics: dict[str, Any] = accuracy_metrics(torch.eye(3), torch.tensor([0, 1, 1]), ("a", "b", "c"))
    results = [
        Result(
            protocol="finetune", seed=seed, pretrained=True, num_train=9, seconds=0.0, **metrics | {"top1": top1}
        )
        for seed, top1 in enumerate((0.7, 0.5, 0.625))
    ]
    assert describe_seeds(results) == "mean of 3 seeds, 50.0 to 70.0"
    assert describe_seeds(results[:1]) == "one seed; 95 % interval 20.8 to 93.9"
