"""A recipe for several streams, and their ensemble."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.cli import main
from skeletonmae.evaluation.saved_results import SavedResults
from skeletonmae.sequences import SequenceStore


@pytest.fixture
def recipe(tmp_path: Path, tiny_tree: Any) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_tree(epochs=1) | {"evaluation": [{"kind": "linear", "epochs": 2}]}))
    return path


def test_each_stream_is_trained_and_the_scores_are_added(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["streams", str(recipe), "--out", str(tmp_path / "out"), "--streams", "joint", "motion", "--json"]
    assert main(words) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    members = [SavedResults.read(tmp_path / "out" / stream) for stream in ("joint", "motion")]
    assert [member.fields["recipe"]["data"]["stream"] for member in members] == ["joint", "motion"]
    assert load_checkpoint(tmp_path / "out" / "motion").header.clips.stream == "motion"
    ensemble = SavedResults.read(tmp_path / "out" / "ensemble")
    assert printed == json.loads(ensemble.results[0].model_dump_json())
    mean = np.mean([member.scores(member.results[0]).probabilities for member in members], axis=0)
    np.testing.assert_allclose(ensemble.scores(ensemble.results[0]).probabilities, mean, rtol=1e-4, atol=1e-7)
    written = (tmp_path / "out" / "joint" / "results.json").stat().st_mtime_ns
    assert main(words[:-1]) == 0
    output = capsys.readouterr()
    assert output.err.count("kept the complete results") == 2
    assert "joint, motion with equal weights:" in output.out
    assert (tmp_path / "out" / "joint" / "results.json").stat().st_mtime_ns == written
    assert main([*words, "--from-scratch"]) == 0
    output = capsys.readouterr()
    assert "kept" not in output.err
    assert not json.loads(output.out)[0]["pretrained"]


@pytest.mark.parametrize("change", ["precision", "store"])
def test_results_of_other_data_or_precision_are_not_kept(
    tmp_path: Path, tiny_tree: Any, tiny_store: Path, make_store: Any, change: str
) -> None:
    recordings = list(SequenceStore.open(tiny_store))
    make_store(tmp_path / "store", recordings, dataset="synthetic")
    recipe = tmp_path / "tiny.yaml"
    tree = tiny_tree(tmp_path / "store") | {"evaluation": [{"kind": "linear", "epochs": 1}]}
    recipe.write_text(yaml.safe_dump(tree))
    words = [
        "streams",
        str(recipe),
        "--out",
        str(tmp_path / "out"),
        "--streams",
        "joint",
        "bone",
        "--from-scratch",
    ]
    assert main(words) == 0
    if change == "store":
        shutil.rmtree(tmp_path / "store")
        make_store(tmp_path / "store", recordings[:-1], dataset="synthetic")
    else:
        words += ["--precision", "bf16"]
    assert main(words) == 0
    for stream in ("joint", "bone"):
        fields = SavedResults.read(tmp_path / "out" / stream).fields
        assert fields["store_fingerprint"] == SequenceStore.open(tmp_path / "store").fingerprint
        assert fields["precision"] == ("bf16" if change == "precision" else "float32")


@pytest.mark.parametrize("streams", [["bone"], ["bone", "bone"]])
def test_fewer_than_two_streams_are_refused(
    recipe: Path, capsys: pytest.CaptureFixture[str], streams: list[str]
) -> None:
    assert main(["streams", str(recipe), "--streams", *streams]) == 1
    assert (
        "--streams: an ensemble needs members; expected two or more streams; got bone" in capsys.readouterr().err
    )


def test_a_stream_among_the_overrides_would_have_no_effect(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["streams", "recipe.yaml", "data.stream=bone"]) == 1
    assert "data.stream=bone: each stream of the ensemble replaces it" in capsys.readouterr().err
