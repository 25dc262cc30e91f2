"""A model that reads any layout, the whole way: pre-train, resume, evaluate, predict in 2D, continue elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.cli import main
from skeletonmae.errors import InputError
from skeletonmae.inference import predict
from skeletonmae.recipe import Recipe, recipe_from
from skeletonmae.sequences import SkeletonSequence, StoreWriter
from skeletonmae.skeletons import COCO17, VOCABULARY, Skeleton

CLIPS: dict[str, Any] = {
    "axes": 3,
    "transforms": [{"kind": "normalize_size"}, {"kind": "center"}, {"kind": "face_forward", "optional": True}],
    "final_transforms": [{"kind": "root_motion"}],
}
DESCRIBED = {"joint_embedding": "description", "motion_scale": 0.05, "decoder": "cross", "target": "motion"}
BONES = {"b": "a", "c": "b", "d": "a"}


def recipe_of(tree: dict[str, Any], **changes: Any) -> Recipe:
    tree = tree | changes
    data, method = tree["data"] | CLIPS, tree["method"] | DESCRIBED
    return recipe_from(tree | {"data": data, "method": method}, "described")


@pytest.fixture(scope="module")
def described_run(tiny_tree: Any, alone: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("described")
    recipe = recipe_of(tiny_tree(), evaluation=[{"kind": "finetune", "training": {"epochs": 1, "batch_size": 32}}])
    runs.evaluate(recipe, load_checkpoint(runs.pretrain(recipe, folder, alone)), folder, alone)
    return folder


def test_a_stopped_run_ends_with_the_same_weights(
    described_run: Path, tiny_tree: Any, alone: Any, tmp_path: Path
) -> None:
    def stop(stage: str, progress: Any) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    recipe = recipe_of(tiny_tree())
    with pytest.raises(KeyboardInterrupt):
        runs.pretrain(recipe, tmp_path / "run", alone, stop)
    found = load_file(runs.pretrain(recipe, tmp_path / "run", alone))
    expected = load_file(described_run / "model.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_only_names_of_the_pre_training_have_learned_a_vector(described_run: Path) -> None:
    checkpoint = load_checkpoint(described_run)
    assert set(VOCABULARY) <= set(checkpoint.header.joints)
    rows = load_file(described_run / "model.safetensors")["encoder.pos_embed.joint"].any(1)
    learned = {joint for joint, row in zip(checkpoint.header.joints, rows.tolist(), strict=True) if row}
    assert {"head", "left_wrist", "neck"} <= learned
    assert not {"nose", "left_big_toe", "thumb_tip"} & learned


def test_a_classifier_predicts_for_2d_recordings_of_other_layouts(described_run: Path) -> None:
    checkpoint = load_checkpoint(described_run / "finetune-1-seed0.safetensors")
    dice = np.random.default_rng(0)
    recordings = [
        SkeletonSequence.from_positions(
            dice.normal(size=(1, 30, skeleton.num_joints, axes)).astype(np.float32), skeleton, name=skeleton.name
        )
        for skeleton, axes in ((COCO17, 2), (Skeleton("four", ("a", "b", "c", "d"), BONES), 3))
    ]
    for prediction in predict(checkpoint, recordings):
        assert not prediction.error
        assert len(prediction.classes) == 3


def test_pre_training_continues_on_recordings_of_another_kind(
    described_run: Path, tiny_tree: Any, alone: Any, tmp_path: Path
) -> None:
    dice = np.random.default_rng(0)
    skeleton = Skeleton("four", ("a", "b", "c", "d"), BONES)
    with StoreWriter(tmp_path / "store", skeleton, axes=2, unit="px") as writer:
        for index in range(12):
            positions = dice.normal(size=(1, 20, 4, 2)).astype(np.float32) * 100
            writer.add(SkeletonSequence.from_positions(positions, skeleton, name=f"{index}", unit="px"))
    recipe = recipe_of(tiny_tree(tmp_path / "store", None), init_from=str(described_run))
    found = load_checkpoint(runs.pretrain(recipe, tmp_path / "run", alone))
    before = load_checkpoint(described_run)
    assert found.header.joints == before.header.joints
    weights = zip(found.method.parameters(), before.method.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in weights)


def test_clips_with_the_axes_of_the_recordings_are_refused(tiny_tree: Any) -> None:
    tree = tiny_tree()
    with pytest.raises(InputError, match=r"data\.axes: 3"):
        recipe_from(tree | {"method": tree["method"] | DESCRIBED}, "described")


def test_info_says_that_the_model_reads_anything(described_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(described_run)]) == 0
    text = capsys.readouterr().out
    assert "layouts: any\n" in text
    assert "axes: 2 or 3\n" in text
    assert "unit: any\n" in text
