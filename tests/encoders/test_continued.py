from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.cli import main
from skeletonmae.compatibility import find_pretrained
from skeletonmae.encoders import load_encoder, settings_to_continue
from skeletonmae.errors import InputError
from skeletonmae.recipe import read_recipe
from skeletonmae.sequences import SequenceStore


@pytest.fixture(scope="module")
def own_store(make_store: Any, make_recording: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unlabeled recordings of another layout than that of the encoders here."""
    folder: Path = tmp_path_factory.mktemp("own") / "store"
    make_store(folder, [make_recording(number, 1, 20, lost=0.1) for number in range(12)])
    return folder


SHORT = ("training.epochs=1", "training.min_steps=0", "training.warmup_epochs=0")


def test_a_store_is_enough_to_go_on_from_a_shipped_encoder(own_store: Path, tmp_path: Path, alone: Any) -> None:
    recipe = read_recipe(own_store, SHORT, settings_to_continue("kinect20"))
    shipped = load_encoder("kinect20")
    assert recipe.data.clips == shipped.header.clips
    assert recipe.method == shipped.header.method
    assert recipe.training.lr == pytest.approx(3e-4)
    assert recipe.training.batch_size == 64
    messages: list[str] = []
    path = runs.pretrain(recipe, tmp_path / "run", alone, on_message=messages.append)
    checkpoint = load_checkpoint(path)
    assert checkpoint.header.license == shipped.header.license
    assert messages == [f"the weights have the terms of kinect20: {shipped.header.license}"]
    weights, start = checkpoint.method.state_dict(), shipped.method.state_dict()
    changes = [
        float((weights[name] - start[name]).norm() / start[name].norm().clamp(min=1e-3))
        for name in weights
        if name.startswith("encoder.") and start[name].dim() > 1
    ]
    assert 0 < max(changes) < 0.5  # one step from the weights of the encoder
    # What the encoder itself has seen is not among the recordings here.
    assert find_pretrained(SequenceStore.open(own_store), checkpoint.header) is None


def test_a_recipe_may_change_what_it_likes(own_store: Path, tmp_path: Path, tiny_run: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text(f"data: {{evaluate: {{store: {own_store}}}, augment: []}}\ntraining: {{lr: 0.01}}\n")
    header = load_checkpoint(tiny_run).header
    settings = read_recipe(recipe, (), settings_to_continue(tiny_run))
    assert settings.init_from == tiny_run
    assert settings.training.lr == 0.01
    assert settings.data.augment == ()
    assert settings.data.transforms == header.clips.transforms
    assert settings.masking == header.masking


def test_the_command(own_store: Path, tmp_path: Path, tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    command = ["pretrain", str(own_store), *SHORT, "--from", str(tiny_run), "--out", out, "--device", "cpu"]
    assert main(command) == 0
    assert f"{out}/model.safetensors" in capsys.readouterr().out
    start, end = (load_checkpoint(Path(run)).method.state_dict() for run in (tiny_run, out))
    assert start.keys() == end.keys()
    assert any(not torch.equal(start[name], end[name]) for name in start)
    assert main(["pretrain", str(own_store)]) == 1
    assert "this is a store, not a recipe; expected a recipe, or --from" in capsys.readouterr().err


def test_what_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such checkpoint or shipped encoder"):
        settings_to_continue(tmp_path / "nothing")
