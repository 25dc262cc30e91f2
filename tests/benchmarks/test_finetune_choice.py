"""The comparison of settings of fine-tuning: what is trained on, what changes, and the page."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from skeletonmae.evaluation import Finetune
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.sequences import SequenceStore

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("finetune_choice")


def test_a_variant_changes_its_settings_alone(choice: Any) -> None:
    base = Finetune.model_validate(
        {"training": {"lr": 0.002}, "classifier": {"kind": "joint_patch", "dropout": 0.1}}
    )
    one, several = (Finetune.model_validate(each) for each in choice.protocols(base, "statistics", seed=3))
    assert (one.test_clips, several.test_clips) == (0, 5)
    assert one.fit_name(3) == several.fit_name(3)
    assert one.seeds == (3,)
    assert one.training == base.training
    assert one.classifier is not None
    assert one.classifier.model_dump() == base.classifier.model_dump() | {"pooling": "statistics"}  # type: ignore[union-attr]


def test_a_fold_trains_on_the_other_groups_of_the_training_side(choice: Any, tiny_store: Path) -> None:
    recipe = read_recipe(choice.RECIPES / "msr_action3d" / "mamp.yaml", [f"data.evaluate.store={tiny_store}"])
    fold: Recipe = choice.fold_recipe(recipe, "camera", ["1"], "2")
    store = SequenceStore.open(tiny_store)
    split = fold.data.evaluate.split_rule(store)(store)
    cameras = store.tag("camera")
    assert {cameras[index] for index in split.train} == {"1"}
    assert {cameras[index] for index in split.test} == {"2"}
    assert fold.data.validation_group is None
    assert fold.method == recipe.method


def test_the_page_adds_up_the_folds(choice: Any) -> None:
    names = {"store": "s", "checkpoint": "c", "variant": "v", "seed": 0}
    about = {"commit": "abc", "processor": "p", "torch": "t", "date": "2026-01-01"}
    rows = [
        {**names, **about, "held_out": "1", "num_test": 10, "correct": {"0": 5, "5": 6}},
        {**names, **about, "held_out": "2", "num_test": 30, "correct": {"0": 25, "5": 30}},
    ]
    assert "| c | v | 40 | 75.0 | 90.0 |" in choice.page(json.loads(json.dumps(rows)))


def test_the_committed_page_is_that_of_the_committed_folds(choice: Any) -> None:
    assert choice.FILE.with_suffix(".md").read_text(encoding="utf-8") == choice.page(choice.read_rows())
