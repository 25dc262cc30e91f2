"""The script that ships an encoder: what it writes, and what it refuses."""

from __future__ import annotations

import hashlib
import importlib
import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skeletonmae import datasets
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.encoders import find_shipped, shipped_encoders
from skeletonmae.encoders.shipped import Index
from skeletonmae.errors import InputError

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, which knows the terms of the tiny run's store and a text for an encoder called `tiny`."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    card = importlib.import_module("encoder_card")
    known = replace(datasets.SYNTHETIC, title="Built-in motion", source="generated", license="free")
    monkeypatch.setitem(card.DATASETS, "store", known)
    monkeypatch.setitem(card.TEXTS, "tiny", card.Text("free", "a tiny encoder", "none", "many", "everybody"))
    return importlib.import_module("ship_encoder")


def test_files_and_index(script: Any, tiny_run: Path, tmp_path: Path) -> None:
    for facts in ({"commit": "abc"}, {"commit": "abd"}):  # a second time, it replaces the entry
        file = script.ship(tiny_run, "tiny", facts, [tiny_run], folder=tmp_path)
    assert load_checkpoint(file).header.role == "encoder"
    (entry,) = Index.model_validate_json((tmp_path / "index.json").read_bytes()).encoders
    assert (entry.name, entry.license) == ("tiny", "free")
    assert entry.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    card = (tmp_path / "tiny.md").read_text(encoding="utf-8")
    assert "# tiny\n\nA tiny encoder.\n" in card
    assert "**Terms**: free." in card
    assert "| commit | abd |" in card
    assert "| Built-in motion | generated | 68 of 96: camera" in card
    assert "| free |" in card
    assert "| epochs | 2 |" in card
    assert "| duration | 0.0 hours |" in card


def test_the_duration_counts_the_batches_of_accumulation(script: Any, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,batches_per_second\n3600,1\n", encoding="utf-8")
    recipe = {"training": {"gradient_accumulation_steps": 2}}
    assert importlib.import_module("encoder_card").training_hours(tmp_path, recipe) == "2.0 hours"


def test_the_card_names_what_the_training_started_from(script: Any, tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "start.txt").write_text("`other`, trained for 3 hours\n", encoding="utf-8")
    script.ship(run, "tiny", {}, folder=tmp_path)
    assert "| started from | `other`, trained for 3 hours |" in (tmp_path / "tiny.md").read_text(encoding="utf-8")


def test_the_example_of_the_script_is_accepted(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    example = script.__doc__.replace("\\\n", " ").splitlines()[2]
    monkeypatch.setattr(
        script, "ship", lambda checkpoint, *_, **__: checkpoint_files.append(checkpoint) or Path(script.__file__)
    )
    checkpoint_files: list[Path] = []
    monkeypatch.setattr("sys.argv", shlex.split(example)[1:])
    assert script.main() == 0
    assert checkpoint_files == [Path("runs/nw_ucla-mamp")]


def test_a_shipped_encoder_may_bridge_other_gaps_than_its_pretraining(
    script: Any, tiny_run: Path, tmp_path: Path
) -> None:
    assert load_checkpoint(tiny_run).header.clips.bridge_seconds == 0.25
    header = load_checkpoint(script.ship(tiny_run, "tiny", {}, folder=tmp_path, bridge_seconds=0.5)).header
    assert header.clips.bridge_seconds == 0.5
    assert header.recipe["data"]["bridge_seconds"] == 0.25  # that of the pre-training
    row = "| bridging of gaps | 0.5 s in the shipped file, 0.25 s in the pre-training |"
    assert row in (tmp_path / "tiny.md").read_text(encoding="utf-8")


def test_results(script: Any, tiny_run: Path, tmp_path: Path) -> None:
    without = script.ship(tiny_run, "tiny", {}, folder=tmp_path).read_bytes()
    assert "Not measured with these weights." in (tmp_path / "tiny.md").read_text(encoding="utf-8")
    file = script.ship(tiny_run, "tiny", {}, [tiny_run], [tiny_run], folder=tmp_path)
    assert file.read_bytes() == without
    rows = [line.split(" | ") for line in (tmp_path / "tiny.md").read_text(encoding="utf-8").splitlines()]
    found = {row[2]: row for row in rows if row[0] == "| Synthetic motion"}
    assert set(found) == {"linear epochs=3", "knn k=1", "finetune"}
    accuracy, untrained = found["linear epochs=3"][4], found["linear epochs=3"][6].removesuffix(" |")
    assert accuracy.startswith(f"{untrained} (")


def test_the_ridge_classifier_of_the_same_split(
    script: Any, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"dataset": "synthetic", "split": "subject", "top1": 0.111},
        {"dataset": "synthetic", "split": "view", "top1": 0.432},
        {"dataset": "synthetic", "split": "view", "top1": 0.321},
    ]
    file = tmp_path / "ridge.json"
    file.write_text(json.dumps({"rows": rows}), encoding="utf-8")
    monkeypatch.setattr(importlib.import_module("encoder_card"), "RIDGE", file)
    script.ship(tiny_run, "tiny", {}, [tiny_run], folder=tmp_path)
    lines = (tmp_path / "tiny.md").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line.startswith("| Synthetic motion")]
    assert len(found) == 3
    assert all(line.endswith("| 43.2 |") for line in found)


