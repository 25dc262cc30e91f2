"""A folder keeps what belongs to its run, and a message names what another run would change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from skeletonmae import runs
from skeletonmae.checkpoint import Header, load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.recipe import Recipe, recipe_from
from skeletonmae.runs.same_run import _pretraining_settings, check_same_run, run_fingerprint

FILES = ("recipe.yaml", "log.csv", "state.pt", "model.safetensors")


@pytest.fixture(scope="module")
def header(tiny_run: Path) -> Header:
    return load_checkpoint(tiny_run).header


@pytest.fixture(scope="module")
def stores(make_store: Any, make_recording: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stores, `a` and `b`, of one layout."""
    folder = tmp_path_factory.mktemp("stores")
    for first, name in enumerate("ab"):
        recordings = [make_recording(100 * first + number, 1, 20, lost=0.1) for number in range(6)]
        make_store(folder / name, recordings)
    return folder


@pytest.fixture(scope="module")
def encoders(tiny_tree: Any, alone: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one method, `first` and `second`, with other weights."""
    folder = tmp_path_factory.mktemp("encoders")
    for seed, name in enumerate(("first", "second")):
        runs.pretrain(recipe_from(tiny_tree(epochs=1, seed=seed), ""), folder / name, alone)
    return folder


@pytest.fixture
def started_from(tiny_tree: Any, stores: Path, encoders: Path) -> Callable[..., Recipe]:
    """A recipe that goes on from an encoder on the recordings of a store."""

    def build(encoder: str | None, store: Path = stores / "a", **training: Any) -> Recipe:
        tree = tiny_tree(store, None, epochs=1, batch_size=2, **training)
        tree["init_from"] = str(encoders / encoder) if encoder else None
        return recipe_from(tree, "")

    return build


@pytest.fixture(scope="module")
def saved_recipe() -> Callable[[Recipe], str]:
    return lambda recipe: yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)


def content(folder: Path) -> dict[str, bytes]:
    """The files that a run consists of."""
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


class Stopped(BaseException):
    pass


def stop(_: str, progress: Any) -> None:
    if progress.step == 2:
        raise Stopped


@pytest.mark.parametrize("left", ["all", "state", "model"])
def test_a_run_from_another_encoder_is_refused_and_leaves_the_record(
    started_from: Any, encoders: Path, tmp_path: Path, alone: Any, left: str
) -> None:
    """Of a finished run, of one that was stopped, and of one whose state was deleted."""
    if left == "state":
        with pytest.raises(Stopped):
            runs.pretrain(started_from("first"), tmp_path, alone, stop)
    else:
        runs.pretrain(started_from("first"), tmp_path, alone)
    if left == "model":
        (tmp_path / "state.pt").unlink()
    before = content(tmp_path)
    first, second = encoders / "first", encoders / "second"
    for encoder, now in (("second", second), (None, "random weights")):
        message = rf"the folder holds another run \(init_from: {first} in the saved recipe, {now} now\); choose"
        with pytest.raises(InputError, match=message):
            runs.pretrain(started_from(encoder), tmp_path, alone)
    assert content(tmp_path) == before
    assert yaml.safe_load(before["recipe.yaml"])["init_from"] == str(first)


@pytest.mark.parametrize("left", ["all", "state", "model"])
def test_a_run_on_another_store_is_refused_and_leaves_the_record(
    started_from: Any, stores: Path, tmp_path: Path, alone: Any, left: str
) -> None:
    if left == "state":
        with pytest.raises(Stopped):
            runs.pretrain(started_from(None), tmp_path, alone, stop)
    else:
        runs.pretrain(started_from(None), tmp_path, alone)
    if left == "model":
        (tmp_path / "state.pt").unlink()
    before = content(tmp_path)
    old, new = stores / "a", stores / "b"
    message = rf"another run \(data\.evaluate\.store: {old} in the saved recipe, {new} now\); choose"
    with pytest.raises(InputError, match=message):
        runs.pretrain(started_from(None, new), tmp_path, alone)
    assert content(tmp_path) == before


def test_encoders_and_stores_that_moved_are_the_same(
    started_from: Any, stores: Path, encoders: Path, tmp_path: Path, alone: Any
) -> None:
    """A stopped run resumes with both under other paths, and ends with the weights of one that never stopped."""
    whole = load_file(runs.pretrain(started_from("first"), tmp_path / "whole", alone))
    with pytest.raises(Stopped):
        runs.pretrain(started_from("first"), tmp_path / "run", alone, stop)
    for name, source in (("store", stores / "a"), ("encoder", encoders / "first")):
        shutil.copytree(source, tmp_path / name)
    moved = started_from(None, tmp_path / "store").model_copy(update={"init_from": tmp_path / "encoder"})
    messages: list[str] = []
    resumed = load_file(runs.pretrain(moved, tmp_path / "run", alone, None, messages.append))
    assert any("resuming" in message for message in messages)
    assert all(torch.equal(resumed[name], weights) for name, weights in whole.items())
    saved = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert saved["init_from"] == str(tmp_path / "encoder")  # where it is now


def test_what_changed_under_the_same_path_is_named(
    started_from: Any, stores: Path, encoders: Path, tmp_path: Path, alone: Any
) -> None:
    shutil.copytree(stores / "a", tmp_path / "store")
    shutil.copytree(encoders / "first", tmp_path / "encoder")
    recipe = started_from(None, tmp_path / "store").model_copy(update={"init_from": tmp_path / "encoder"})
    runs.pretrain(recipe, tmp_path / "run", alone)
    with pytest.raises(Stopped):
        runs.pretrain(recipe, tmp_path / "stopped", alone, stop)
    shutil.rmtree(tmp_path / "encoder")
    shutil.copytree(encoders / "second", tmp_path / "encoder")
    weights, recordings = f"the weights of {tmp_path / 'encoder'}", f"the recordings in {tmp_path / 'store'}"
    with pytest.raises(InputError, match=rf"another run \({weights} have changed since\)"):
        runs.pretrain(recipe, tmp_path / "run", alone)
    with pytest.raises(InputError, match=rf"another run \({recordings} or {weights} have changed since\)"):
        runs.pretrain(recipe, tmp_path / "stopped", alone)  # nothing tells which
    shutil.rmtree(tmp_path / "store")
    shutil.copytree(stores / "b", tmp_path / "store")
    with pytest.raises(InputError, match=rf"another run \({recordings} have changed since\)"):
        runs.pretrain(recipe, tmp_path / "run", alone)


def test_all_that_differs_is_named(
    started_from: Any, stores: Path, encoders: Path, tmp_path: Path, alone: Any
) -> None:
    runs.pretrain(started_from("first"), tmp_path, alone)
    with pytest.raises(InputError) as caught:
        runs.pretrain(started_from("second", stores / "b", lr=0.5), tmp_path, alone)
    differences = (
        f"init_from: {encoders / 'first'} in the saved recipe, {encoders / 'second'} now",
        f"data.evaluate.store: {stores / 'a'} in the saved recipe, {stores / 'b'} now",
        "training.lr: 0.001 in the saved recipe, 0.5 now",
    )
    advice = "choose another folder or delete this one"
    assert str(caught.value) == f"{tmp_path}: the folder holds another run ({'; '.join(differences)}); {advice}"
    many = {"lr": 0.5, "weight_decay": 0.0, "seed": 4, "warmup_epochs": 0}
    with pytest.raises(InputError, match=r"; training\.seed: 0 in the saved recipe, 4 now; and 2 more\); choose"):
        runs.pretrain(started_from("second", stores / "b", **many, max_grad_norm=2.0), tmp_path, alone)


def test_a_state_without_a_recipe_is_of_another_run(started_from: Any, tmp_path: Path, alone: Any) -> None:
    with pytest.raises(Stopped):
        runs.pretrain(started_from(None), tmp_path, alone, stop)
    (tmp_path / "recipe.yaml").unlink()
    with pytest.raises(InputError, match=r"another run \(its recipe\.yaml is missing\)"):
        runs.pretrain(started_from(None, lr=0.5), tmp_path, alone)
    assert not (tmp_path / "recipe.yaml").exists()
    runs.pretrain(started_from(None), tmp_path, alone)


def test_the_fingerprint_depends_on_settings_and_data_alone(header: Header, tiny_tree: Any) -> None:
    first = run_fingerprint(recipe_from(tiny_tree(), ""), header)
    same = tiny_tree(checkpoint_seconds=9)
    same["evaluation"] = []
    assert run_fingerprint(recipe_from(same, ""), header) == first
    assert run_fingerprint(recipe_from(tiny_tree(lr=0.5), ""), header) != first
    other_data = header.model_copy(update={"store_fingerprints": ("other",)})
    assert run_fingerprint(recipe_from(tiny_tree(), ""), other_data) != first


def test_a_run_with_an_old_recipe_is_refused_with_the_reason(
    header: Header, tiny_tree: Any, saved_recipe: Any, tmp_path: Path
) -> None:
    file = tmp_path / "recipe.yaml"
    recipe = recipe_from(tiny_tree(), "")
    file.write_text(saved_recipe(recipe).replace("max_grad_norm", "clip_norm"))
    check_same_run(recipe, header, "", tmp_path)  # no run has begun
    (tmp_path / "model.safetensors").touch()
    before = file.read_bytes()
    message = r"cannot read \(.*training.clip_norm was renamed to training.max_grad_norm\); choose another folder"
    with pytest.raises(InputError, match=message):
        check_same_run(recipe, header, "", tmp_path)
    assert file.read_bytes() == before


def test_a_setting_that_older_runs_did_not_have_does_not_change_their_fingerprint(
    tiny_run: Path, tiny_tree: Any
) -> None:
    header = load_checkpoint(tiny_run).header
    tree = tiny_tree()
    recipe = recipe_from(tree, "")
    assert _pretraining_settings(recipe)["sources"] == [{"split": "view", "use": "train"}]
    tree["data"]["evaluate"]["exclude_classes"] = ["drinking"]
    assert run_fingerprint(recipe_from(tree, ""), header) != run_fingerprint(recipe, header)


def test_a_run_of_graph_from_before_its_new_settings_can_be_resumed(
    header: Header, tiny_tree: Any, tmp_path: Path
) -> None:
    file, tree = tmp_path / "recipe.yaml", tiny_tree()
    old = {"target": "embedding", "joint_identity": "none", "frame_context": False, "remask": True}
    tree |= {"method": {"kind": "graph"} | old, "masking": None, "evaluation": []}
    recipe = recipe_from(tree, "")
    saved = recipe.model_dump(mode="json")
    for name in ("target", "window", "joint_identity", "frame_context", "pretrain_strl"):
        assert name not in _pretraining_settings(recipe)["method"]  # as in the fingerprint of that run
        del saved["method"][name]
    file.write_text(yaml.safe_dump(saved))
    (tmp_path / "model.safetensors").touch()
    check_same_run(recipe, header, "", tmp_path)
    tree["method"] = {"kind": "graph"}
    with pytest.raises(InputError, match=r"method.frame_context: False in the saved recipe, True now"):
        check_same_run(recipe_from(tree, ""), header, "", tmp_path)
