"""The results of an encoder in benchmarks/encoders.json, as a section of its model card.

A row belongs to a card if it was measured with the weights that the card describes, by their SHA-256; a row of the
untrained network if its settings are those of the card's network. Other rows are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from encoder_goals import FEATURES, missed_goals, retrieval_line

from skeletonmae.datasets import DATASETS
from skeletonmae.evaluation.reliability import wilson_interval

FOLDER = Path(__file__).parents[1] / "benchmarks"
BENCHMARK, RETRIEVAL = FOLDER / "encoders.json", FOLDER / "self_retrieval.json"
SHOTS = {"few 1": 1, "few 5": 5, "few 10": 10}
"""Protocol -> clips a class."""
ALL_LABELS = """Top-1 accuracy in percent of a linear classifier on the frozen encoder, on the test side, by
`benchmarks/encoders.py`, with the 95 % confidence interval of that many test clips. It is one pre-training.

- `statistics`, `parts`: this encoder with that pooling. `fit` takes `statistics`.
- untrained: the same network with random weights, `statistics` / `parts`.{others}
- ridge: linear classifiers on the coordinates, the best of {num_ridge} on the test side."""
OTHER = "\n- `kinect20`: that encoder, `statistics` / `parts`, where it reads the dataset."
COPIES = """\n\nA row "without copies" leaves out test clips that are exact copies of clips of the training side,
to which the classifiers were fitted."""
FEW = """With few labeled clips, the mean of 20 draws, ± the standard deviation over the draws, which is 0 where no
class has more clips:"""


class Found(NamedTuple):
    """The rows that a card may show: (dataset, protocol, features) -> row."""

    encoder: dict[tuple[str, str, str], dict[str, Any]]
    untrained: dict[tuple[str, str, str], dict[str, Any]]
    other: dict[tuple[str, str, str], dict[str, Any]]
    ridge: dict[tuple[str, str], float]
    """(dataset, protocol) -> accuracy of the best."""
    ridge_without_copies: dict[str, float]
    """Dataset -> accuracy with all labels of the best."""
    num_ridge: int
    """Number of classifiers of coordinates."""


def benchmark_section(
    weights: str, network: str, other: str = "", benchmark: Path | None = None, retrieval: Path | None = None
) -> str:
    """Return the tables of an encoder beside its baselines, and the goals it missed; empty if it was not measured.

    Args:
        weights: SHA-256 of the weights.
        network: Checksum of the settings of the network (`skeletonmae.encoders.identity.network_checksum`).
        other: SHA-256 of the weights of kinect20, which is compared with; empty for none.
        benchmark: Results of benchmarks/encoders.py; by default those of this repository.
        retrieval: Results of benchmarks/self_retrieval.py; by default those of this repository.
    """
    found = _find(_read(benchmark or BENCHMARK, {"rows": []})["rows"], weights, network, other)
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in found.encoder))
    if not datasets:
        return ""
    columns = _read(retrieval or RETRIEVAL, {"encoders": {}})["encoders"].items()
    converted = {
        "statistics" if name.endswith(", statistics") else "parts": row["results"]
        for name, row in columns
        if row.get("weights") == weights
    }
    lines = [line for dataset in datasets for line in _all_labels(found, dataset)]
    few = [line for dataset in datasets for line in _few(found, dataset)]
    head = ["`statistics`", "`parts`", "untrained", *(["`kinect20`"] if found.other else []), "ridge"]
    text = ALL_LABELS.format(others=OTHER if found.other else "", num_ridge=found.num_ridge)
    text += COPIES if any("without copies" in line[0] for line in lines) else ""
    accuracies = {key: row["top1"] for key, row in found.encoder.items()}
    parts = [
        text,
        _table(["dataset", "test clips", *head], lines),
        *([FEW, _table(["dataset", "clips a class", *head], few)] if few else []),
        retrieval_line(converted),
        "### Goals that were not reached",
        missed_goals(accuracies, found.ridge, converted, title),
    ]
    return "\n\n".join(part for part in parts if part)


def _find(rows: list[dict[str, Any]], weights: str, network: str, other: str) -> Found:
    def select(name: str, value: str) -> dict[tuple[str, str, str], dict[str, Any]]:
        return {
            (row["set"], row["protocol"], row["features"]): row for row in rows if value and row.get(name) == value
        }

    of_ridge = [row for row in rows if row["encoder"] == "ridge"]
    ridge: dict[tuple[str, str], float] = {}
    without: dict[str, float] = {}
    for row in of_ridge:
        key = (row["set"], row["protocol"])
        ridge[key] = max(row["top1"], ridge.get(key, 0.0))
        if row.get("top1_without_copies") is not None:
            without[row["set"]] = max(row["top1_without_copies"], without.get(row["set"], 0.0))
    compared = select("weights", other) if other != weights else {}
    num_ridge = len({row["features"] for row in of_ridge})
    return Found(select("weights", weights), select("network", network), compared, ridge, without, num_ridge)


def _all_labels(found: Found, dataset: str) -> Iterator[list[str]]:
    own = [found.encoder.get((dataset, "linear", name)) for name in FEATURES]
    num_clips = {row["num_test"] for row in own if row}
    if not num_clips:
        return
    yield [title(dataset), f"{num_clips.pop():,}", *map(_interval, own), *_baselines(found, dataset, "linear")]
    without = [row if row and row.get("top1_without_copies") is not None else None for row in own]
    if any(without):
        num_without = {row["num_without_copies"] for row in without if row and "num_without_copies" in row}
        cells = ["" if row is None else _without_copies(row) for row in without]
        clips = f"{num_without.pop():,}" if num_without else ""
        others = [
            " / ".join(
                _percent(row["top1_without_copies"])
                for name in names
                if (row := rows.get((dataset, "linear", name))) and row.get("top1_without_copies") is not None
            )
            for rows, names in _compared(found)
        ]
        ridge = found.ridge_without_copies.get(dataset)
        yield [
            f"{title(dataset)}, without copies",
            clips,
            *cells,
            *others,
            "" if ridge is None else _percent(ridge),
        ]


def _few(found: Found, dataset: str) -> Iterator[list[str]]:
    for protocol, shots in SHOTS.items():
        own = [found.encoder.get((dataset, protocol, name)) for name in FEATURES]
        if any(own):
            yield [title(dataset), str(shots), *map(_spread, own), *_baselines(found, dataset, protocol)]


def _baselines(found: Found, dataset: str, protocol: str) -> Iterator[str]:
    for rows, names in _compared(found):
        accuracies = [rows[key]["top1"] for name in names if (key := (dataset, protocol, name)) in rows]
        yield " / ".join(map(_percent, accuracies))
    ridge = found.ridge.get((dataset, protocol))
    yield "" if ridge is None else _percent(ridge)


def _compared(found: Found) -> Iterator[tuple[dict[tuple[str, str, str], dict[str, Any]], tuple[str, ...]]]:
    yield found.untrained, FEATURES
    if found.other:
        yield found.other, FEATURES


def _interval(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    low, high = row["interval"]
    return f"{_percent(row['top1'])} ({_percent(low)} to {_percent(high)})"


def _without_copies(row: dict[str, Any]) -> str:
    top1 = row["top1_without_copies"]
    if "num_without_copies" not in row:
        return _percent(top1)
    num_clips = row["num_without_copies"]
    low, high = wilson_interval(round(top1 * num_clips), num_clips)
    return f"{_percent(top1)} ({_percent(low)} to {_percent(high)})"


def _spread(row: dict[str, Any] | None) -> str:
    return "" if row is None else f"{_percent(row['top1'])} ± {_percent(row['deviation'])}"


def title(dataset: str) -> str:
    """Return what a card calls a dataset."""
    return DATASETS[dataset].title if dataset in DATASETS else dataset


def _read(file: Path, empty: dict[str, Any]) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else empty


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _table(head: list[str], lines: Iterable[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
