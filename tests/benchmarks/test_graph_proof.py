"""The plan and the tables of the proof for the graph SkeletonMAE, with made-up results."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("graph_proof")


def accuracy(cell: dict[str, Any]) -> float:
    """Made up: coordinates are best at depth 1 with a tenth of the rate; from scratch the full rate is best."""
    is_best = bool(cell["start"]) and cell["start"]["settings"][0] == "method.target=coordinates"
    rate = cell["training"]["encoder_lr"]
    gain = 0.1 * is_best * (rate == 0.1) + 0.05 * (rate == 1.0) + 0.02 * (cell["depth"] == 1)
    return 0.5 + gain + 0.001 * cell["draw"]


def fake_run(proof: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replace the computation, and return the list of cells that were run."""
    run: list[dict[str, Any]] = []

    def run_cell(cell: dict[str, Any], weights: Path) -> dict[str, Any]:
        run.append(cell)
        if cell["kind"] == "pretrain":
            weights.mkdir(exist_ok=True)
            proof.weights_file(cell, weights).write_bytes(b"")
            result = dict.fromkeys(("loss", "model", "constant", "neighbor", "ridge"), 0.5)
        else:
            assert cell["start"] is None or proof.weights_file(cell["start"], weights).exists()
            result = {"top1": accuracy(cell), "top1_clean": accuracy(cell)}
        return {"cell": cell, "result": result, "cpu_seconds": 10.0}

    monkeypatch.setattr(proof, "run_cell", run_cell)
    names = ("coordinates, random parts", "embedding, right arm and leg")
    monkeypatch.setattr(proof.plan, "CANDIDATES", {name: proof.plan.CANDIDATES[name] for name in names})
    monkeypatch.setattr(proof.plan, "SCRATCH", {"from scratch": proof.plan.BASE})
    return run


