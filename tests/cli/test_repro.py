"""A published result is run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from skeletonmae.cli import main


@pytest.fixture
def published(tmp_path: Path, tiny_tree: Any, tiny_run: Path) -> Path:
    """A repository with one recipe, and the results of `tiny_run` as published."""
    (tmp_path / "recipes" / "tiny").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "recipes" / "tiny" / "mamp.yaml").write_text(yaml.safe_dump(tiny_tree()))
    rows = [
        {
            "recipe": "recipes/tiny/mamp.yaml", "seeds": [result["seed"]], "mean": round(100 * result["top1"], 2),
            "spread": None,
            **{key: result[key] for key in ("protocol", "setting", "label_fraction", "pretrained", "num_test")},
        }
        for result in json.loads((tiny_run / "results.json").read_text())["results"]
    ]  # fmt: skip
    file = tmp_path / "docs" / "results.json"
    file.write_text(json.dumps(rows))
    return file


def test_rows_are_listed(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repro", "--results", str(published)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["1", "tiny/mamp", "linear"], ["2", "tiny/mamp", "knn"], ["3", "tiny/mamp", "finetune"],
    ]  # fmt: skip
    main(["repro", "--results", str(published), "--json"])
    assert json.loads(capsys.readouterr().out)[1] == "tiny/mamp knn k=1 100% pre-trained"


def test_a_row_of_an_ensemble_names_the_command_that_makes_it(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(published.read_text())
    rows[0]["stream"] = "joint + bone"
    published.write_text(json.dumps(rows))
    assert main(["repro", "1", "--results", str(published)]) == 1
    message = capsys.readouterr().err
    assert "tiny/mamp joint+bone linear" in message
    assert "expected skeletonmae streams recipes/tiny/mamp.yaml" in message


def test_a_row_is_pretrained_evaluated_and_compared(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["repro", "knn", "--results", str(published), "--out", str(tmp_path / "out"), "--json"]
    assert main(words) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["row"] == "tiny/mamp knn k=1 100% pre-trained"
    assert made["agrees"]
    assert made["again"] == pytest.approx(made["published"], abs=0.01)  # the same recipe, seed and machine
    assert (tmp_path / "out" / "tiny-mamp.yaml" / "model.safetensors").exists()


def test_a_row_that_cannot_be_reproduced_has_its_own_exit_status(
    published: Path, tmp_path: Path, tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(published.read_text())
    rows[0]["mean"] = 99.0
    rows[0]["store_fingerprint"] = json.loads((tiny_run / "results.json").read_text())["store_fingerprint"]
    published.write_text(json.dumps(rows))
    words = ["repro", "1", "--results", str(published), "--out", str(tmp_path / "out")]
    assert main([*words, "--checkpoint", str(tiny_run)]) == 4
    said = capsys.readouterr()
    assert "differs from the published 99.00" in said.out
    assert "does not have the contents" not in said.err
    rows[0]["store_fingerprint"] = "0" * 64
    published.write_text(json.dumps(rows))
    assert main([*words, "--checkpoint", str(tiny_run)]) == 4
    assert "store does not have the contents that the row was measured on: other" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("model.safetensors"))


def test_a_shipped_encoder_is_taken_by_its_name(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["repro", "1", "--results", str(published), "--out", str(tmp_path / "out"), "--checkpoint"]
    assert main([*words, "kinect21"]) == 1
    assert "there is no such checkpoint or shipped encoder" in capsys.readouterr().err
    assert main([*words, "kinect20"]) == 1
    message = capsys.readouterr().err
    assert "no such" not in message
    # It is loaded, and has other clips than the tiny recipe.
    assert "data.frames: the model was pre-trained with another value; expected 64; got 8" in message
