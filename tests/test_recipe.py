from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from skeletonmae.datasets import GroupSplit, TagSplit
from skeletonmae.datasets.validation_group import ValidationGroup
from skeletonmae.errors import InputError
from skeletonmae.evaluation import KNN, Finetune, LinearProbe
from skeletonmae.masking import RandomTokens, SpatialTemporal
from skeletonmae.methods import GraphMAE, InputSpec, JointPatchMAEConfig, STRLClassifierConfig
from skeletonmae.recipe import Recipe, Source, read_recipe, recipe_from
from skeletonmae.sequences import SequenceStore
from skeletonmae.transforms.geometry import Center, Rotate

TEXT = """
data:
  evaluate: {store: stores/one}
  frames: 32
  augment:
    - {kind: rotate, degrees: [5, 10, 5]}
training:
  lr: 1e-3
  betas: [0.9, 0.95]
evaluation:
  - {kind: linear, epochs: 50}
  - {kind: finetune, label_fraction: 1e-1, training: {epochs: 3}}
"""


def written(folder: Path, text: str = TEXT) -> Path:
    path = folder / "a recipe.yaml"
    path.write_text(text)
    return path


def refused(tree: dict[str, Any], *message: str) -> None:
    with pytest.raises(InputError) as caught:
        recipe_from({"data": {"evaluate": {"store": "x"}}} | tree, "here.yaml")
    message = str(caught.value)
    assert message.startswith("here.yaml: ")
    for part in message:
        assert part in message


def test_a_recipe_is_read(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    assert recipe.training.lr == 0.001  # YAML reads 1e-3 as text
    assert recipe.training.betas == (0.9, 0.95)
    assert recipe.data.frames == 32
    assert recipe.data.evaluate == Source(store=Path("stores/one"))
    assert recipe.data.augment == (Rotate(degrees=(5, 10, 5)),)
    assert recipe.masking == RandomTokens()
    assert recipe.method == JointPatchMAEConfig()
    assert recipe.evaluation[0] == LinearProbe(epochs=50)
    assert isinstance(recipe.evaluation[1], Finetune)
    assert (recipe.evaluation[1].label_fraction, recipe.evaluation[1].training.epochs) == (0.1, 3)


def test_a_resolved_recipe_reads_back_as_itself(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path))
    plain = yaml.safe_dump(recipe.model_dump(mode="json"))
    assert read_recipe(written(tmp_path, plain)) == recipe
    assert recipe_from(recipe.model_dump(mode="json"), "again") == recipe


def test_a_method_that_does_not_mask_tokens_has_no_masking() -> None:
    recipe = recipe_from({"data": {"evaluate": {"store": "x"}}, "method": {"kind": "graph"}}, "here")
    assert recipe.masking is None
    assert recipe_from(recipe.model_dump(mode="json"), "again") == recipe
    method = recipe.build(InputSpec(8, 2, ("head", "left_wrist", "right_wrist")))
    assert isinstance(method, GraphMAE)


def test_a_classifier_is_of_the_methods_kind() -> None:
    tree = {
        "evaluation": [
            {"kind": "finetune", "classifier": {"kind": "graph", "depth": 2}},
            {"kind": "finetune", "name": "plain"},
        ]
    }
    recipe = recipe_from({"data": {"evaluate": {"store": "x"}}, "method": {"kind": "graph"}} | tree, "here")
    assert [protocol.classifier for protocol in recipe.evaluation] == [STRLClassifierConfig(depth=2), None]
    refused(tree, "evaluation: ", "item 0 has a classifier of kind graph, but the method is joint_patch")


