"""The script that trains and ships the encoders: on a CPU with tiny settings, resumed, with synthetic motion."""

from __future__ import annotations

import hashlib
import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.compatibility import check_clips_fit_model
from skeletonmae.encoders import load_encoder
from skeletonmae.encoders.shipped import Index
from skeletonmae.recipe import read_recipe

SCRIPTS = Path(__file__).parents[2] / "scripts"
TINY = (
    "data.frames=8",
    "method.token_frames=4",
    "method.width=8",
    "method.depth=1",
    "method.heads=2",
    "method.decoder_width=8",
    "method.decoder_depth=1",
    "training.epochs=1",
    "training.warmup_epochs=0",
    "training.precision=float32",
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("train_encoders")


def test_train_and_ship(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = tmp_path / "pool" / "synthetic"
    sources = f"data.pretrain=[{{store: {pool}, use: all, share: 1}}]"
    words = ["free", "--device", "cpu", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(
        "sys.argv", ["train_encoders.py", *words, "--commit", "abc", "--num-synthetic", "12", sources, *TINY]
    )
    assert script.main() == 0
    files = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert files == ["free.card.json", "free.md", "free.safetensors", "index.json"]
    (entry,) = Index.model_validate_json((tmp_path / "out" / "index.json").read_bytes()).encoders
    assert entry.license.startswith("Apache License 2.0")
    card = (tmp_path / "out" / "free.md").read_text(encoding="utf-8")
    assert "license: apache-2.0\n" in card
    assert "| commit | abc |" in card
    assert "12 recordings" in card
    assert "these weights are not" not in card
    weights = (tmp_path / "out" / "free.safetensors").read_bytes()
    assert script.main() == 0  # the run is complete: it is shipped again
    assert (tmp_path / "out" / "free.safetensors").read_bytes() == weights
    assert load_checkpoint(tmp_path / "out" / "free.safetensors").header.role == "encoder"


def test_the_card_names_the_commits_of_the_training(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, out = tmp_path / "pool" / "synthetic", tmp_path / "out"
    sources = f"data.pretrain=[{{store: {pool}, use: all, share: 1}}]"
    words = ["free", "--device", "cpu", "--runs", str(tmp_path), "--out", str(out), "--num-synthetic", "12"]

    def run(commit: str) -> str:
        monkeypatch.setattr(script, "_commit", lambda: commit)
        monkeypatch.setattr("sys.argv", ["train_encoders.py", *words, sources, *TINY])
        assert script.main() == 0
        return (out / "free.md").read_text(encoding="utf-8")

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(script.runs, "pretrain", stop)
        for _ in range(2):  # stopped, and stopped again with the same code
            with pytest.raises(KeyboardInterrupt):
                run("first")
    assert "| commit | first, then second |" in run("second")
    assert "| commit | first, then second |" in run("third")  # complete: it is only shipped again
    (tmp_path / "free" / "commits.txt").unlink()
    assert "| commit | unknown |" in run("third")


def test_base_starts_from_the_encoder_in_the_folder_of_the_shipped_files(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pool, out = tmp_path / "pool" / "synthetic", tmp_path / "out"
    sources = f"data.pretrain=[{{store: {pool}, use: all, share: 1}}]"

    def run(*words: str) -> Any:
        common = ("--device", "cpu", "--runs", str(tmp_path), "--out", str(out), "--num-synthetic", "12", sources)
        monkeypatch.setattr("sys.argv", ["train_encoders.py", *common, *TINY, *words])
        return script.main()

    assert run("small") == 0
    first = (out / "small.safetensors").read_bytes()
    assert run("base", "method.depth=2") == 0
    base = load_checkpoint(out / "base.safetensors").header
    assert (base.method.depth, base.recipe["init_from"]) == (2, str(out / "small.safetensors"))
    digest = hashlib.sha256(first).hexdigest()[:12]
    started = f"| started from | `small` (SHA-256 {digest}), which was trained for 0.0 hours |"
    assert started in (out / "base.md").read_text(encoding="utf-8")
    shutil.rmtree(tmp_path / "small")
    assert run("small", "training.seed=1") == 0
    assert (out / "small.safetensors").read_bytes() != first
    assert run("base", "method.depth=2") == 1  # its run started from the other one
    assert "the folder holds another run" in capsys.readouterr().err


def test_the_recipe_of_base_fits_the_shipped_small(script: Any) -> None:
    recipe, small = read_recipe(script.RECIPES / "base.yaml"), load_encoder("small").header
    check_clips_fit_model(recipe, small)
    assert recipe.method.starting_from(small.method) == recipe.method
    assert recipe.method.depth == 2 * small.method.depth


def test_a_wrong_setting(script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["train_encoders.py", "small", "training.epoch=1"])
    assert script.main() == 1
    assert "did you mean epochs?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["utd_mhad", "msr_action3d"])
def test_recipes_with_few_labels_evaluate_the_network_of_small(script: Any, name: str) -> None:
    recipe, small = (read_recipe(script.RECIPES / f"{file}.yaml") for file in (f"few_labels_{name}", "small"))
    assert recipe.method == small.method
    own = read_recipe(script.RECIPES.parent / name / "mamp.yaml")
    few = [one for one in own.evaluation if one.kind == "finetune" and one.label_fraction == 0.1]
    assert few == list(recipe.evaluation)
    assert recipe.data.augment == own.data.augment
    assert (recipe.data.evaluate.store, recipe.data.evaluate.split) == (Path("stores") / name, "subject")


@pytest.mark.parametrize("name", ["small", "base", "free"])
def test_recipes(script: Any, name: str) -> None:
    pool = importlib.import_module("encoder_pool")
    card = importlib.import_module("encoder_card")
    recipe = read_recipe(script.RECIPES / f"{name}.yaml")
    stores = [source.store.name for source in recipe.data.pretrain]
    assert {source.store.parent for source in recipe.data.pretrain} == {Path("stores/pool")}
    assert set(stores) == ({"cmu", "synthetic"} if name == "free" else {*pool.SOURCES, "synthetic"})
    assert not set(stores) & set(pool.UNSEEN)
    assert all(card._dataset(source).license for source in recipe.data.pretrain)
    if name != "free":
        research = ("NW-UCLA", "UTD-MHAD", "Kinder-Gator", "MSR-Action3D", "Penn Action", "Bandai-Namco")
        assert all(title in card.TEXTS[name].license for title in research)
