from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from skeletonmae import runs
from skeletonmae.batches import Loader, MixedLoader
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.compatibility import find_pretrained
from skeletonmae.errors import InputError
from skeletonmae.pretraining_data import PretrainingData
from skeletonmae.recipe import Recipe, read_recipe, recipe_from
from skeletonmae.runs.model import model_header
from skeletonmae.runs.same_run import _pretraining_settings, run_fingerprint
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import COCO17, NTU25
from skeletonmae.training import read_log
from skeletonmae.training.trainer import Trainer

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def flat_store(make_store: Make, make_recording: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of another layout, in 2D, in pixels, without labels."""
    folder: Path = tmp_path_factory.mktemp("stores") / "flat"
    recordings = [
        make_recording(number, 1, 12, COCO17, axes=2, unit="px", lost=0.1, name=f"video {number}")
        for number in range(30)
    ]
    make_store(folder, recordings, axes=2, unit="px")
    return folder


@pytest.fixture(scope="module")
def mixed_tree(tiny_tree: Any, tiny_store: Path, flat_store: Path) -> Callable[..., dict[str, Any]]:
    def tree(**training: Any) -> dict[str, Any]:
        tree: dict[str, Any] = tiny_tree(**training)
        tree["method"]["joint_embedding"] = "description"
        tree["data"] |= {
            "axes": 3,
            "pretrain": [
                {"store": str(tiny_store), "split": "view", "share": 1},
                {"store": str(flat_store), "use": "all", "share": 2},
            ],
            "transforms": [{"kind": "normalize_size"}, {"kind": "face_forward", "optional": True}],
            "augment": [{"kind": "virtual_camera"}, {"kind": "tempo"}],
            "final_transforms": [{"kind": "normalize_size"}, {"kind": "root_motion"}],
        }
        tree["evaluation"] = [{"kind": "knn", "k": [1]}]
        return tree

    return tree


def test_stores_of_different_layouts_axes_and_units_are_mixed(
    tmp_path: Path, mixed_tree: Any, alone: Any, flat_store: Path, tiny_store: Path
) -> None:
    recipe, messages = recipe_from(mixed_tree(epochs=3), ""), []
    path = runs.pretrain(recipe, tmp_path, alone, on_message=messages.append)
    # 68 recordings of the training side in 4 batches and 30 in 2: a third of the 6 batches, and two thirds.
    assert messages == [
        f"{tiny_store}: 68 recordings, 33.3% of the batches, each recording 0.50 times an epoch",
        f"{flat_store}: 30 recordings, 66.7% of the batches, each recording 2.00 times an epoch",
    ]
    header = load_checkpoint(path).header
    assert header.axes == 3
    assert header.unit == "unknown"
    assert header.bones == ()
    assert {*NTU25.joints, *COCO17.joints} <= set(header.joints)
    stores = [SequenceStore.open(store) for store in (tiny_store, flat_store)]
    assert header.store_fingerprints == tuple(store.fingerprint for store in stores)
    assert header.num_recordings == 98
    used = [find_pretrained(store, header) for store in stores]
    assert [len(index) for index in used if index is not None] == [68, 30]
    assert [row["step"] for row in read_log(tmp_path)] == [6, 12, 18]
    results = runs.evaluate(recipe, load_checkpoint(path), None, alone)
    assert [result.name for result in results] == ["knn k=1"]


def test_a_mixed_run_resumes_exactly(
    tmp_path: Path, mixed_tree: Any, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_from(mixed_tree(gradient_accumulation_steps=2, batch_size=24), "")
    whole = load_file(runs.pretrain(recipe, tmp_path / "whole", alone))
    train_step = Trainer.train_step

    def stopped(trainer: Trainer, *inputs: Any) -> Any:
        if trainer.step == 3:
            raise KeyboardInterrupt
        return train_step(trainer, *inputs)

    monkeypatch.setattr(Trainer, "train_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        runs.pretrain(recipe, tmp_path / "again", alone)
    monkeypatch.setattr(Trainer, "train_step", train_step)
    again = load_file(runs.pretrain(recipe, tmp_path / "again", alone))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_without_shares_each_recording_is_used_once(mixed_tree: Any, alone: Any) -> None:
    tree = mixed_tree(batch_size=10)
    for source in tree["data"]["pretrain"]:
        del source["share"]
    loader = PretrainingData.open(recipe_from(tree, "")).loader(alone)
    assert isinstance(loader, MixedLoader)
    assert loader.batches_per_epoch == (7, 3)
    seen = torch.cat([batch.recording for batch in loader.epoch(0)])
    assert len(seen) == len(set(seen.tolist())) == 98


def test_equal_stores_without_shares_are_read_as_one(tiny_tree: Any, tiny_store: Path, alone: Any) -> None:
    tree = tiny_tree()
    source = {"store": str(tiny_store), "use": "all"}
    tree["data"]["pretrain"] = [source, source]
    assert isinstance(PretrainingData.open(recipe_from(tree, "")).loader(alone), Loader)
    tree["data"]["pretrain"] = [source | {"share": 1}, source | {"share": 3}]
    assert isinstance(PretrainingData.open(recipe_from(tree, "")).loader(alone), MixedLoader)
    tree["data"]["pretrain"] = [source | {"share": 1}, source]
    with pytest.raises(InputError, match=rf"all stores have a share, or none; {tiny_store} has none"):
        recipe_from(tree, "")


def names_of(store: Path) -> list[str]:
    opened = SequenceStore.open(store)
    return [opened.name(index) for index in range(len(opened))]


@pytest.mark.parametrize("from_file", [False, True])
def test_named_recordings_are_left_out_and_reported(
    tmp_path: Path, mixed_tree: Any, alone: Any, flat_store: Path, from_file: bool
) -> None:
    left_out = ["video 3", "video 17"]
    (tmp_path / "copies.txt").write_text("video 17\n\nvideo 3\n")
    tree = mixed_tree(epochs=1)
    tree["data"]["pretrain"][1]["exclude"] = str(tmp_path / "copies.txt") if from_file else left_out
    data = PretrainingData.open(recipe_from(tree, ""))
    kept = [names_of(flat_store)[index] for index in data.index[1]]
    assert sorted(kept) == sorted(set(names_of(flat_store)) - set(left_out))
    messages: list[str] = []
    runs.pretrain(recipe_from(tree, ""), tmp_path / "run", alone, on_message=messages.append)
    assert messages[0] == f"{flat_store}: 2 recordings left out by `exclude`"
    # The run remembers the names, and not the file, which may change.
    (tmp_path / "copies.txt").unlink()
    assert read_recipe(tmp_path / "run" / "recipe.yaml").data.pretrain[1].exclude == ("video 17", "video 3")
    header = load_checkpoint(tmp_path / "run").header
    used = find_pretrained(SequenceStore.open(flat_store), header)
    assert used is not None
    assert len(used) == 28


def test_names_that_are_not_there_and_files_that_cannot_be_read(mixed_tree: Any, tmp_path: Path) -> None:
    tree = mixed_tree()
    tree["data"]["pretrain"][1]["exclude"] = ["video 3", "vidoe 4"]
    with pytest.raises(InputError, match=r"exclude: the store has no such recording \(1 names\); got vidoe 4"):
        PretrainingData.open(recipe_from(tree, ""))
    tree["data"]["pretrain"][1]["exclude"] = str(tmp_path / "none.txt")
    with pytest.raises(InputError, match=r"exclude: the list of recordings to leave out cannot be read"):
        PretrainingData.open(recipe_from(tree, ""))


def test_shares_and_names_to_leave_out_make_another_run(mixed_tree: Any, tiny_tree: Any) -> None:
    def digest(recipe: Recipe) -> str:
        stores = PretrainingData.open(recipe).stores
        return run_fingerprint(recipe, model_header(recipe, stores))

    recipe = recipe_from(mixed_tree(), "")
    other, fewer = mixed_tree(), mixed_tree()
    other["data"]["pretrain"][1]["share"] = 3
    fewer["data"]["pretrain"][1]["exclude"] = ["video 3"]
    digests = [digest(one) for one in (recipe, recipe_from(other, ""), recipe_from(fewer, ""))]
    assert len(set(digests)) == 3


def test_settings_that_older_runs_did_not_have_change_nothing(tiny_tree: Any, tmp_path: Path) -> None:
    settings = yaml.safe_dump(_pretraining_settings(recipe_from(tiny_tree(), "")))
    for name in ("axes", "optional", "share", "exclude:"):
        assert name not in settings
    assert np.isin("frames", list(yaml.safe_load(settings)["data"]))
