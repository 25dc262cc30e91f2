"""Single pre-trainings and fine-tunings of the proof for the graph SkeletonMAE, tiny."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from skeletonmae.evaluation import EvaluationTask, Finetune, Result
from skeletonmae.sequences import SequenceStore

FOLDER = Path(__file__).parents[2] / "benchmarks"
SETTINGS = ["method.target=coordinates", "method.joint_masking={kind: random_parts, num_parts: 2}"]


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch, tiny_store: Path, make_store: Any, tmp_path: Path) -> Any:
    """The script with one dataset: 40 recordings, the last of which is a copy of the first, on the test side."""
    monkeypatch.syspath_prepend(str(FOLDER))
    script = importlib.import_module("graph_cells")
    store = SequenceStore.open(tiny_store)
    recordings = [store[index] for index in range(40)]
    first = next(each for each in recordings if each.tags["camera"] != "3")
    copy = replace(first, name="copy", tags=first.tags | {"camera": "3"})
    make_store(tmp_path / "store", [*recordings, copy], dataset="synthetic")
    training = {"epochs": 1, "batch_size": 16, "warmup_epochs": 0}
    few = {"kind": "finetune", "classifier": {"kind": "graph", "head_width": 8}, "training": training}
    recipe = {
        "data": {"evaluate": {"store": str(tmp_path / "store"), "split": "view"}, "frames": 8},
        "method": {"kind": "graph", "width": 8, "depth": 1},
        "training": training,
        "evaluation": [few, few | {"label_fraction": 0.5}],
    }
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "graph.yaml").write_text(yaml.safe_dump(recipe))
    monkeypatch.setattr(script, "RECIPES", tmp_path)
    script.side.cache_clear()
    return script


def pretraining(part: str, **training: Any) -> dict[str, Any]:
    return {
        "kind": "pretrain", "dataset": "tiny", "part": part, "settings": SETTINGS, "seed": 1, "training": training
    }  # fmt: skip


def test_nothing_is_chosen_or_pretrained_on_the_test_side(cells: Any) -> None:
    test, selection = cells.side("tiny", "test"), cells.side("tiny", "selection")
    is_test = np.array([test.store[index].tags["camera"] == "3" for index in range(len(test.store))])
    assert set(test.split.test) == set(np.flatnonzero(is_test))
    assert not is_test[test.pretrain_index].any()
    assert set(selection.split.train) | set(selection.split.test) == set(test.split.train)
    assert not set(selection.split.train) & set(selection.split.test)
    assert set(selection.pretrain_index) <= set(selection.split.train)
    names = [test.store.name(index) for index in test.split.test]
    assert [name for name, is_clean in zip(names, test.is_clean, strict=True) if not is_clean] == ["copy"]


def test_the_reconstruction_error_is_the_loss_on_the_validation_part(cells: Any, tmp_path: Path) -> None:
    cell = pretraining("selection")
    result = cells.run_cell(cell, tmp_path)["result"]
    of = cells.side("tiny", "selection")
    method = cells.build(of, SETTINGS, "tiny", 7).eval()
    method.load_state_dict(torch.load(cells.weights_file(cell, tmp_path), weights_only=True))
    batches = of.recipe.data.clips.loader(of.store, of.split.test, batch_size=256, training=False).epoch()
    with torch.no_grad():
        (output,) = [method(batch) for batch in batches]
    assert result["model"] == pytest.approx(float(output.loss), rel=1e-4)
    assert result["steps"] == -(-len(of.pretrain_index) // 16)
    assert 1e-3 < result["ridge"] < result["constant"]  # what is hidden is not known
    assert result["neighbor"] > 1e-3


def test_a_finetuning_starts_from_its_pretraining_with_its_own_settings(
    cells: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[Finetune, EvaluationTask]] = []
    run = Finetune.run

    def spy(protocol: Finetune, task: EvaluationTask) -> list[Result]:
        started.append((protocol, task))
        return run(protocol, task)

    monkeypatch.setattr(Finetune, "run", spy)
    start = pretraining("test")
    cells.run_cell(start, tmp_path)
    weights = torch.load(cells.weights_file(start, tmp_path), weights_only=True)
    names = {"kind": "finetune", "dataset": "tiny", "part": "test", "settings": SETTINGS, "draw": 2, "depth": 2}
    for cell in (
        names | {"start": start, "fraction": 0.1, "training": {"encoder_lr": 0.1}},
        names | {"start": None, "fraction": 1.0, "training": {"encoder_lr": 1.0}},
    ):
        result = cells.run_cell(cell, tmp_path)["result"]
        protocol, task = started[-1]
        assert (protocol.label_fraction, protocol.seeds, protocol.classifier.depth) == (cell["fraction"], (2,), 2)
        assert protocol.training.encoder_lr == cell["training"]["encoder_lr"]
        assert task.pretrained == bool(cell["start"]) == (task.init_method is None)
        same = [torch.equal(value, weights[name]) for name, value in task.method.state_dict().items()]
        assert all(same) == bool(cell["start"])
        assert (result["num_clean"], result["num_test"]) == (len(task.split.test) - 1, len(task.split.test))
        assert 0 <= result["top1_clean"] <= 1