def test_fine_tunings_that_would_replace_each_other_are_refused() -> None:
    long = {"kind": "finetune", "training": {"epochs": 300}}
    message = "items 0 and 1 both have the result 'finetune' and seed 0; give one of them a `name`"
    refused({"evaluation": [{"kind": "finetune"}, long]}, "evaluation: ", message)
    few = {"kind": "finetune", "label_fraction": 0.055, "seeds": [1, 1]}
    message = "item 0 repeats the result 'finetune' with 5.5 % of the labels and seed 1"
    refused({"evaluation": [few]}, "evaluation: ", message)
    message = "items 0 and 1 both write the classifier finetune-1-seed0.safetensors; give one of them a `name`"
    refused({"evaluation": [{"kind": "finetune"}, long | {"test_clips": 5}]}, "evaluation: ", message)
    kept = [{"kind": "finetune"}, {"kind": "finetune", "test_clips": 5}, long | {"name": "long"}]
    recipe = recipe_from({"data": {"evaluate": {"store": "x"}}, "evaluation": kept}, "here")
    assert [protocol.result_keys[0][0] for protocol in recipe.evaluation] == [
        "finetune", "finetune test_clips=5", "finetune long",
    ]  # fmt: skip
    assert [protocol.fit_name(3) for protocol in recipe.evaluation][1:] == [
        "finetune-1-seed3", "finetune-long-1-seed3",
    ]  # fmt: skip


def test_settings_that_a_contrast_without_the_masked_loss_would_ignore_are_refused() -> None:
    def contrast(**method: Any) -> dict[str, Any]:
        return {"method": {"kind": "contrastive"} | method}

    ignored = {"target": "motion", "predict_ratio": 0.5}
    message = "without a masked loss, target, predict_ratio would have no effect"
    refused(contrast(**ignored), "method: ", message)
    message = "method contrastive would ignore it without a masked loss; delete this section"
    refused(contrast() | {"masking": {"kind": "tube"}}, "masking: ", message)
    data = {"data": {"evaluate": {"store": "x"}}}
    plain = recipe_from(data | contrast(), "here")
    assert recipe_from(plain.model_dump(mode="json"), "again") == plain
    both = recipe_from(data | contrast(reconstruct=1.0, **ignored) | {"masking": {"kind": "tube"}}, "here")
    assert (both.method.target, both.masking.kind) == ("motion", "tube")


def test_a_clip_cannot_be_divided_into_more_parts_than_it_has_time_steps() -> None:
    tree = {
        "data": {"evaluate": {"store": "x"}, "frames": 32},
        "method": {"kind": "joint_patch", "token_frames": 4},
    }
    message = "item 0 divides a clip into 9 parts of time, but a clip of method joint_patch has 8 time steps"
    for protocol in ({"kind": "linear", "time_parts": 9}, {"kind": "early", "probe": {"time_parts": 9}}):
        refused(tree | {"evaluation": [protocol]}, "evaluation: ", message)
    assert recipe_from(tree | {"evaluation": [{"kind": "knn", "time_parts": 8}]}, "here").evaluation
    graph = tree | {"method": {"kind": "graph"}}
    assert recipe_from(graph | {"evaluation": [{"kind": "knn", "time_parts": 32}]}, "here").evaluation


def test_statistics_are_pooled_by_the_methods_that_have_them() -> None:
    evaluation = {"evaluation": [{"kind": "knn"}, {"kind": "robustness", "probe": {"pooling": "statistics"}}]}
    for kind in ("graph", "sttformer"):
        message = f"item 1 has pooling statistics, which method {kind} does not have; use mean, joints or parts"
        refused({"method": {"kind": kind}} | evaluation, "evaluation: ", message)
    for kind in ("joint_patch", "order", "contrastive"):
        assert recipe_from({"data": {"evaluate": {"store": "x"}}, "method": {"kind": kind}} | evaluation, "here")


def test_a_method_without_an_encoder_is_evaluated_by_fine_tuning_alone() -> None:
    supervised = {"method": {"kind": "supervised"}}
    message = "item 0, linear, evaluates an encoder, which method supervised does not have"
    refused(supervised, "evaluation: ", message)  # the protocols that a recipe has by default
    refused(supervised | {"evaluation": [{"kind": "linear"}]}, "evaluation: ", message)
    tree = {"data": {"evaluate": {"store": "x"}}, "evaluation": [{"kind": "finetune"}]}
    assert recipe_from(tree | supervised, "here").evaluation == (Finetune(),)


