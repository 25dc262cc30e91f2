"""Tests of every recipe under recipes/, without its data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.datasets import DATASETS, FOLDER
from skeletonmae.evaluation import Finetune
from skeletonmae.evaluation.finetune import ClassifierWithLoss
from skeletonmae.methods import (
    InputSpec,
    JointPatchMAEConfig,
    NeighborTuningConfig,
    STTFormerMAEConfig,
    SupervisedConfig,
)
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.skeletons import COCO17, KINECT20, NTU25, PENN13, SBU15
from skeletonmae.training import TrainingConfig, train

ROOT = Path(__file__).resolve().parents[2] / "recipes"
RECIPES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*")
    if path.suffix in (".yaml", ".yml") and path.parent.name != "encoders"
)
"""All recipes but those of the shipped encoders, which mix stores; tests/scripts/test_train_encoders.py has those."""
SETS = ("ntu60", "ntu120", "gym99", "diving48", "penn_action", "nw_ucla", "utd_mhad", "pyskl_sample")
METHODS = {
    "joint_patch": ("joint_patch", "position"),
    "mamp": ("joint_patch", "motion"),
    "sttformer": ("sttformer", None),
    "graph": ("graph", "embedding"),
}
"""Name of a recipe of every set -> kind and target of its method."""
PRESETS = {
    "amr": ("joint_patch", "motion", {"method.target_steps", "method.error_weight"}),
    "motion_energy": ("joint_patch", "motion", {"method.error_weight"}),
    "target_steps": ("joint_patch", "motion", {"method.target_steps"}),
    "intervals": ("joint_patch", "motion", {"method.intervals"}),
    "acceleration": ("joint_patch", "motion_and_acceleration", {"method.target"}),
    "tube": ("joint_patch", "motion", {"masking"}),
    "part_tube": ("joint_patch", "motion", {"masking"}),
    "gfp": ("joint_patch", "pooled", {"method.target", "method.decoder", "method.predict_ratio"}),
    "skeleton2vec": ("joint_patch", "teacher", {"masking", "method.target"}),
    "s_jepa": ("joint_patch", "teacher", {"method.target", "method.teacher"}),
    "contrastive": ("contrastive", "motion", {"method.kind"}),
    "contrastive_views": ("contrastive", "motion", {"method.kind", "data"}),
    "order": ("order", "motion", {"method.kind"}),
}
"""Name of a recipe in nw_ucla -> kind and target of its method, and in what it differs from mamp.yaml."""
SECOND_STAGES = {"neighbor_tuning": ("neighbor_tuning", None)}
"""Name of a recipe in nw_ucla that starts from a checkpoint of mamp.yaml -> kind and target of its method."""
BASELINES = dict.fromkeys(("sgn", "ctr_gcn", "stgcn_plus"), ("supervised", None))
"""Name of a recipe in nw_ucla, which is that of its network -> kind and target of its method."""
PROTOCOLS = {"protocols": ("joint_patch", "motion")}
"""Name of a recipe in nw_ucla that evaluates the encoder of mamp.yaml by other protocols -> as above."""
PROBES = dict.fromkeys(("probes", "lost_frames", "streams"), ("joint_patch", "motion"))
"""Name of a recipe in nw_ucla or utd_mhad that evaluates mamp.yaml by other protocols -> as above."""
LAYOUTS = {
    "ntu60": NTU25, "ntu120": NTU25, "ntu60_hrnet": COCO17, "ntu120_hrnet": COCO17, "gym99": COCO17,
    "diving48": COCO17, "penn_action": PENN13, "nw_ucla": KINECT20, "utd_mhad": KINECT20, "pyskl_sample": COCO17,
    "mine": KINECT20, "msr_action3d": KINECT20, "sbu": SBU15,
}  # fmt: skip
"""Name of a store -> its joint layout."""
TOKENS = ("joint_patch", "mamp", "sttformer")
LONGER = {"training.epochs", "training.warmup_epochs", "finetune.epochs", "finetune.milestones"}
SAME_AS: list[tuple[str, str, set[str]]] = [
    *((f"{folder}/{name}", f"ntu60/{name}", set()) for folder in ("gym99", "diving48") for name in TOKENS),
    *((f"{folder}/graph", "gym99/graph", set()) for folder in ("ntu60", "ntu120", "diving48")),
    ("ntu120/joint_patch", "ntu60/joint_patch", {"method.decoder_depth"}),
    ("ntu120/mamp", "ntu60/mamp", {"method.decoder_depth", "masking.temperature"}),
    ("ntu120/sttformer", "ntu60/sttformer", set()),
    *((f"penn_action/{name}", f"nw_ucla/{name}", LONGER if name == "sttformer" else set()) for name in TOKENS),
    ("pyskl_sample/joint_patch", "nw_ucla/joint_patch", {"training.batch_size"}),
    ("pyskl_sample/mamp", "nw_ucla/mamp", {"training.batch_size"}),
    ("pyskl_sample/graph", "penn_action/graph", {"training.batch_size"}),
    ("pyskl_sample/sttformer", "nw_ucla/sttformer", LONGER | {"training.batch_size", "finetune.batch_size"}),
    ("own/graph", "penn_action/graph", {
        "method.joint_masking", "training.batch_size", "finetune.schedule", "finetune.milestones", "finetune.final_lr",
        "finetune.min_steps", "finetune.encoder_lr", "method.target", "method.joint_identity", "method.frame_context",
        "training.min_steps", "classifier.depth",
    }),
]  # fmt: skip
"""A recipe whose comment says that it has the settings of another, the other recipe, and the settings that differ."""
recipes = pytest.mark.parametrize("name", RECIPES)
OTHERS: dict[str, tuple[Any, ...]] = {**PRESETS, **SECOND_STAGES, **BASELINES, **PROTOCOLS, **PROBES}


def test_every_set_has_every_method() -> None:
    assert {f"{folder}/{name}.yaml" for folder in SETS for name in METHODS} <= set(RECIPES)


@recipes
def test_its_file_name_is_its_method_and_its_folder_its_store(name: str) -> None:
    recipe, path = read_recipe(ROOT / name), Path(name)
    expected = METHODS[path.stem] if path.stem in METHODS else OTHERS[path.stem][:2]
    if name.endswith("own/graph.yaml"):  # not the paper's target, which made pre-training useless
        expected = ("graph", "coordinates")
    assert (recipe.method.kind, getattr(recipe.method, "target", None)) == expected
    if path.parts[0] != "own":
        assert recipe.data.evaluate.store.name.removesuffix("_hrnet") == path.parts[0]


def test_settings_are_validated_by_a_tag_that_the_set_has() -> None:
    """A recipe inherits the tag of its base, which may be of another set."""
    checked = set()
    for name in RECIPES:
        data = read_recipe(ROOT / name).data
        dataset, group = DATASETS.get(data.evaluate.store.name.removesuffix("_hrnet")), data.validation_group
        if dataset and group:
            assert (group if isinstance(group, str) else group.tag) in dataset.tags, name
            checked.add(dataset.name)
    assert {"nw_ucla", "msr_action3d", "sbu", "utd_mhad"} <= checked


@pytest.mark.parametrize("folder", SETS)
def test_mamp_is_joint_patch_but_for_target_and_mask(folder: str) -> None:
    recipe, other = (read_recipe(ROOT / folder / f"{name}.yaml") for name in ("joint_patch", "mamp"))
    target = {"method": other.method.model_copy(update={"target": "position"}), "masking": recipe.masking}
    assert other.model_copy(update=target) == recipe


def settings(name: str) -> dict[str, Any]:
    """Settings of method, masking, pre-training and fine-tuning on all labels, by dotted key."""
    recipe = read_recipe(ROOT / f"{name}.yaml").model_dump()
    finetune = next(protocol for protocol in recipe["evaluation"] if protocol["kind"] == "finetune")
    sections = {key: recipe[key] for key in ("method", "masking", "training")}
    sections |= {"finetune": finetune["training"], "classifier": finetune["classifier"]}
    return {
        f"{section}.{key}": value for section, group in sections.items() if group for key, value in group.items()
    }


@pytest.mark.parametrize(("name", "other", "differences"), SAME_AS)
def test_its_settings_are_those_its_comment_names(name: str, other: str, differences: set[str]) -> None:
    values, other_values = settings(name), settings(other)
    changed = {key for key in values.keys() | other_values.keys() if values.get(key) != other_values.get(key)}
    assert changed == differences


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_mamp_but_for_what_it_is_named_after(name: str) -> None:
    recipe, mamp = (read_recipe(ROOT / "nw_ucla" / f"{stem}.yaml") for stem in (name, "mamp"))
    values, other_values = recipe.model_dump(), mamp.model_dump()
    changed = {f"method.{key}" for key, value in other_values["method"].items() if values["method"][key] != value}
    changed |= {key for key in values if key != "method" and values[key] != other_values[key]}
    assert changed == PRESETS[name][2]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_other_protocols_evaluate_the_encoder_of_mamp(name: str) -> None:
    recipe, mamp = (read_recipe(ROOT / "nw_ucla" / f"{stem}.yaml") for stem in (name, "mamp"))
    assert recipe.model_copy(update={"evaluation": mamp.evaluation}) == mamp
    assert {"retrieval", "robustness", "early", "finetune"} == {protocol.kind for protocol in recipe.evaluation}
    few_labels = [protocol for protocol in recipe.evaluation if isinstance(protocol, Finetune)]
    assert [(each.label_fraction, len(each.seeds)) for each in few_labels] == [(0.1, 5), (0.05, 5), (0.01, 5)]
    (of_mamp,) = (each for each in mamp.evaluation if isinstance(each, Finetune) and each.label_fraction == 0.1)
    for each in few_labels:
        update = {"label_fraction": 0.1, "seeds": of_mamp.seeds}
        assert each.model_copy(update=update) == of_mamp


@pytest.mark.parametrize(
    "name", ["nw_ucla/probes", "nw_ucla/lost_frames", "utd_mhad/probes", "msr_action3d/mamp", "sbu/mamp"]
)
def test_its_encoder_is_that_of_nw_ucla_mamp(name: str) -> None:
    recipe, mamp = (read_recipe(ROOT / f"{each}.yaml") for each in (name, "nw_ucla/mamp"))
    data = {"evaluate": mamp.data.evaluate, "validation_group": mamp.data.validation_group}
    update = {"evaluation": mamp.evaluation, "data": recipe.data.model_copy(update=data)}
    assert recipe.model_copy(update=update) == mamp


@pytest.mark.parametrize("name", METHODS)
def test_nw_ucla_and_utd_mhad_differ_in_what_they_evaluate(name: str) -> None:
    recipe, other = (read_recipe(ROOT / folder / f"{name}.yaml") for folder in ("utd_mhad", "nw_ucla"))
    evaluated = {"evaluate": recipe.data.evaluate, "validation_group": recipe.data.validation_group}
    data = other.data.model_copy(update=evaluated)
    assert other.model_copy(update={"data": data}) == recipe
    assert bool(recipe.data.pretrain) == (name != "graph")  # by default, the store that is evaluated


@pytest.mark.parametrize("folder", ["ntu60", "ntu120"])
def test_sttformer_pretrains_as_joint_patch(folder: str) -> None:
    recipe, other = (read_recipe(ROOT / folder / f"{name}.yaml") for name in ("sttformer", "joint_patch"))
    assert (recipe.training, recipe.masking) == (other.training, other.masking)


@recipes
def test_it_can_be_read(name: str) -> None:
    read_recipe(ROOT / name)


def test_the_baselines_share_their_views() -> None:
    sgn, ctr_gcn, stgcn_plus = (read_recipe(ROOT / "nw_ucla" / f"{name}.yaml") for name in BASELINES)
    assert [recipe.method.network.kind for recipe in (sgn, ctr_gcn, stgcn_plus)] == list(BASELINES)
    assert stgcn_plus.data == ctr_gcn.data
    assert sgn.data == ctr_gcn.data.model_copy(update={"frames": 20, "sampling": "segments"})


class RepeatedBatch:
    """The same batch in every epoch."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def epoch(self, epoch: int, start: int) -> Iterator[Batch]:
        return iter([self.batch])


