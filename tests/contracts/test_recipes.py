"""What every recipe under recipes/ must hold, without its data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch
from skeletonmae.datasets import DATASETS, FOLDER
from skeletonmae.evaluation import Finetune
from skeletonmae.evaluation.finetune import CrossEntropy
from skeletonmae.methods import InputSpec
from skeletonmae.recipe import read_recipe
from skeletonmae.skeletons import COCO17, KINECT20, NTU25, PENN13
from skeletonmae.training import TrainingConfig, train

ROOT = Path(__file__).resolve().parents[2] / "recipes"
RECIPES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.suffix in (".yaml", ".yml"))
SETS = ("ntu60", "ntu120", "gym99", "diving48", "penn_action", "nw_ucla", "utd_mhad", "pyskl_sample")
METHODS = {
    "joint_patch": ("joint_patch", "position"),
    "mamp": ("joint_patch", "motion"),
    "sttformer": ("sttformer", None),
    "graph": ("graph", None),
}
"""Name of a recipe -> kind and target of its method."""
LAYOUTS = {
    "ntu60": NTU25, "ntu120": NTU25, "ntu60_hrnet": COCO17, "ntu120_hrnet": COCO17, "gym99": COCO17,
    "diving48": COCO17, "penn_action": PENN13, "nw_ucla": KINECT20, "utd_mhad": KINECT20, "pyskl_sample": COCO17,
    "mine": KINECT20,
}  # fmt: skip
"""Name of a store -> what its joints are."""
recipes = pytest.mark.parametrize("name", RECIPES)


def test_every_set_has_every_method() -> None:
    assert {f"{folder}/{name}.yaml" for folder in SETS for name in METHODS} <= set(RECIPES)


@recipes
def test_its_name_says_its_method_and_its_folder_its_store(name: str) -> None:
    recipe, path = read_recipe(ROOT / name), Path(name)
    assert (recipe.method.kind, getattr(recipe.method, "target", None)) == METHODS[path.stem]
    if path.parts[0] != "own":
        assert recipe.data.evaluate.store.name.removesuffix("_hrnet") == path.parts[0]


@pytest.mark.parametrize("folder", SETS)
def test_mamp_is_joint_patch_but_for_target_and_mask(folder: str) -> None:
    mine, its = (read_recipe(ROOT / folder / f"{name}.yaml") for name in ("joint_patch", "mamp"))
    target = {"method": its.method.model_copy(update={"target": "position"}), "masking": mine.masking}
    assert its.model_copy(update=target) == mine


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
    recipe = read_recipe(ROOT / name)
    skeleton = LAYOUTS[recipe.data.evaluate.store.name]
    axes = 2 if skeleton in (COCO17, PENN13) else 3
    persons = (min(2, recipe.data.max_persons), 1)
    batch = make_batch(persons, frames=recipe.data.frames, skeleton=skeleton, axes=axes)
    batch = recipe.data.clips.finish(batch, training=True)
    method = recipe.build(InputSpec(recipe.data.frames, axes, skeleton.joints))
    before = {name: value.clone() for name, value in method.state_dict().items()}
    train(method, Again(batch), briefly(recipe.training), alone)
    assert any(not torch.equal(value, before[name]) for name, value in method.state_dict().items())
    finetunes = [protocol for protocol in recipe.evaluation if isinstance(protocol, Finetune)]
    models = [method.classifier(5, finetune.classifier) for finetune in finetunes]
    finetune, model = finetunes[0], models[0]
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
    split = read_recipe(ROOT / name).data.evaluate.split
    assert split is None or split in DATASETS.get(Path(name).parts[0], FOLDER).splits
