"""The demo, made small."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.cli import main
from skeletonmae.demo import run as demo
from skeletonmae.errors import InputError
from skeletonmae.recipe import Recipe, recipe_from


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's own constants and recipe, with fewer steps of a smaller model."""
    full = demo.demo_recipe

    def recipe(*given: Any) -> Recipe:
        tree: dict[str, Any] = full(*given).model_dump(mode="json")
        tree["method"] |= {"width": 16, "depth": 1, "heads": 2, "decoder_width": 16, "decoder_depth": 1}
        tree["method"]["token_frames"], tree["data"]["frames"] = 4, 12
        tree["evaluation"][-1]["training"] |= {"epochs": 1, "min_steps": 2}
        for protocol in tree["evaluation"]:
            if protocol["kind"] == "linear":
                protocol["epochs"] = 5
        return recipe_from(tree, "small")

    monkeypatch.setattr(demo, "demo_recipe", recipe)
    monkeypatch.setattr(demo, "NUM_SYNTHETIC", 100)
    monkeypatch.setattr(demo, "PRETRAINING_STEPS", 4)
    monkeypatch.setattr(demo, "SEEDS", (0, 1))
    monkeypatch.setattr(demo, "LABEL_FRACTION", 0.3)
    monkeypatch.setattr("os.cpu_count", lambda: 1)


def rows_of(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.DOTALL)
    return [
        [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
        for row in rows
    ]


def assert_every_accuracy_says_what_it_is(folder: Path) -> list[dict[str, Any]]:
    written = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    html = (folder / "report.html").read_text(encoding="utf-8")
    rows = [row for row in rows_of(html) if row]
    accuracies: list[dict[str, Any]] = written["accuracies"]
    for one in accuracies:
        assert 0 <= one["top1"] <= one["top5"] <= 1
        low, high = one["top1_interval"]
        assert low <= one["top1"] <= high
        numbers = [f"{100 * one['top1']:.1f}", f"{100 * low:.1f} to {100 * high:.1f}"]
        described = [row[0] for row in rows if row[1:] == numbers]
        encoder = "he pre-trained encoder" if one["pretrained"] else "n encoder that was not pre-trained"
        clips = f" {one['training_clips']} labeled clips"
        tested = f"; tested on {one['test_clips']} clips "
        seed = f"(seed {one['seed']})" if one["protocol"] == "finetune" else ""
        assert any(all(part in text for part in (encoder, clips, tested, seed)) for text in described), one
    kinds = {(one["protocol"], one["pretrained"], one["label_fraction"], one["seed"]) for one in accuracies}
    assert len(kinds) == len(accuracies)
    for pretrained in (True, False):
        assert {("linear epochs=5", pretrained, 1.0, 0), ("knn k=1", pretrained, 1.0, 0)} <= kinds
        assert {("finetune", pretrained, 0.3, 0), ("finetune", pretrained, 0.3, 1)} <= kinds
    recipe_from(written["recipe"], "")
    assert "http://" not in html.replace("http://www.w3.org/", "")
    assert "<script src" not in html
    assert html.count("<svg") + html.count("data:image") >= 4
    return accuracies


@pytest.mark.usefixtures("small")
def test_on_synthetic_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "my demo"
    assert main(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert str(out / "report.html") in said
    accuracies = assert_every_accuracy_says_what_it_is(out)
    assert len([line for line in said.splitlines() if "pre-trained" in line]) == len(accuracies)
    assert "These accuracies prove nothing" in said.splitlines()[0]
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "<h1>skeletonmae on synthetic motion</h1>" in html
    assert "test recordings of subject" in html
    made = [(out / name).stat().st_mtime_ns for name in ("store/manifest.json", "pretrained/state.pt")]
    assert main(["demo", "--out", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["accuracies"]
    assert [(one["protocol"], one["top1"]) for one in again] == [
        (one["protocol"], one["top1"]) for one in accuracies
    ]
    assert made == [(out / name).stat().st_mtime_ns for name in ("store/manifest.json", "pretrained/state.pt")]


@pytest.mark.usefixtures("small")
def test_on_a_folder_of_ones_own(tmp_path: Path, write_sample: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    rng = np.random.default_rng(0)
    for action in ("wave", "bow"):
        (tmp_path / "my recordings" / action).mkdir(parents=True)
        for number in range(10):
            write_sample(
                "nw_ucla", tmp_path / "my recordings" / action / f"{number}.json", rng.normal(size=(8, 20, 3))
            )
    assert main(["demo", "--out", str(tmp_path / "out"), "--data", str(tmp_path / "my recordings")]) == 0
    assert_every_accuracy_says_what_it_is(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["recordings"] == 20
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<h1>skeletonmae on the folder my recordings</h1>" in html
    _, warning = re.findall(r'<p class="[a-z]+">([^<]*)</p>', html)
    assert warning == written["warning"]
    assert warning.startswith("These accuracies prove nothing, because there are only 4 test clips")
    assert html.index(warning) < html.index("<dl>"), "before the first number"
    assert "percentage points over" not in html
    # Other recordings: nothing of the first ones stays if the second demo does not end.
    write_sample("nw_ucla", tmp_path / "my recordings" / "bow" / "new.json", rng.normal(size=(8, 20, 3)))
    monkeypatch.setattr(demo.runs, "pretrain", interrupt)
    assert main(["demo", "--out", str(tmp_path / "out"), "--data", str(tmp_path / "my recordings")]) == 130
    assert not (tmp_path / "out" / "report.html").exists()
    assert not (tmp_path / "out" / "result.json").exists()


@pytest.mark.usefixtures("small")
def test_without_labels_there_is_nothing_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write_sample: Any
) -> None:
    (tmp_path / "raw").mkdir()
    write_sample("nw_ucla", tmp_path / "raw" / "a.json", np.ones((8, 20, 3)))
    assert main(["demo", "--out", str(tmp_path / "out"), "--data", str(tmp_path / "raw")]) == 1
    assert "at least two actions" in capsys.readouterr().err


def test_it_touches_only_what_it_made(tmp_path: Path) -> None:
    precious = tmp_path / "pretrained" / "model.safetensors"
    precious.parent.mkdir()
    precious.write_text("precious")
    with pytest.raises(InputError, match="sub-folders that no demo made"):
        demo.run_demo(tmp_path, None, "cpu", lambda *_: None, lambda _: None)
    assert precious.read_text() == "precious"


def test_the_cores_of_a_cpu_train_large_stores_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "num_cores", lambda: 1)
    assert demo._num_processes(range(1000), "cpu") == 1  # type: ignore[arg-type]
    monkeypatch.setattr(demo, "num_cores", lambda: 2)
    assert demo._num_processes(range(1000), "cpu") == 2  # type: ignore[arg-type]
    assert demo._num_processes(range(999), "cpu") == 1  # type: ignore[arg-type]
    monkeypatch.setattr(demo, "num_cores", lambda: 64)
    assert demo._num_processes(range(1000), "cpu") == 2  # type: ignore[arg-type]
    monkeypatch.setattr(demo, "choose_device", lambda _: torch.device("cuda:0"))
    assert demo._num_processes(range(1000), "auto") == 1  # type: ignore[arg-type]
    monkeypatch.setattr(demo, "choose_device", lambda _: torch.device("cpu"))
    monkeypatch.setattr(demo, "can_connect", lambda: False)
    assert demo._num_processes(range(1000), "cpu") == 1  # type: ignore[arg-type]
