"""What every recipe under recipes/ must hold, without its data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch
from skeletonmae.datasets import DATASETS
from skeletonmae.evaluation import Finetune
from skeletonmae.evaluation.finetune import CrossEntropy
from skeletonmae.methods import InputSpec
from skeletonmae.recipe import read_recipe
from skeletonmae.skeletons import COCO17, KINECT20, PENN13
from skeletonmae.training import TrainingConfig, train

ROOT = Path(__file__).resolve().parents[2] / "recipes"
RECIPES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.suffix in (".yaml", ".yml"))
recipes = pytest.mark.parametrize("name", RECIPES)


@recipes
def test_it_can_be_read(name: str) -> None:
    read_recipe(ROOT / name)


class Again:
    """One batch an epoch, always the same."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def epoch(self, epoch: int, start: int) -> Iterator[Batch]:
        return iter([self.batch])


def briefly(config: TrainingConfig) -> TrainingConfig:
    """Two steps, at once and in float32."""
    return config.model_copy(update={"epochs": 2, "min_steps": 0, "accumulate": 1, "precision": "float32"})


@recipes
def test_it_takes_two_steps_and_fine_tunes_two(name: str, make_batch: Any, alone: Any) -> None:
    recipe, dataset = read_recipe(ROOT / name), DATASETS.get(Path(name).parts[0])
    skeleton = dataset.skeleton if dataset and dataset.skeleton else KINECT20
    axes = 2 if skeleton in (COCO17, PENN13) else 3
    batch = make_batch((2, 1), frames=recipe.data.frames, skeleton=skeleton, axes=axes)
    batch = recipe.data.clips.finish(batch, training=True)
    method = recipe.build(InputSpec(recipe.data.frames, axes, skeleton.joints))
    before = {name: value.clone() for name, value in method.state_dict().items()}
    train(method, Again(batch), briefly(recipe.training), alone)
    assert any(not torch.equal(value, before[name]) for name, value in method.state_dict().items())
    finetune = next(protocol for protocol in recipe.evaluation if isinstance(protocol, Finetune))
    model = method.classifier(5, finetune.classifier)
    loss = CrossEntropy(model, finetune.label_smoothing)
    depth_of = lambda name: model.depth_of(name.removeprefix("classifier."))  # noqa: E731
    train(loss, Again(batch), briefly(finetune.training), alone, depth_of=depth_of)
    assert model(batch).isfinite().all()


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
