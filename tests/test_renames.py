from __future__ import annotations

from typing import Any

import pytest
from samples.format_1 import inverted

from skeletonmae import renames
from skeletonmae.methods import CLASSIFIERS, METHODS, InputSpec
from skeletonmae.recipe import recipe_from
from skeletonmae.skeletons import NTU25

OLD = {
    "data": {
        "evaluate": {"store": "x", "split": {"kind": "given", "tag": None, "otherwise": {"kind": "stratified"}}},
        "pretrain": [
            {
                "store": "y",
                "split": {"kind": "stratified", "by": "subject", "test_share": 0.3, "tag_required": False},
            },
            {"store": "z", "split": {"kind": "stratified", "by": None, "test_share": 0.1, "tag_required": True}},
        ],
        "validate_by": "subject",
    },
    "method": {
        "kind": "graph",
        "hide": {"kind": "random_parts", "count": 1},
        "messages": "gat",
        "edge_weight": 0.5,
    },
    "training": {
        "clip_norm": None,
        "accumulate": 2,
        "ema": 0.9,
        "schedule": "steps",
        "milestones": [3],
        "factor": 0.2,
    },
    "evaluation": [{"kind": "knn"}, {"kind": "finetune", "training": {"clip_norm": 2.0}}],
}


def test_an_old_recipe_is_the_new_one_after_migration() -> None:
    recipe = recipe_from(renames.migrate_settings(OLD), "old")
    given, (by_subject, by_class) = recipe.data.evaluate.split, (source.split for source in recipe.data.pretrain)
    assert given.fallback.kind == "stratified"  # type: ignore[union-attr]
    assert by_subject.model_dump() == {
        "kind": "grouped", "group_by": "subject", "test_size": 0.3, "seed": 0, "group_required": False,
    }  # type: ignore[union-attr]  # fmt: skip
    assert by_class.model_dump() == {"kind": "stratified", "test_size": 0.1, "seed": 0}  # type: ignore[union-attr]
    assert recipe.data.validation_group == "subject"
    method, training = recipe.method, recipe.training
    assert (method.joint_masking.num_parts, method.gnn, method.edge_loss_weight) == (1, "gat", 0.5)
    assert (training.max_grad_norm, training.gradient_accumulation_steps) == (None, 2)
    assert (training.ema_decay, training.gamma) == (0.9, 0.2)
    assert recipe.evaluation[1].training.max_grad_norm == 2.0


def test_the_tree_that_is_migrated_does_not_change() -> None:
    before = repr(OLD)
    renames.migrate_settings(OLD)
    assert repr(OLD) == before


def test_token_masking_and_target_norm() -> None:
    old = {
        "method": {"normalise": "clip"},
        "masking": {"kind": "spatial_temporal", "joints": "tube", "by": "part"},
    }
    assert renames.migrate_settings(old) == {
        "method": {"target_norm": "clip"},
        "masking": {"kind": "spatial_temporal", "joint_mask": "tube", "granularity": "part"},
    }


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("joint_patch", "encoder.embed.weight", "encoder.patch_embed.weight"),
        ("joint_patch", "decoder.places.joint", "decoder.pos_embed.joint"),
        ("joint_patch", "encoder.blocks.0.norm.weight", "encoder.blocks.0.norm.weight"),
        ("sttformer", "encoder.embed.0.weight", "encoder.embed.0.weight"),
        ("sttformer", "encoder.blocks.11.skip_time.1.bias", "encoder.blocks.11.temporal_residual.1.bias"),
        ("sttformer", "decoder.blocks.0.attention.learned", "decoder.blocks.0.attention.static_attn"),
        ("graph", "bridge.weight", "encoder_to_decoder.weight"),
        ("graph", "strl.times", "strl.time_embed"),
        ("graph", "strl.layers.1.time.near.0.weight", "strl.layers.1.temporal.conv_d1.0.weight"),
        ("graph", "strl.layers.2.encoder.layers.10.look.weight", "strl.layers.2.encoder.layers.10.att.weight"),
        ("graph", "head.0.weight", "head.0.weight"),
    ],
)
def test_old_names_of_weights(kind: str, old: str, new: str) -> None:
    assert renames.migrate_weights({old: 1}, kind) == {new: 1}


@pytest.mark.parametrize("kind", ["joint_patch", "sttformer", "graph"])
@pytest.mark.parametrize("settings", [{}, {"gnn": "gat"}])
def test_every_weight_has_one_old_name(kind: str, settings: dict[str, Any]) -> None:
    config: Any = METHODS[kind]
    method = config(**settings if kind == "graph" else {}).build(InputSpec(48, 3, NTU25.joints), None)
    for model in (method, method.classifier(2, CLASSIFIERS[kind]())):
        names = {name: name for name in model.state_dict()}
        with inverted():
            old = renames.migrate_weights(names, kind)
        assert len(old) == len(names)
        assert any(before != after for before, after in old.items())
        assert renames.migrate_weights(old, kind) == names
        assert not renames.migrate_weights(old, kind).keys() - names.keys()


@pytest.mark.parametrize(
    "tree", [{}, {"method": None}, {"data": [1]}, {"evaluation": {"training": 3}}, {"method": {"hide": 5}}]
)
def test_what_is_not_a_recipe_passes_through(tree: dict[str, Any]) -> None:
    assert renames.migrate_settings(tree).keys() == tree.keys()


def test_a_setting_that_was_not_renamed() -> None:
    for key in ("training.lr", "method.count", "evaluation.training.ema", "data.by", "ema", ""):
        assert renames.renamed_setting(key) is None


def test_checkpoints_without_bridging_bridged_nothing() -> None:
    header = {"clips": {"frames": 8}, "recipe": {"data": {"frames": 8}}, "format": 2}
    filled = renames.add_missing_settings(header)
    assert filled["clips"] == filled["recipe"]["data"] == {"frames": 8, "bridge_seconds": 0.0}
    assert "bridge_seconds" not in header["clips"]  # type: ignore[operator]
    newer = {"clips": {"bridge_seconds": 0.5}, "weights": "model"}
    assert renames.add_missing_settings(newer) == newer
    assert renames.add_missing_settings({"clips": None}) == {"clips": None, "weights": "model"}


def test_a_graph_checkpoint_that_does_not_state_its_target_has_the_embedding() -> None:
    old = {"target": "embedding", "joint_identity": "none", "frame_context": False}
    header = {"method": {"kind": "graph"}, "recipe": {"method": {"kind": "graph", "joint_identity": "all"}}}
    filled = renames.add_missing_settings(header)
    assert filled["method"] == {"kind": "graph"} | old
    assert filled["recipe"]["method"] == {"kind": "graph"} | old | {"joint_identity": "all"}
    other = {"method": {"kind": "order"}, "recipe": {"method": None}, "weights": "model"}
    assert renames.add_missing_settings(other) == other


@pytest.mark.parametrize(("ema_decay", "weights"), [(0.0, "model"), (0.9, "ema"), (None, "model")])
def test_checkpoints_of_a_run_with_a_moving_average_contained_it(ema_decay: float | None, weights: str) -> None:
    training = {} if ema_decay is None else {"ema_decay": ema_decay}
    assert renames.add_missing_settings({"recipe": {"training": training}})["weights"] == weights
    assert renames.add_missing_settings({"recipe": {"training": training}, "weights": "x"})["weights"] == "x"
