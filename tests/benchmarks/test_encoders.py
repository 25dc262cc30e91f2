"""The evaluation of frozen encoders: features, rows, and the page."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import SkeletonEncoder
from skeletonmae.sequences import SequenceStore


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("encoders")


def test_features_are_computed_once(encoders: Any, tiny_run: Path, tiny_store: Path, tmp_path: Path) -> None:
    features, store = encoders.encoder_features, SequenceStore.open(tiny_store)
    found = features.read(str(tiny_run), store, tmp_path)
    np.testing.assert_array_equal(found, SkeletonEncoder.from_pretrained(tiny_run).embed(store).features)
    (file,) = tmp_path.iterdir()
    np.save(file, found + 1)
    np.testing.assert_array_equal(features.read(str(tiny_run), store, tmp_path), found + 1)
    random = features.read(f"untrained {tiny_run}", store, tmp_path)
    assert random.shape == found.shape
    assert np.abs(random - found).max() > 0.1
    parts = features.read(str(tiny_run), store, tmp_path, 2)
    assert parts.shape == (len(store), 2 * found.shape[1])
    statistics = features.read(str(tiny_run), store, tmp_path, pooling="statistics")
    assert statistics.shape == parts.shape
    assert np.abs(statistics - parts).max() > 0.1
    assert len(list(tmp_path.iterdir())) == 4


def test_rows_and_page(
    encoders: Any, tiny_run: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "synthetic").symlink_to(tiny_store)
    monkeypatch.setattr(encoders, "SETS", ("synthetic",))
    monkeypatch.setattr(encoders, "SHOTS", (1,))
    monkeypatch.setattr(encoders, "NUM_DRAWS", 2)
    monkeypatch.setattr(encoders, "TIME_PARTS", (1,))
    out = tmp_path / "encoders.json"
    folders = ["--stores", str(tmp_path / "stores"), "--sets", "synthetic", "--cache", str(tmp_path / "cache")]
    few = ["--features", "coordinates, all"]
    for words in (["ridge"], [str(tiny_run), "--name", "tiny"], ["ridge", *few]):
        monkeypatch.setattr("sys.argv", ["encoders.py", *words, *folders, "--out", str(out)])
        encoders.main()
    result = json.loads(out.read_text())
    assert len(result["runs"]) == 3
    found = {(row["encoder"], row["features"], row["protocol"]): row for row in result["rows"]}
    assert len(found) == len(result["rows"]) == 12
    row = found["tiny", "parts", "linear"]
    assert row["interval"][0] < row["top1"] < row["interval"][1]
    page = out.with_suffix(".md").read_text()
    assert f"| tiny | parts | {100 * row['top1']:.1f} (" in page
    assert page.count("| ridge | coordinates, ") == 3


def test_the_page_is_that_of_the_results(encoders: Any) -> None:
    result = json.loads(encoders.FILE.read_text(encoding="utf-8"))
    assert encoders.FILE.with_suffix(".md").read_text(encoding="utf-8") == encoders.page(result)