def test_the_mistake_of_one_protocol_does_not_quote_all_of_them() -> None:
    tree = {"data": {"evaluate": {"store": "x"}}, "evaluation": [{"kind": "knn"}, {"kind": "knn"}]}
    with pytest.raises(InputError) as caught:
        recipe_from(tree, "here")
    assert str(caught.value) == (
        "here: evaluation: items 0 and 1 both have the result 'knn k=1' and seed 0; evaluate one in another folder"
    )


def test_a_recipe_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_recipe(written(tmp_path)).training.lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"trainig": {}}, ["trainig: there is no such setting; did you mean training?"]),
        ({"training": {"epoch": 3}}, ["training.epoch: there is no such setting; did you mean epochs?"]),
        ({"training": {"zzzz": 3}}, ["training.zzzz: there is no such setting; known here: epochs, min_steps"]),
        ({"masking": {"kind": "random", "rato": 0.5}}, ["masking.rato: there is", "did you mean ratio?"]),
        (
            {"masking": {"kind": "spatial_temporal", "joint_rato": 0.5}},
            ["masking.joint_rato", "mean joint_ratio?"],
        ),
        ({"method": {"kind": "joint_patch", "widht": 8}}, ["method.widht: there is", "did you mean width?"]),
        (
            {"evaluation": [{"kind": "knn"}, {"kind": "finetune", "training": {"leraning": 1}}]},
            ["evaluation.1.training.leraning: there is no such setting"],
        ),
        (
            {"evaluation": [{"kind": "finetune", "classifier": {"kind": "graph", "dropot": 0}}]},
            ["evaluation.0.classifier.dropot: there is", "did you mean dropout?"],
        ),
        ({"evaluation": [{"kind": "linear", "epochz": 1}]}, ["evaluation.0.epochz:", "did you mean epochs?"]),
        (
            {"data": {"evaluate": {"store": "x"}, "augment": [{"kind": "rotate", "degres": 1}]}},
            ["data.augment.0.degres", "did you mean degrees?"],
        ),
        ({"data": {"evaluate": {"store": "x", "stor": 1}}}, ["data.evaluate.stor", "did you mean store?"]),
        (
            {"data": {"evaluate": {"store": "x"}, "pretrain": [{"store": "y", "us": "all"}]}},
            ["data.pretrain.0.us: there is no such setting"],
        ),
    ],
)
def test_a_typo_is_named_with_the_nearest_setting(tree: dict[str, Any], message: list[str]) -> None:
    refused(tree, *message)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"masking": {"kind": "randomly"}}, ["masking.kind: expected one of", "motion_aware", "got 'randomly'"]),
        ({"masking": {"ratio": 0.5}}, ["masking.kind: is missing"]),
        ({"evaluation": [{"epochs": 2}]}, ["evaluation.0.kind: is missing"]),
        ({"evaluation": [{"kind": "liear"}]}, ["evaluation.0.kind: expected one of", "linear", "got 'liear'"]),
        (
            {"data": {"evaluate": {"store": "x"}, "transforms": [{"kind": "centre"}]}},
            ["data.transforms.0.kind: expected one of center"],
        ),
        ({"method": {"kind": "gan"}}, ["method", "joint_patch", "'gan'"]),
        ({"training": {"lr": "fast"}}, ["training.lr: ", "number", "got 'fast'"]),
        ({"training": {"lr": -1}}, ["training.lr: ", "greater than 0", "got -1"]),
        ({"training": {"epochs": 1.5}}, ["training.epochs: ", "integer", "got 1.5"]),
        ({"training": {"lr": float("nan")}}, ["training.lr: ", "finite"]),
        ({"training": []}, ["training: "]),
        ({"training": None}, ["training: "]),
        ({"masking": {"kind": "random", "ratio": 1}}, ["masking.ratio: ", "less than 1"]),
        ({"masking": {"kind": "random"}, "method": {"kind": "graph"}}, ["masking: ", "graph does not mask tokens"]),
        ({"method": {"kind": "graph", "joint_masking": {"kind": "part"}}}, ["method.joint_masking.kind: expected one of parts"]),
        ({"evaluation": [{"kind": "finetune", "classifier": {}}]}, ["evaluation.0.classifier.kind: is missing"]),
        (
            {"data": {"evaluate": {"store": "x", "split": {"kind": "stratified", "test_siz": 0.3}}}},
            ["data.evaluate.split.test_siz: there is no such setting; did you mean test_size?"],
        ),
        (
            {"data": {"evaluate": {"store": "x", "split": {"kind": "odd"}}}},
            ["data.evaluate.split.kind: expected one of tag, stratified, grouped, given; got 'odd'"],
        ),
        ({"data": {}}, ["data.evaluate: is missing"]),
        ({"data": {"evaluate": {}}}, ["data.evaluate.store: is missing"]),
        ({"data": {"evaluate": {"store": "x"}, "stream": "joints"}}, ["data.stream: ", "'joint'", "got 'joints'"]),
        ({"data": {"evaluate": {"store": "x"}, "crop": [0.9, 0.5]}}, ["data: ", "crop must be two shares"]),
        ({"evaluation": [{"kind": "knn", "k": []}]}, ["evaluation.0.k: "]),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(tree: dict[str, Any], message: list[str]) -> None:
    refused(tree, *message)