def test_unknown_terms_and_texts(script: Any, tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no text for the card of this encoder"):
        script.ship(tiny_run, "unknown", {}, folder=tmp_path)
    importlib.import_module("encoder_card").DATASETS.pop("store")
    with pytest.raises(InputError, match="the terms of this dataset are not known"):
        script.ship(tiny_run, "tiny", {}, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_large_encoder(script: Any, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = importlib.import_module("encoder_card")
    monkeypatch.setitem(card.TEXTS, "tiny", card.TEXTS["tiny"]._replace(max_bytes=1000))
    with pytest.raises(InputError, match="the encoder is too large"):
        script.ship(tiny_run, "tiny", {}, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_cannot_be_shipped_leaves_the_old_one(
    script: Any, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.ship(tiny_run, "tiny", {"commit": "old"}, folder=tmp_path)
    old = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(old) == {"tiny.safetensors", "tiny.md", "tiny.card.json", "index.json"}
    card = importlib.import_module("encoder_card")
    with monkeypatch.context() as context:
        context.setitem(card.TEXTS, "tiny", card.TEXTS["tiny"]._replace(max_bytes=1000))
        with pytest.raises(InputError, match="the encoder is too large"):
            script.ship(tiny_run, "tiny", {"commit": "new"}, folder=tmp_path, bridge_seconds=0.5)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == old

    def full_disk(path: Path, content: bytes) -> int:
        if "index" in path.name:
            raise OSError(28, "No space left on device")
        return write(path, content)

    write = Path.write_bytes
    with monkeypatch.context() as context:
        context.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(OSError, match="No space left"):
            script.ship(tiny_run, "tiny", {"commit": "new"}, folder=tmp_path, bridge_seconds=0.5)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == old


def test_a_card_is_made_again_from_what_was_shipped(
    script: Any, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = importlib.import_module("encoder_card")
    file = script.ship(tiny_run, "tiny", {"commit": "abc"}, [tiny_run], folder=tmp_path)
    shipped = (tmp_path / "tiny.md").read_text(encoding="utf-8")
    (tmp_path / "tiny.md").unlink()
    monkeypatch.setattr("sys.argv", ["encoder_card.py", "tiny", "--folder", str(tmp_path)])
    assert card.main() == 0
    assert (tmp_path / "tiny.md").read_text(encoding="utf-8") == shipped
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(InputError, match="the facts are those of other weights"):
        card.shipped_card("tiny", tmp_path)
    (tmp_path / "tiny.card.json").unlink()
    assert card.main() == 1
    with pytest.raises(InputError, match="there is no text for the card"):
        card.shipped_card("unknown", tmp_path)


def test_texts_and_results_of_other_weights_are_not_on_a_card(
    script: Any, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prose about one training, and its rows, belong to these weights alone."""
    card, results = (importlib.import_module(name) for name in ("encoder_card", "encoder_results"))
    file = script.ship(tiny_run, "tiny", {}, folder=tmp_path)
    weights = hashlib.sha256(file.read_bytes()).hexdigest()
    row = {"encoder": "tiny", "set": "sbu", "features": "parts", "protocol": "linear", "top1": 0.5}
    rows = [{**row, "interval": [0.4, 0.6], "num_test": 9, "weights": weights}]
    benchmark = tmp_path / "encoders.json"
    benchmark.write_text(json.dumps({"rows": rows}), encoding="utf-8")
    monkeypatch.setattr(results, "BENCHMARK", benchmark)
    monkeypatch.setitem(card.WEIGHTS_TEXTS, weights, "- It was stopped once.")
    folder = tmp_path / "shipped"
    script.ship(tiny_run, "tiny", {}, folder=folder)
    text = (folder / "tiny.md").read_text(encoding="utf-8")
    assert "- It was stopped once." in text
    assert "| SBU Kinect Interaction | 9 |  | 50.0 (40.0 to 60.0) |" in text
    assert "Not measured with these weights" not in text
    script.ship(tiny_run, "tiny", {}, folder=folder, bridge_seconds=0.5)
    text = (folder / "tiny.md").read_text(encoding="utf-8")
    assert "- It was stopped once." not in text
    assert "SBU" not in text
    assert "\nNot measured with these weights.\n" in text
    assert card.NOT_MEASURED in text


@pytest.mark.parametrize("name", [encoder.name for encoder in shipped_encoders()])
def test_the_cards_are_those_of_the_shipped_weights(script: Any, name: str) -> None:
    """A text, a result or a card that was changed alone; `scripts/encoder_card.py NAME` writes the card again."""
    encoder = find_shipped(name)
    assert encoder is not None
    assert importlib.import_module("encoder_card").shipped_card(name) == encoder.card


def test_terms(script: Any, tiny_run: Path, tmp_path: Path) -> None:
    page = tmp_path / "TERMS.md"
    page.write_text(
        "# Terms\n\n| encoder | terms |\n|---|---|\n| `other` | Yours. |\n\nThe end.\n", encoding="utf-8"
    )
    for _ in range(2):  # a second time, the row is there
        script.ship(tiny_run, "tiny", {}, folder=tmp_path)
        assert page.read_text(encoding="utf-8") == (
            "# Terms\n\n| encoder | terms |\n|---|---|\n| `other` | Yours. |\n| `tiny` | Free. |\n\nThe end.\n"
        )
    with pytest.raises(InputError, match="no table"):
        script.add_terms("# Terms\n", "tiny", "free")