def shorten(config: TrainingConfig) -> TrainingConfig:
    """One step, without accumulation, in float32."""
    return config.model_copy(
        update={"epochs": 1, "min_steps": 0, "gradient_accumulation_steps": 1, "precision": "float32"}
    )


def make_shallow(method: Config) -> Config:
    """The method with its first and last block; those between are built alike."""
    shallow: dict[str, Any] = {"joint_patch": {"depth": 2, "decoder_depth": 1}, "graph": {"depth": 2}}
    shallow["contrastive"] = shallow["order"] = shallow["joint_patch"]
    if isinstance(method, STTFormerMAEConfig):
        widths = (method.widths[0], method.widths[-1])
        return method.model_copy(update={"widths": widths, "decoder_widths": method.decoder_widths[-1:]})
    if isinstance(method, NeighborTuningConfig):
        return method.starting_from(JointPatchMAEConfig(token_frames=8, width=16, depth=2, heads=2))
    if isinstance(method, SupervisedConfig):
        return method.model_copy(update={"network": method.network.model_copy(update={"width": 8})})
    return method.model_copy(update=shallow[method.kind])  # type: ignore[attr-defined]


def read_shallow_recipe(name: str) -> Recipe:
    recipe = read_recipe(ROOT / name)
    return recipe.model_copy(update={"method": make_shallow(recipe.method)})


