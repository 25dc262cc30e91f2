"""The results of an encoder in its model card."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    return importlib.import_module("encoder_results")


def test_a_row_for_each_dataset_and_number_of_labels(results: Any, tmp_path: Path) -> None:
    def row(encoder: str, dataset: str, features: str, protocol: str, top1: float) -> dict[str, Any]:
        return {"encoder": encoder, "set": dataset, "features": features, "protocol": protocol, "top1": top1}

    rows = [
        row("small", "sbu", "parts", "linear", 0.91),
        row("small", "sbu", "statistics", "linear", 0.89),
        row("small", "sbu", "parts, 8 times", "linear", 0.7),
        row("untrained small", "sbu", "parts", "linear", 0.6),
        row("ridge", "sbu", "coordinates, each", "linear", 0.5),
        row("ridge", "sbu", "coordinates, all", "linear", 0.55),
        row("kinect20", "nw_ucla", "parts", "linear", 0.8),
    ]
    file = tmp_path / "encoders.json"
    file.write_text(json.dumps({"rows": rows}), encoding="utf-8")
    lines = results.benchmark_section("small", file).splitlines()
    assert "| dataset | labels | this encoder | untrained | kinect20 | ridge |" in lines
    assert "| SBU Kinect Interaction | all labels | 89.0 / 91.0 | 60.0 |  | 55.0 |" in lines
    assert sum(line.startswith("| SBU") for line in lines) == 4
    assert not any("UCLA" in line for line in lines)
    assert results.benchmark_section("base", file) == ""
    assert results.benchmark_section("base", tmp_path / "missing.json") == ""
