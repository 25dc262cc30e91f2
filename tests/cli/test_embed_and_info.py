"""`embed` writes features, and `info` says what an encoder, a checkpoint or a store is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from skeletonmae.cli import main
from skeletonmae.skeletons import KINECT20


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        output = capsys.readouterr()
        return status, output.out, output.err

    return run


@pytest.fixture
def files(tmp_path: Path, write_sample: Any) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(3):
        values = np.random.default_rng(number).normal(size=(9, 20, 3))
        write_sample("nw_ucla", folder / f"clip {number}.json", values)
    return folder


def test_features_of_files(cli: Any, files: Path, tmp_path: Path, tiny_run: Path, ship_tiny: Any) -> None:
    ship_tiny(tiny_run)
    out = tmp_path / "features.npz"
    status, text, messages = cli("embed", files, "--encoder", "tiny", "--out", out, "--device", "cpu")
    assert status == 0
    assert text == f"3 x {25 * 16} features: {out}\n"
    assert messages.count("terms of tiny: for tests\n") == 1
    with np.load(out) as arrays:
        assert arrays["features"].shape == (3, 25 * 16)
        assert [Path(name).stem for name in arrays["names"].tolist()] == ["clip 0", "clip 1", "clip 2"]


def test_parts_of_time(cli: Any, files: Path, tmp_path: Path, tiny_run: Path) -> None:
    out = tmp_path / "features.npz"
    words = ("embed", files, "--encoder", tiny_run, "--out", out, "--device", "cpu", "--time-parts", 2)
    status, text, _ = cli(*words)
    assert (status, text) == (0, f"3 x {2 * 25 * 16} features: {out}\n")
    status, _, messages = cli(*words, "--pooling", "statistics")
    assert status == 1
    assert "pooling statistics is of all of a clip" in messages


def test_what_was_left_out(cli: Any, files: Path, tmp_path: Path, tiny_run: Path) -> None:
    (files / "broken.csv").write_text("nothing")
    out = tmp_path / "features.csv"
    words = ("embed", files, "--encoder", tiny_run, "--out", out, "--pooling", "mean", "--device", "cpu")
    status, text, messages = cli(*words, "--json")
    summary = json.loads(text)
    assert status == 3
    assert (summary["rows"], summary["features"], summary["pooling"]) == (3, 16, "mean")
    assert len(out.read_text().splitlines()) == 4
    assert [Path(one["recording"]).name for one in summary["left_out"]] == ["broken.csv"]
    assert f"left out: {files / 'broken.csv'}" in messages
    assert "terms" not in messages


def test_recordings_of_one_name_are_said(cli: Any, tmp_path: Path, tiny_run: Path, write_sample: Any) -> None:
    """Names are relative to the folder that is given, so that files of two folders may have the same."""
    for number in range(2):
        (tmp_path / "both" / str(number)).mkdir(parents=True)
        for name in ("walk", "run"):
            values = np.random.default_rng(number).normal(size=(9, 20, 3))
            write_sample("nw_ucla", tmp_path / "both" / str(number) / f"{name}.json", values)
    words = ("--encoder", tiny_run, "--out", tmp_path / "f.npz", "--device", "cpu", "--json")
    both = tmp_path / "both"
    notes = json.loads(cli("embed", both / "0", both / "1", *words)[1])["notes"]
    advice = "names are relative to the folder that is given, so give a folder that holds all recordings"
    assert f"2 rows have the name 'run', and 1 more names are repeated; {advice}" in notes
    notes = json.loads(cli("embed", both / "0" / "run.json", both / "1" / "run.json", *words)[1])["notes"]
    assert f"2 rows have the name 'run'; {advice}" in notes
    assert not any("rows have the name" in note for note in json.loads(cli("embed", both, *words)[1])["notes"])
    assert not any(
        "rows have the name" in note for note in json.loads(cli("embed", both / "0", *words)[1])["notes"]
    )


def test_what_is_unusual_is_said(cli: Any, tmp_path: Path, tiny_run: Path) -> None:
    """Millimeters that are said to be meters, of a body that does not move, with half of the joints."""
    rng = np.random.default_rng(0)
    joints = KINECT20.joints[:16]
    lines = ["frame,joint,x,y,z"]
    pose = 1000 * rng.normal(size=(16, 3))
    for frame in range(12):
        lines += [f"{frame},{joint},{x},{y},{z}" for joint, (x, y, z) in zip(joints, pose, strict=True)]
    (tmp_path / "still.csv").write_text("\n".join(lines))
    words = (
        "embed",
        tmp_path / "still.csv",
        "--encoder",
        tiny_run,
        "--out",
        tmp_path / "f.npz",
        "--device",
        "cpu",
    )
    _, text, messages = cli(*words, "--json", "--unit", "m")
    assert f"layout: kinect20, 16 of its 20 joints observed; never {', '.join(KINECT20.joints[16:])}" in messages
    warnings = json.loads(text)["warnings"]
    assert any(line.startswith("units: still: the body size is") for line in warnings)
    assert any("all 12 of 12 frames are the same" in line for line in warnings)
    assert messages.count("warning: ") == len(warnings)


def test_mistakes(cli: Any, files: Path, tmp_path: Path, tiny_run: Path) -> None:
    status, _, messages = cli("embed", files, "--encoder", tiny_run, "--out", tmp_path / "features.txt")
    assert (status, "written as .npz, .csv or .parquet" in messages) == (1, True)
    status, _, messages = cli("embed", files, "--encoder", "unknown", "--out", tmp_path / "features.npz")
    assert (status, "there is no such checkpoint or shipped encoder" in messages) == (1, True)
    (files / "only.csv").write_text("nothing")
    words = ("--encoder", tiny_run, "--out", tmp_path / "features.npz", "--device", "cpu")
    status, _, messages = cli("embed", files / "only.csv", *words)
    assert (status, "no recording could be embedded" in messages) == (1, True)
    assert not (tmp_path / "features.npz").exists()


def test_info_lists_the_encoders(cli: Any, tiny_run: Path, ship_tiny: Any) -> None:
    folder = ship_tiny(tiny_run)
    assert cli("info") == (0, "tiny: A tiny encoder\n  terms: for tests\n", "")
    (entry,) = json.loads(cli("info", "--json")[1])
    assert (entry["name"], entry["license"]) == ("tiny", "for tests")
    (folder / "index.json").write_text('{"encoders": []}')
    assert cli("info")[1] == "no encoders are shipped in this version\n"


def test_info_of_what_is_no_model(cli: Any, tmp_path: Path, tiny_run: Path, ship_tiny: Any) -> None:
    ship_tiny(tiny_run)
    (tmp_path / "clips").mkdir()
    for name, message in (
        ("clips", "this is neither a model nor a store; expected the name of a shipped encoder"),
        ("tinny", "there is no such thing, did you mean 'tiny'?"),
        ("x" * 5000, "there is no such thing; expected the name"),
    ):
        status, _, messages = cli("info", tmp_path / "clips" if name == "clips" else name)
        assert (status, message in messages) == (1, True)


def test_info_of_an_encoder_and_a_checkpoint(cli: Any, tiny_run: Path, ship_tiny: Any) -> None:
    ship_tiny(tiny_run)
    status, text, _ = cli("info", "tiny")
    assert status == 0
    assert text.startswith("# tiny\n\nname: tiny\n")
    assert "license: for tests\n" in text
    shipped, full, classifier = (
        json.loads(cli("info", what, "--json")[1])
        for what in ("tiny", tiny_run, tiny_run / "finetune-1-seed0.safetensors")
    )
    assert (shipped["role"], full["role"], classifier["role"]) == ("encoder", "method", "classifier")
    cost = json.loads((tiny_run / "results.json").read_text())["cost"]
    assert shipped["parameters"] == full["parameters"] == cost["parameters"] < classifier["parameters"]
    assert shipped["card"] == "# tiny\n"
    assert full["joints"][:2] == ["pelvis", "spine"]
    assert full["pretrained_on"] == ["store"]
    assert full["started_from"] == "random weights"
    assert len(classifier["classes"]) == 25


def test_info_of_a_classifier(cli: Any) -> None:
    """A file that `fit` wrote, or the folder of `save_pretrained`."""
    frozen = Path(__file__).parents[1] / "fixtures" / "frozen"
    for name in ("classifier.safetensors", "classifier_folder"):
        fields = json.loads(cli("info", frozen / name, "--json")[1])
        assert (fields["role"], fields["features"]) == ("classifier", "encoder")
        assert fields["classes"] == ["bow", "kick", "wave"]
        assert fields["recordings"] == 12


def test_info_of_a_store(cli: Any, tiny_store: Path) -> None:
    status, text, _ = cli("info", tiny_store)
    assert status == 0
    assert "recordings: 96\n" in text
    assert "layout: ntu25\n" in text
    assert cli("info", "nowhere")[0] == 1


def test_a_shipped_encoder_is_evaluated_and_started_from(
    cli: Any, tmp_path: Path, tiny_tree: Any, tiny_run: Path, ship_tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship_tiny(tiny_run)
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "own.yaml"
    recipe.write_text(yaml.safe_dump(tiny_tree() | {"evaluation": [{"kind": "knn", "k": [1]}]}))
    status, text, messages = cli("evaluate", recipe, "--checkpoint", "tiny", "--device", "cpu", "--json")
    assert status == 0, messages
    folder = Path("runs") / f"{tmp_path.name}-own-tiny"
    assert json.loads(text)[0]["top1"] == json.loads((folder / "results.json").read_text())["results"][0]["top1"]
    words = ("init_from=tiny", "training.epochs=1", "training.warmup_epochs=0", "--out", "run", "--device", "cpu")
    status, _, messages = cli("pretrain", recipe, *words)
    assert status == 0, messages
    fields = json.loads(cli("info", "run", "--json")[1])
    assert fields["license"] == "for tests"  # it inherits the terms
    assert fields["started_from"] == "tiny"
    assert "\nstarted from: tiny\npretrained on: store\n" in cli("info", "run")[1]
