"""A table of docs/results.md with what newer results also record: accuracy over the classes, and cost."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from skeletonmae.evaluation import CURVES

CLASS_NUMBERS = {"mean_class_accuracy": "mean class accuracy", "macro_f1": "macro F1"}
"""Key of a row -> its column, in percent."""
COSTS = ("parameters", "flops_per_clip", "clips_per_second", "peak_memory_bytes", "pretraining_seconds")
"""Fields of a cost that a row keeps."""


def optional_numbers(group: Sequence[Mapping[str, Any]], cost: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the keys of a row for what its results record: means over the seeds, and the cost.

    Args:
        group: The results of the seeds.
        cost: The cost in their `results.json`; None in older files.
    """
    row: dict[str, Any] = {}
    for name in CLASS_NUMBERS:
        values = [result.get(name) for result in group]
        if None not in values:
            row[name] = round(100 * statistics.fmean(values), 2)
    kept = {name: cost[name] for name in COSTS if cost.get(name) is not None} if cost else {}
    return row | ({"cost": kept} if kept else {})


def class_and_cost_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each row that records them; none of a curve but its first."""
    known = [row for row in rows if "cost" in row or CLASS_NUMBERS.keys() & row.keys()]
    known = [
        row for row in known if row["protocol"] not in CURVES or row["setting"].split()[0] in ("clean", "first=1")
    ]
    if not known:
        return []
    lines = [
        "",
        "Accuracy over the classes, and cost of the encoder on the device of the run, where they were recorded.",
    ]
    heads = [
        "result",
        "encoder",
        "top-1",
        *CLASS_NUMBERS.values(),
        "parameters",
        "GFLOP per clip",
        "clips/s",
        "recipe",
    ]
    lines += ["", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in known:
        cost = row.get("cost", {})
        stream = "" if row["stream"] == "joint" else f"({row['stream']})"
        words = [row["protocol"], row["setting"], stream, f"{row['label_fraction']:.0%}"]
        cells = [" ".join(filter(None, words))]
        cells += ["pre-trained" if row["pretrained"] else "from scratch", f"{row['mean']:.1f}"]
        cells += [f"{row[name]:.1f}" if name in row else "" for name in CLASS_NUMBERS]
        cells += [f"{cost['parameters'] / 1e6:.2f} M" if "parameters" in cost else ""]
        cells += [f"{cost['flops_per_clip'] / 1e9:.2f}" if "flops_per_clip" in cost else ""]
        cells += [f"{cost['clips_per_second']:.0f}" if "clips_per_second" in cost else "", f"`{row['recipe']}`"]
        lines += [f"| {' | '.join(cells)} |"]
    return lines
