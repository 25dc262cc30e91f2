"""Raw files of published sets to results, with a tiny model for two steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.evaluation import KNN, LinearProbe
from skeletonmae.recipe import recipe_from


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "tag", "test_values", "num_train", "num_test", "chance"),
    [
        ("nw_ucla", "camera", {"3"}, 1020, 464, 0.1),
        ("utd_mhad", "subject", {"2", "4", "6", "8"}, 431, 430, 1 / 27),
    ],
)
def test_prepare_pretrain_evaluate(
    real_set: Any, tmp_path: Path, tiny_tree: Any, alone: Any, reads: list[Any],
    name: str, tag: str, test_values: set[str], num_train: int, num_test: int, chance: float,
) -> None:  # fmt: skip
    report, store = real_set(name)
    assert (report.dataset, report.skipped) == (name, ())
    assert report.recordings == num_train + num_test
    tree = tiny_tree(store.shards[0].path, split=None, epochs=1, batch_size=-(-num_train // 2))
    recipe = recipe_from(tree, "real")

    runs.pretrain(recipe, tmp_path / "run", alone)
    seen = np.concatenate([index for _, index in reads])
    assert len(reads) == 2
    assert len(np.unique(seen)) == len(seen) == num_train
    assert not set(store.tag(tag)[seen]) & test_values

    reads.clear()
    protocols = (LinearProbe(epochs=30, pooling="joints"), KNN(k=(1,), pooling="joints"))
    recipe = recipe.model_copy(update={"evaluation": protocols})
    results = runs.evaluate(recipe, load_checkpoint(tmp_path / "run"), None, alone)
    for result in results:
        assert (result.num_train, result.num_test) == (num_train, num_test)
        assert result.top1 > 3 * chance  # even an untrained encoder sees something
        assert all(accuracy is not None for accuracy in result.per_class_accuracy)