def test_a_run_that_was_stopped_continues_and_proves_what_was_chosen(
    proof: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = fake_run(proof, monkeypatch)
    proof.run(tmp_path, list(proof.STAGES), float("inf"), 30)
    assert len(run) == 30
    with (tmp_path / "cells.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"cell": {"cut o')
    proof.run(tmp_path, list(proof.STAGES), float("inf"), -1)
    keys = [proof.key(cell) for cell in run]
    assert len(keys) == len(set(keys))
    lines = proof.read_lines(tmp_path)
    chosen = proof.plan.choose(lines, proof.key)
    assert chosen == (("coordinates, random parts", 1, 0.1), ("from scratch", 1, 1.0))
    text = "\n".join(proof.report(tmp_path))
    # 0.62 + 0.001 draw with pre-training, 0.57 + 0.001 draw from scratch: the draws cancel.
    assert "| utd_mhad | 10 % | 1 | x0.1 | 3 | 62.2 ± 0.1 | 57.2 ± 0.2 | +5.0 ± 0.0 |" in text
    assert "| target | embedding | 2 | 52.2 ± 0.1 | 52.2 ± 0.2 | +0.0 ± 0.0 | -10.0 ± 0.0 |" in text
    assert "| layers of the encoder | 4 | 2 | 62.2 ± 0.1 | 52.2 ± 0.2 | +10.0 ± 0.0 | +0.0 ± 0.0 |" in text
    assert "0 left" not in text
    assert all("0.00 h left" in line for line in proof.estimate(tmp_path))
    kept = [json.dumps(line) for line in lines.values() if (line["cell"].get("start") or {"seed": 0})["seed"] < 2]
    (tmp_path / "cells.jsonl").write_text("\n".join(kept))
    text = "\n".join(proof.report(tmp_path))
    assert "| utd_mhad | 10 % | 1 | x0.1 | 2 | 62.2 ± 0.1 | 57.2 ± 0.2 | +5.0 ± 0.0 |" in text  # two pre-trainings


def test_equal_accuracies_of_different_runs_from_scratch_all_count(proof: Any) -> None:
    page = importlib.import_module("graph_page")
    names, accuracy_of_draw = ("coordinates, random parts", "from scratch"), (0.8, 0.8, 0.83, 0.81, 0.8)
    for cells, expected in ((proof.plan.all_labels, "81.0 ± 1.7"), (proof.plan.few_labels, "80.8 ± 1.3")):
        own, base = ([list(cells("utd_mhad", (name, 1, 0.1), seed)) for seed in range(3)] for name in names)
        lines = {
            proof.key(cell): {"result": {"top1_clean": accuracy_of_draw[cell["draw"]]}}
            for each in (*own, *base)
            for cell in each
        }
        (row,) = page.proof_row("x", lines, own, base)
        assert row.split(" | ")[3] == expected


def test_nothing_is_tested_before_the_selection_is_complete(
    proof: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = fake_run(proof, monkeypatch)
    proof.run(tmp_path, ["proof"], float("inf"), -1)
    assert run == []
    proof.run(tmp_path, ["pretext", "select"], float("inf"), -1)
    assert {cell["part"] for cell in run} == {"selection"}


def test_the_interval_of_crossed_pretrainings_and_draws(proof: Any) -> None:
    crossed_interval = importlib.import_module("graph_page").crossed_interval
    rng = np.random.default_rng(0)
    mean, half = crossed_interval(np.array([[1.0, 2.0, 6.0]]))
    assert np.isnan(crossed_interval(np.array([[2.0]]))[1])
    assert (mean, half) == (3.0, pytest.approx(4.303 * np.std([1, 2, 6], ddof=1) / 3**0.5, rel=1e-3))
    covered = 0
    for _ in range(400):
        gains = 5 + rng.normal(size=(3, 1)) + 2 * rng.normal(size=(1, 5)) + 0.5 * rng.normal(size=(3, 5))
        mean, half = crossed_interval(gains)
        covered += abs(mean - 5) < half
    assert 0.93 < covered / 400 <= 1.0  # cautious, and never too narrow


def test_what_was_compared_after_the_test_cannot_be_chosen(proof: Any) -> None:
    plan, lines = proof.plan, {}
    for cell in plan.select_cells({}, proof.key):
        lines[proof.key(cell)] = {"result": {"top1": 0.5}}
    for name in (*plan.CANDIDATES, *plan.LATER):
        for dataset in plan.SELECTION_SETS:
            for rate in plan.RATES:
                for draw in range(plan.DRAWS_TO_SELECT):
                    cell = plan.finetune_cell(name, dataset, "selection", 0, draw, plan.DEPTHS[0], rate)
                    lines[proof.key(cell)] = {"result": {"top1": 0.9 if name in plan.LATER else 0.5}}
    (name, *_), _ = plan.choose(lines, proof.key)
    assert name in plan.CANDIDATES


def test_an_ablation_changes_one_thing_and_has_the_baseline_of_its_network(proof: Any) -> None:
    ablations = importlib.import_module("graph_ablations")
    first, *others = ablations.ABLATIONS
    (setting, *_), (scratch, *_) = ablations.pretrained_cells(first, 0), ablations.scratch_cells(first)
    names = [setting.partition("=")[0] for setting in setting["settings"]]
    for ablation in others:
        cell, base = ablations.pretrained_cells(ablation, 0)[0], ablations.scratch_cells(ablation)[0]
        assert cell["start"]["settings"] == cell["settings"]
        assert (cell == setting) is False
        differs = set(cell["settings"]) - set(setting["settings"])
        assert len(differs) + (cell["start"]["training"] != setting["start"]["training"]) == 1
        assert len({each.partition("=")[0] for each in cell["settings"]}) == len(cell["settings"])
        assert {*names} <= {each.partition("=")[0] for each in cell["settings"]}
        assert (base != scratch) == ablation.network
        assert set(base["settings"]) - set(scratch["settings"]) == (differs if ablation.network else set())


def test_every_cell_of_the_plan_can_be_written_and_is_unique(proof: Any) -> None:
    plan = proof.plan
    every = [*plan.pretext_cells("penn_action"), *plan.select_cells({}, proof.key)]
    every += list(plan.proof_cells((("coordinates, random parts", 1, 0.1), ("from scratch", 1, 1.0))))
    keys = [proof.key(cell) for cell in every]
    repeated = {key for key in keys if keys.count(key) > 1}
    assert {json.loads(key)["start"] for key in repeated} == {None}  # every pre-training is compared with them
    assert len({json.loads(key)["draw"] for key in repeated}) == plan.DRAWS
    assert all(json.loads(key) == cell for key, cell in zip(keys, every, strict=True))
