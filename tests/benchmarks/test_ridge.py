"""The ridge classifier on the coordinates: its solution, and what its strength is chosen on."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore


@pytest.fixture
def ridge(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("ridge")


@pytest.fixture
def relabeled(tiny_store: Path, tmp_path: Path, make_store: Any) -> Callable[..., Path]:
    """Copy the tiny store with other labels: `change(recording)` returns the new label."""

    def copy(name: str, change: Callable[[Any], Any]) -> Path:
        store = SequenceStore.open(tiny_store)
        recordings = [replace(one, label=change(one)) for one in (store[index] for index in range(len(store)))]
        make_store(tmp_path / name, recordings, dataset="synthetic", classes=store.classes)
        return tmp_path / name

    return copy


def test_solution(ridge: Any) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(3, 2, (30, 50)), rng.integers(0, 3, 30)
    features[:, 7] = 1.5  # a constant feature has no weight
    for strength, model in zip((0.5, 20.0), ridge.fit(features, labels, 3, (0.5, 20.0)), strict=True):
        rows = features - features.mean(0)
        rows = np.delete(rows, 7, 1) / np.delete(features, 7, 1).std(0)
        targets = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
        expected = np.linalg.solve(rows.T @ rows + strength * np.eye(49), rows.T @ (targets - targets.mean(0)))
        np.testing.assert_allclose(np.delete(model.weight, 7, 0), expected, atol=1e-10)
        np.testing.assert_allclose(model.weight[7], 0, atol=1e-12)
        np.testing.assert_allclose(model.intercept, targets.mean(0))


def test_better_than_chance(ridge: Any, tiny_store: Path) -> None:
    result = ridge.measure(tiny_store, "view")
    assert result["top1"] > 2 / len(SequenceStore.open(tiny_store).classes)
    assert (result["num_train"], result["num_test"], result["num_empty"]) == (68, 28, 0)
    assert result["top1_without_copies"] is None


def test_labels_of_the_test_side_do_not_change_the_strength(
    ridge: Any, tiny_store: Path, relabeled: Callable[..., Path]
) -> None:
    names = SequenceStore.open(tiny_store).classes
    before = ridge.measure(tiny_store, "view")

    def shift(recording: Any) -> str:
        is_test = recording.tags["camera"] == "3"
        return str(names[(names.index(recording.label) + is_test) % len(names)])

    after = ridge.measure(relabeled("shifted", shift), "view")
    assert after["top1"] < before["top1"]
    assert (after["strength"], after["validation_top1"]) == (before["strength"], before["validation_top1"])


def test_one_class(ridge: Any, relabeled: Callable[..., Path]) -> None:
    features = np.random.default_rng(0).normal(size=(6, 4))
    (model,) = ridge.fit(features, np.ones(6, int), 3, (1.0,))
    assert model.predict(features).tolist() == [1] * 6
    first: list[str] = []
    path = relabeled("constant", lambda one: first.append(one.label) or first[0])
    with pytest.raises(InputError, match="class"):
        ridge.measure(path, "view")


def test_files(ridge: Any, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ridge.py", str(tiny_store), "--out", str(tmp_path / "ridge.json")])
    ridge.main()
    row, other = json.loads((tmp_path / "ridge.json").read_text())["rows"]
    assert (row["scaling"], other["scaling"]) == ("each", "all")
    assert row["split"] == "subject"
    assert row["strength"] in ridge.STRENGTHS
    assert f"| {100 * row['top1']:.1f} (" in (tmp_path / "ridge.md").read_text()


def test_the_page_is_that_of_the_results(ridge: Any) -> None:
    result = json.loads(ridge.FILE.read_text(encoding="utf-8"))
    assert ridge.FILE.with_suffix(".md").read_text(encoding="utf-8") == ridge.page(result)


def test_all_folds_are_measured(ridge: Any, tmp_path: Path, make_store: Any, make_recording: Any) -> None:
    make_store(tmp_path / "sbu", [make_recording()], dataset="sbu")
    assert ridge.split_names(tmp_path / "sbu") == ("fold1", "fold2", "fold3", "fold4", "fold5")


def test_a_common_scale_keeps_the_proportions_of_features(ridge: Any) -> None:
    features = np.random.default_rng(0).normal(size=(40, 6)) * [1, 2, 3, 4, 5, 6]
    labels = np.arange(40) % 2
    each, together = (ridge.fit(features, labels, 2, (1.0,), scaling)[0] for scaling in ridge.SCALINGS)
    np.testing.assert_allclose(each.deviation, features.std(0))
    np.testing.assert_allclose(together.deviation, np.sqrt(features.var(0).mean()))
    scaled = (features - features.mean(0)) / together.deviation
    targets = np.where(labels[:, None] == [0, 1], 1.0, -1.0)
    expected = np.linalg.solve(scaled.T @ scaled + np.eye(6), scaled.T @ (targets - targets.mean(0)))
    np.testing.assert_allclose(together.weight, expected, atol=1e-8)
