"""What every recipe under recipes/ must hold, without any data."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from skeletonmae.datasets import DATASETS
from skeletonmae.methods import InputSpec
from skeletonmae.recipe import read_recipe
from skeletonmae.skeletons import KINECT20

ROOT = Path(__file__).resolve().parents[2] / "recipes"
RECIPES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.suffix in (".yaml", ".yml"))
recipes = pytest.mark.parametrize("name", RECIPES)


@recipes
def test_it_can_be_read(name: str) -> None:
    read_recipe(ROOT / name)


@recipes
def test_its_method_can_be_built(name: str) -> None:
    recipe = read_recipe(ROOT / name)
    with torch.device("meta"):
        method = recipe.build(InputSpec(recipe.data.frames, 3, KINECT20.joints))
    assert method.classifier


@recipes
def test_its_test_side_never_enters_pretraining(name: str) -> None:
    recipe = read_recipe(ROOT / name)
    for source in recipe.data.pretrain:
        if source.store == recipe.data.evaluate.store:
            assert source.use == "train"
            assert source.split == recipe.data.evaluate.split


@recipes
def test_its_split_is_one_of_the_dataset_it_is_filed_under(name: str) -> None:
    dataset, split = DATASETS.get(Path(name).parts[0]), read_recipe(ROOT / name).data.evaluate.split
    if dataset is not None and isinstance(split, str):
        assert split in dataset.splits