def distinct_models() -> list[str]:
    """One recipe for each combination of clips, layout, network, mask and optimizer: sets often share one."""
    distinct = {}
    for name in RECIPES:
        recipe = read_shallow_recipe(name)
        finetune = next((each for each in recipe.evaluation if isinstance(each, Finetune)), None)
        if finetune is None:  # evaluates the encoder of another recipe by probes
            continue
        parts = (recipe.data.clips, recipe.method, recipe.masking, finetune.classifier)
        steps = (shorten(recipe.training), shorten(finetune.training))
        neutral = [config.model_copy(update={"batch_size": 1, "warmup_epochs": 0}) for config in steps]
        key = (LAYOUTS[recipe.data.evaluate.store.name].name, *map(repr, parts), *map(repr, neutral))
        distinct.setdefault(key, name)
    return list(distinct.values())


@pytest.mark.parametrize("name", distinct_models())
def test_it_takes_a_step_and_fine_tunes_one(name: str, make_batch: Any, alone: Any) -> None:
    recipe = read_shallow_recipe(name)
    skeleton = LAYOUTS[recipe.data.evaluate.store.name]
    axes = 2 if skeleton in (COCO17, PENN13) else 3
    persons = (min(2, recipe.data.max_persons), 1)
    batch = make_batch(persons, frames=recipe.data.frames, skeleton=skeleton, axes=axes)
    batch = recipe.data.clips.apply_transforms(batch, training=True)
    batch = replace(batch, second_view=batch)
    method = recipe.build(InputSpec(recipe.data.frames, axes, skeleton.joints))
    before = {name: value.clone() for name, value in method.state_dict().items()}
    if recipe.method.has_pretext_task:
        train(method, RepeatedBatch(batch), shorten(recipe.training), alone)
        assert any(not torch.equal(value, before[name]) for name, value in method.state_dict().items())
    finetunes = [protocol for protocol in recipe.evaluation if isinstance(protocol, Finetune)]
    models = [method.classifier(5, finetune.classifier) for finetune in finetunes]
    finetune, model = finetunes[0], models[0]
    loss = ClassifierWithLoss(model, finetune.label_smoothing)
    layer_id = lambda name: model.layer_id(name.removeprefix("classifier."))  # noqa: E731
    train(loss, RepeatedBatch(batch), shorten(finetune.training), alone, layer_id=layer_id)
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