def test_every_mistake_is_told_at_once() -> None:
    refused(
        {"training": {"lr": -1, "epoch": 2}, "masking": {"kind": "?"}}, "training.lr", "training.epoch", "masking"
    )


def test_a_split_with_a_value_on_both_sides() -> None:
    split = {"kind": "tag", "tag": "camera", "train": [1, 2], "test": [2, 3]}
    refused({"data": {"evaluate": {"store": "x", "split": split}}}, "on both sides of the split: 2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a recipe is a mapping"),
        ("- 1\n- 2\n", "a recipe is a mapping"),
        ("data: [1, 2", "not YAML"),
        ("data: {a: 1}\n  b: : 2", r"not YAML \(line 2, column \d+: [^\n^]*\)$"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
        ("{}", "data: is missing"),
    ],
)
def test_a_file_that_is_not_a_recipe(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_recipe(written(tmp_path, text))
    assert "a recipe.yaml" in str(caught.value)


def test_a_file_that_is_not_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="not YAML"):
        read_recipe(tmp_path / "binary.yaml")
    with pytest.raises(InputError, match="no such recipe"):
        read_recipe(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match=r"no such recipe$"):
        read_recipe(tmp_path / ("x" * 5000))  # longer than any name can be


def test_a_folder_in_place_of_a_recipe(tmp_path: Path) -> None:
    """A folder of recordings must first become a store; a folder of a run or of recipes has one."""
    folder = tmp_path / "hum an"
    folder.mkdir()
    command = f"`skeletonmae prepare '{folder}' STORE` makes a store of them"
    alone, with_store = "this is a folder, not a recipe", "this is a folder, but neither a recipe nor a store"
    for start in ("a recipe, a YAML file", f"a recipe, such as {folder}/recipe.yaml"):
        for defaults, problem, expected in ((None, alone, start), ({}, with_store, f"{start}, or a store")):
            with pytest.raises(InputError) as caught:
                read_recipe(folder, defaults=defaults)
            advice = f"if these are recordings, {command}"
            assert str(caught.value) == f"{folder}: {problem}; expected {expected}; {advice}"
        (folder / "recipe.yaml").touch()
    with pytest.raises(InputError, match=r"stroe: there is no such recipe or store$"):
        read_recipe(tmp_path / "stroe", defaults={})


def test_settings_from_the_command_line(tmp_path: Path) -> None:
    recipe = read_recipe(
        written(tmp_path),
        [
            "training.epochs=7", "training.lr=2e-4", "data.stream=bone", "evaluation.0.epochs=9",
            "evaluation.1.training.lr=0.5", "training.betas=[0.5, 0.6]", "data.augment=[]",
            "data.evaluate.store=a b", "training.max_grad_norm=null", "masking={kind: spatial_temporal}",
            "data.evaluate.split.kind=tag", "data.evaluate.split.tag=camera", "data.evaluate.split.train=[1]",
            "data.evaluate.split.test=[2]",
        ],
    )  # fmt: skip
    assert (recipe.training.epochs, recipe.training.lr, recipe.training.betas) == (7, 2e-4, (0.5, 0.6))
    assert recipe.training.max_grad_norm is None
    assert recipe.data.stream == "bone"
    assert recipe.data.augment == ()
    assert recipe.data.evaluate.store == Path("a b")
    assert recipe.data.evaluate.split == TagSplit(tag="camera", train=("1",), test=("2",))
    assert recipe.evaluation[0] == LinearProbe(epochs=9)
    assert recipe.evaluation[1].training.lr == 0.5
    assert isinstance(recipe.masking, SpatialTemporal)


