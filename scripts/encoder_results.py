"""The results of an encoder in benchmarks/encoders.json, as a section of its model card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from skeletonmae.datasets import DATASETS

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "encoders.json"
PROTOCOLS = {"linear": "all labels", "few 1": "1 clip a class", "few 5": "5 clips", "few 10": "10 clips"}
"""Protocol -> what the card calls it."""
SAME_NETWORK = {"free": "small"}
"""Encoder -> another with the same network, whose untrained weights are the same."""
FEATURES = ("statistics", "parts")
"""Features whose accuracies the card has, in this order."""
TEXT = """Top-1 accuracy in percent of the frozen encoder on the test side, by `benchmarks/encoders.py`: a linear
classifier on the pooling `statistics`, which `fit` takes (first number), and logistic regression on the
pooling `parts` (second number); with few clips, the mean of 20 draws. One pre-training. "Untrained" is
the same network with random weights. "Ridge" is the best of three linear classifiers on the
coordinates. `benchmarks/encoders.md` has the intervals."""


def benchmark_section(name: str, file: Path | None = None) -> str:
    """Return the table of an encoder beside its baselines; empty if it was not measured.

    Args:
        name: Name of the encoder.
        file: Results of benchmarks/encoders.py.
    """
    file = file or BENCHMARK
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        found.setdefault((row["set"], row["protocol"], row["encoder"]), {})[row["features"]] = 100 * row["top1"]
    lines = []
    for dataset in dict.fromkeys(row["set"] for row in rows if row["encoder"] == name):
        for protocol, title in PROTOCOLS.items():
            cells = [_cell(found.get((dataset, protocol, one), {})) for one in _columns(name)]
            ridge = found.get((dataset, protocol, "ridge"), {}).values()
            lines.append(_line([_title(dataset), title, *cells, f"{max(ridge):.1f}" if ridge else ""]))
    if not lines:
        return ""
    head = ["dataset", "labels", "this encoder", "untrained", *(one for one in _columns(name)[2:]), "ridge"]
    return "\n".join([TEXT, "", _line(head), "|" + "---|" * len(head), *lines])


def _columns(name: str) -> tuple[str, ...]:
    return (name, f"untrained {SAME_NETWORK.get(name, name)}", *(one for one in ("kinect20",) if one != name))


def _cell(values: dict[str, float]) -> str:
    return " / ".join(f"{values[name]:.1f}" for name in FEATURES if name in values)


def _title(dataset: str) -> Any:
    return DATASETS[dataset].title if dataset in DATASETS else dataset


def _line(cells: list[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
