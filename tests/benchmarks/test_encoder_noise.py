"""What noise and other frame rates do to the features of an encoder: noise, resampling, and the pages."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("encoder_noise")


@pytest.fixture
def stores(tiny_store: Path, tmp_path: Path) -> Path:
    """A folder with the tiny store, under the name of its dataset."""
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "synthetic").symlink_to(tiny_store)
    return tmp_path / "stores"


def test_noise_is_that_of_the_recording(noise: Any, make_recording: Any) -> None:
    recording = make_recording(frames=400)
    noisy = noise.add_noise(recording, 0.3, 7)
    change = noisy.positions - recording.positions
    assert not change[~recording.observed].any()
    assert change[recording.observed].std() == pytest.approx(0.3, rel=0.03)
    np.testing.assert_array_equal(noise.add_noise(recording, 0.3, 7).positions, noisy.positions)
    assert np.abs(noise.add_noise(recording, 0.3, 8).positions - noisy.positions).max() > 0.1
    np.testing.assert_array_equal(noisy.observed, recording.observed)


def test_each_clip_is_tested_once_with_noise_and_fitted_without(
    noise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, labels = np.array([2, 3, 5, 7]), np.array([9, 9, 0, 1, 9, 0, 9, 1])
    task = noise.Task(np.zeros((8, 0)), labels, np.full(8, ""), train, np.array([0]), 2)
    monkeypatch.setattr(noise, "folds", lambda _: [(train[:2], train[2:]), (train[2:], train[:2])])
    fitted = []

    class Sign:
        def scores(self, rows: np.ndarray) -> np.ndarray:
            return np.stack([-rows[:, 0], rows[:, 0]], 1)

    def fit(rows: np.ndarray, of_rows: np.ndarray, num_classes: int, candidates: Any) -> list[Any]:
        fitted.append((rows[:, 0].tolist(), of_rows.tolist(), num_classes))
        return [Sign()]

    monkeypatch.setattr(noise, "fit_heads", fit)
    clean, noisy = np.array([[-1.0], [1], [-2], [2]]), np.array([[1.0], [1], [-2], [2]])
    assert noise.accuracy(task, clean, noisy) == 0.75
    assert fitted == [([-1.0, 1.0], [0, 1], 2), ([-2.0, 2.0], [0, 1], 2)]


def test_rows_and_page(
    noise: Any, tiny_run: Path, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "found.json"
    words = [str(tiny_run), "--name", "tiny", "--pooling", "parts", "--stores", str(stores), "--sets", "synthetic"]
    for _ in range(2):  # a second run replaces the rows
        monkeypatch.setattr("sys.argv", ["encoder_noise.py", *words, "--out", str(out)])
        noise.main()
    result = json.loads(out.read_text())
    assert [row["millimeters"] for row in result["rows"]] == [0, 2]
    assert {row["encoder"] for row in result["rows"]} == {"tiny"}
    store = stores / "synthetic"
    num_train = len(noise.default_task(store, noise.SequenceStore.open(store)).train)
    assert {row["num_clips"] for row in result["rows"]} == {num_train}
    assert 0 < num_train < 96, "the test side is left out"
    cells = " | ".join(f"{100 * row['top1']:.1f}" for row in result["rows"])
    text = out.with_suffix(".md").read_text()
    assert f"| tiny | parts | {cells} |" in text
    weights = hashlib.sha256((tiny_run / "model.safetensors").read_bytes()).hexdigest()
    assert {row["weights"] for row in result["rows"]} == {weights}
    assert f"\n- tiny: `{weights[:12]}` on synthetic\n" in text


def test_other_levels_of_noise(
    noise: Any, tiny_run: Path, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Levels that were measured later stand in the order of the levels."""
    out, added, add_noise = tmp_path / "found.json", set(), noise.add_noise
    monkeypatch.setattr(
        noise, "add_noise", lambda one, sigma, seed: added.add(sigma) or add_noise(one, sigma, seed)
    )
    words = [str(tiny_run), "--name", "tiny", "--stores", str(stores), "--sets", "synthetic", "--out", str(out)]
    for levels in (["20", "7.5"], ["0", "10"]):
        monkeypatch.setattr("sys.argv", ["encoder_noise.py", *words, "--millimeters", *levels])
        noise.main()
    assert added == {0.02, 0.0075, 0.0, 0.01}
    assert [row["millimeters"] for row in json.loads(out.read_text())["rows"]] == [20, 7.5, 0, 10]
    text = out.with_suffix(".md").read_text()
    assert " | ".join(f"Synthetic motion, {level} mm" for level in ("0", "7.5", "10", "20")) in text


def test_the_weights_of_rows(noise: Any) -> None:
    rows = [
        {"encoder": "small", "set": "cmu", "weights": "a" * 64},
        {"encoder": "small", "set": "cmu", "weights": "a" * 64},
        {"encoder": "small", "set": "sbu", "weights": "a" * 64},
        {"encoder": "small", "set": "utd", "weights": "b" * 64},
        {"encoder": "untrained small", "set": "cmu", "network": "c" * 64},
        {"encoder": "gone", "set": "cmu"},
    ]
    assert noise.weights_lines(rows) == [
        f"- small: `{'a' * 12}` on cmu, sbu",
        f"- small: `{'b' * 12}` on utd",
        f"- untrained small: `{'c' * 12}` on cmu",
        "- gone: not known on cmu",
    ]


def test_a_recording_that_is_left_out_has_zeros(noise: Any, make_recording: Any) -> None:
    """The encoder here returns the rows in another order; names that several recordings have do not matter."""

    class Reversed:
        def embed(self, recordings: list[Any], pooling: str) -> Any:
            kept = [one for one in reversed(recordings) if one.num_frames > 5]
            features = np.array([[one.num_frames, pooling == "parts"] for one in kept], np.float32)
            return SimpleNamespace(features=features, names=[one.name for one in kept])

    recordings = [replace(make_recording(frames=frames), name="same") for frames in (8, 3, 9)]
    assert noise.features(Reversed(), recordings, "parts").tolist() == [[8, 1], [0, 0], [9, 1]]


def test_the_page_is_that_of_the_results(noise: Any) -> None:
    result = json.loads(noise.FILE.read_text(encoding="utf-8"))
    assert noise.FILE.with_suffix(".md").read_text(encoding="utf-8") == noise.page(result)
    assert not {row["set"] for row in result["rows"]} & {"sbu", "pyskl_sample"}