def test_a_validation_group_is_a_tag_or_values_of_one(tmp_path: Path) -> None:
    for text, expected in [
        ("subject", "subject"),
        ("{tag: camera, values: ['1', 2]}", ValidationGroup(tag="camera", values=("1", "2"))),
        ("null", None),
    ]:
        recipe = read_recipe(written(tmp_path), [f"data.validation_group={text}"])
        assert recipe.data.validation_group == expected
        assert recipe_from(recipe.model_dump(mode="json"), "resolved") == recipe
    for text, message in [
        (
            "{tag: camera, value: ['1']}",
            "data.validation_group.value: there is no such setting; did you mean values?",
        ),
        ("{tag: camera}", "data.validation_group.values: is missing"),
    ]:
        with pytest.raises(InputError, match=message.replace("?", r"\?")):
            read_recipe(written(tmp_path), [f"data.validation_group={text}"])


def test_a_method_must_return_the_blocks_that_a_protocol_averages(tmp_path: Path) -> None:
    changed = ["method={kind: joint_patch, depth: 2}", "evaluation=[{kind: knn}, {kind: linear, last_blocks: 3}]"]
    with pytest.raises(
        InputError, match=r"item 1 averages the features of 3 blocks, but the method joint_patch .* 2"
    ):
        read_recipe(written(tmp_path), changed)
    with pytest.raises(InputError, match="features of 2 blocks, but the method graph returns those of 1"):
        read_recipe(written(tmp_path), ["method.kind=graph", "evaluation=[{kind: knn, last_blocks: 2}]"])
    with pytest.raises(InputError, match="item 0 averages the features of 3 blocks"):
        read_recipe(written(tmp_path), [changed[0], "evaluation=[{kind: early, probe: {last_blocks: 3}}]"])
    recipe = read_recipe(written(tmp_path), [changed[0], "evaluation=[{kind: knn, last_blocks: 2}]"])
    assert recipe.evaluation == (KNN(last_blocks=2),)


def test_a_whole_list_or_union_member_from_the_command_line(tmp_path: Path) -> None:
    changed = ["evaluation=[{kind: knn, k: [3]}]", "data.transforms=[{kind: center}]"]
    recipe = read_recipe(written(tmp_path), changed)
    assert recipe.evaluation == (KNN(k=(3,)),)
    assert recipe.data.transforms == (Center(),)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "not a setting"),
        ("=3", "not a setting"),
        ("training.epoch=3", "did you mean epochs?"),
        ("evaluation.2.epochs=3", "an index from 0 to 1; got 2"),
        ("evaluation.first.epochs=3", "an index from 0 to 1; got first"),
        ("evaluation.-1.epochs=3", "an index from 0 to 1"),
        ("training.lr.x=3", "is a value and has no settings"),
        ("training.lr=[", "not YAML"),
        ("training.lr=quick", "training.lr: expected a number; got 'quick'"),
        ("training.epochs=three", "training.epochs: expected a whole number; got 'three'"),
        ("training.lr=", "training.lr"),
    ],
)
def test_a_bad_setting_from_the_command_line(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        read_recipe(written(tmp_path), [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("method.normalise=clip", "method.normalise was renamed to method.target_norm"),
        ("training.ema=0.9", "training.ema was renamed to training.ema_decay"),
        ("training.accumulate=2", "training.accumulate was renamed to training.gradient_accumulation_steps"),
        (
            "evaluation.1.training.clip_norm=1",
            "evaluation.1.training.clip_norm was renamed to evaluation.1.training.max_grad_norm",
        ),
        ("data.validate_by=subject", "data.validate_by was renamed to data.validation_group"),
        (
            "method.joint_masking={kind: random_parts, count: 1}",
            "method.joint_masking.count was renamed to method.joint_masking.num_parts",
        ),
        (
            "data.evaluate.split={kind: stratified, by: subject}",
            "data.evaluate.split.by was renamed to data.evaluate.split.group_by in a split of `kind: grouped`",
        ),
    ],
)
def test_an_old_setting_is_refused_with_its_new_name(tmp_path: Path, override: str, message: str) -> None:
    overrides = ["method.kind=graph", override] if "joint_masking" in override else [override]
    if "normalise" in override:
        overrides = ["method.kind=joint_patch", override]
    with pytest.raises(InputError) as caught:
        read_recipe(written(tmp_path), overrides)
    assert str(caught.value).endswith(f": {message}")


def test_the_method_must_fit_the_clips(tiny_tree: Any) -> None:
    recipe = recipe_from(tiny_tree(), "tiny")
    assert sum(p.numel() for p in recipe.build(InputSpec(8, 3, ("head", "neck"))).parameters()) > 0
    with pytest.raises(InputError, match=r"recipe: method: 9 frames are not divisible into tokens of 4"):
        recipe.build(InputSpec(9, 3, ("head", "neck")))


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a store"):
        Source(store=tmp_path / "absent").open()


def test_a_flipped_byte_in_the_store_is_found_before_training(
    tmp_path: Path, make_recording: Any, make_store: Any
) -> None:
    make_store(tmp_path / "store", [make_recording(seed) for seed in range(3)])
    file = tmp_path / "store" / "positions.npy"
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"positions\.npy.*changed"):
        Source(store=tmp_path / "store").open()


def test_recordings_that_cannot_be_split_are_pretrained_on_only_if_all_are(
    tmp_path: Path, make_recording: Any, make_store: Any
) -> None:
    store = make_store(
        tmp_path, [make_recording(seed, label=label) for seed, label in enumerate("ab")], dataset="folder"
    )
    message = r"no training side \(.*cannot be split.*\); to pre-train on all of them, set `use: all`"
    with pytest.raises(InputError, match=message):
        Source(store=tmp_path).pretrain_index(store)
    assert Source(store=tmp_path, use="all").pretrain_index(store).tolist() == [0, 1]


def test_which_recordings_are_for_pretraining(tiny_store: Path) -> None:
    store = SequenceStore.open(tiny_store)
    camera = store.tag("camera")
    view = Source(store=tiny_store, split="view").pretrain_index(store)
    assert set(camera[view]) == {"1", "2"}
    assert len(view) == (camera != "3").sum()
    rule = TagSplit(tag="camera", train=("3",), test=("1",))
    assert set(camera[Source(store=tiny_store, split=rule).pretrain_index(store)]) == {"3"}
    assert len(Source(store=tiny_store, use="all").pretrain_index(store)) == len(store)
    default = Source(store=tiny_store).split_rule(store)
    assert default == GroupSplit(group_by="subject", test_size=0.25)
    with pytest.raises(InputError, match="no such split; expected subject, view; got odd"):
        Source(store=tiny_store, split="odd").split_rule(store)


def test_empty_recordings_are_not_pretrained_on(tmp_path: Path, make_recording: Any, make_store: Any) -> None:
    clips = [make_recording(seed, lost=1.0 if seed == 1 else 0.0, label="a") for seed in range(3)]
    store = make_store(tmp_path / "store", clips, dataset="synthetic")
    observed = np.array([clip.observed.any() for clip in clips])
    assert Source(store=tmp_path, use="all").pretrain_index(store).tolist() == np.flatnonzero(observed).tolist()


def test_a_store_of_an_unknown_dataset_needs_a_rule(tmp_path: Path, make_recording: Any, make_store: Any) -> None:
    store = make_store(tmp_path / "store", [make_recording(0)], dataset="mine")
    with pytest.raises(InputError, match="'mine' has no named splits; give a rule"):
        Source(store=tmp_path / "store").split_rule(store)


def test_clips_without_where_they_are(tmp_path: Path) -> None:
    clips = read_recipe(written(tmp_path)).data.clips
    assert clips.frames == 32
    assert "evaluate" not in clips.model_dump()


def test_every_default_is_sound() -> None:
    recipe = Recipe.model_validate({"data": {"evaluate": {"store": "x"}}})
    assert [protocol.kind for protocol in recipe.evaluation] == ["linear", "knn", "finetune", "finetune"]


def test_an_override_changes_one_entry_alone(tmp_path: Path) -> None:
    text = """
data: {evaluate: {store: x}}
method: {kind: graph}
evaluation:
  - {kind: finetune, classifier: &strl {kind: graph, depth: 3}}
  - {kind: finetune, classifier: *strl, name: other}
"""
    (tmp_path / "shared.yaml").write_text(text)
    recipe = read_recipe(tmp_path / "shared.yaml", ["evaluation.1.classifier.depth=2"])
    assert [entry.classifier.depth for entry in recipe.evaluation] == [3, 2]


BASE = """
data: {evaluate: {store: stores/a}, frames: 32}
masking: {kind: random, ratio: 0.5}
method: {kind: joint_patch, width: 32, depth: 2}
training: {epochs: 7}
evaluation: [{kind: knn}, {kind: linear}]
"""


def derived_recipe(folder: Path, text: str, **files: str) -> Path:
    for name, content in {"base": BASE, "derived": text, **files}.items():
        (folder / f"{name}.yaml").write_text(content)
    return folder / "derived.yaml"


def test_a_recipe_has_the_settings_of_its_base_and_its_own(tmp_path: Path) -> None:
    text = "base: base.yaml\nmethod: {depth: 3}\nmasking: {kind: motion_aware}\nevaluation: [{kind: knn}]"
    recipe = read_recipe(derived_recipe(tmp_path, text), ["training.epochs=9"])
    tree = yaml.safe_load(BASE)
    tree["method"]["depth"], tree["training"]["epochs"] = 3, 9
    tree["masking"], tree["evaluation"] = {"kind": "motion_aware"}, [{"kind": "knn"}]
    assert recipe == Recipe.model_validate(tree)


def test_a_base_can_have_a_base_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    path = derived_recipe(tmp_path, "base: inner/middle.yaml")
    (tmp_path / "inner" / "middle.yaml").write_text("base: ../base.yaml\ndata: {frames: 64}")
    assert read_recipe(path).data.frames == 64
    assert read_recipe(path).training.epochs == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: missing.yaml", r"missing\.yaml: there is no such recipe, base of .*derived\.yaml"),
        ('base: "a\\0b"', r"a\\0b: there is no such recipe, base of .*derived\.yaml"),
        ("base: [base.yaml]", "the base of a recipe is the path of another"),
        ("base: derived.yaml", "a recipe cannot be its own base"),
        ("base: loop.yaml", "a recipe cannot be its own base"),
        ("base: broken.yaml", "broken.yaml: not YAML"),
        ("base: base.yaml\nmethod: {kind: joint_patch, dept: 3}", "method.dept: there is no such setting"),
        ("base: base.yaml\nmethod: 3", "method"),
    ],
)
def test_a_base_that_cannot_be_used_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = derived_recipe(tmp_path, text, loop="base: derived.yaml", broken="a: [")
    with pytest.raises(InputError, match=message):
        read_recipe(path)


def test_a_long_chain_of_bases_is_refused(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / f"{number}.yaml").write_text(f"base: {number + 1}.yaml")
    with pytest.raises(InputError, match=r"0\.yaml: the chain of bases is too long; expected 20 or fewer"):
        read_recipe(tmp_path / "0.yaml")


def test_a_message_does_not_say_value_error() -> None:
    with pytest.raises(InputError) as caught:
        recipe_from(
            {"data": {"evaluate": {"store": "s"}}, "method": {"kind": "graph"}, "masking": {"kind": "tube"}}, "r"
        )
    assert "does not mask tokens" in str(caught.value)
    assert "alue error" not in str(caught.value)
