"""Tables of docs/results.md with one row for all levels of a probe: robustness and early recognition."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

SAME_CURVE = ("recipe", "stream", "label_fraction", "pretrained")
"""What the rows of a curve have in common, besides the settings of the probe."""


def robustness_table(rows: list[dict[str, Any]], caveats: list[str]) -> list[str]:
    """One row for each probe: its accuracy on clean clips, and its mean over the levels of each corruption.

    Args:
        rows: Rows of one set.
        caveats: Sentences below the tables of the set, to which a row refers by their number.
    """
    curves = _curves(rows, "robustness")
    clean = {key: curve["clean"] for key, curve in curves.items() if "clean" in curve}
    longest_first = sorted(clean.values(), key=lambda row: -len(row["metrics"]))
    names = list(dict.fromkeys(name for row in longest_first for name in row["metrics"] if name != "mean_top1"))
    table = []
    for key, row in clean.items():
        metrics = row["metrics"]
        without = {
            name: _mean(
                level.get("mean_without_copies")
                for setting, level in curves[key].items()
                if setting.partition("=")[0] == name
            )
            for name in names
            if name in metrics
        }
        without["mean_top1"] = _mean(without.values())
        cells = [_cell(row["mean"], row.get("mean_without_copies"))]
        cells += [_cell(_percent(metrics.get(name)), without.get(name)) for name in [*names, "mean_top1"]]
        table.append((row, cells))
    title = "Robustness: mean accuracy over the levels of each corruption, and over the corruptions of the row"
    return _table(title, ["clean", *(name.replace("_", " ") for name in names), "mean"], table, caveats)


def early_table(rows: list[dict[str, Any]], caveats: list[str]) -> list[str]:
    """One row for each probe: its accuracy on the first part of the test clips; see `robustness_table`."""
    curves = [
        {float(setting.removeprefix("first=")): row for setting, row in curve.items()}
        for curve in _curves(rows, "early").values()
    ]
    shares = sorted({share for curve in curves for share in curve})
    table = [
        (
            next(iter(curve.values())),
            [
                _cell(curve[share]["mean"], curve[share].get("mean_without_copies")) if share in curve else ""
                for share in shares
            ],
        )
        for curve in curves
    ]
    title = "Early recognition: accuracy on the first part of the test clips"
    return _table(title, [f"{100 * share:g} %" for share in shares], table, caveats)


def _curves(rows: list[dict[str, Any]], protocol: str) -> dict[tuple[Any, ...], dict[str, dict[str, Any]]]:
    """Probe -> level, the first word of the setting -> row."""
    curves: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["protocol"] == protocol:
            level, *probe = row["setting"].split()
            key = (*(row[name] for name in SAME_CURVE), *probe)
            curves.setdefault(key, {})[level] = row
    return curves


def _table(
    title: str, columns: list[str], curves: list[tuple[dict[str, Any], list[str]]], caveats: list[str]
) -> list[str]:
    if not curves:
        return []
    lines = ["", f"{title}.", "", f"| probe | encoder | {' | '.join(columns)} | recipe | commit | date |"]
    lines += ["|" + "---|" * (len(columns) + 5)]
    for row, values in curves:
        setting = " ".join(row["setting"].split()[1:]) or "mean"
        names = [setting, f"({row['stream']})" if row["stream"] != "joint" else ""]
        names += [f"[{caveats.index(row['caveat']) + 1}]"] if "caveat" in row else []
        cells = [" ".join(filter(None, names)), "pre-trained" if row["pretrained"] else "from scratch"]
        cells += [*values, f"`{row['recipe']}`", row["commit"], row["date"]]
        lines += [f"| {' | '.join(cells)} |"]
    return lines


def _cell(value: float | None, without_copies: float | None) -> str:
    """Both accuracies, as the tables of other protocols have them: first the one without copies."""
    first = "" if without_copies is None else f"{without_copies:.1f} / "
    return "" if value is None else f"{first}{value:.1f}"


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean; None if there are no values, or one of them is None."""
    numbers = list(values)
    known = [number for number in numbers if number is not None]
    return statistics.fmean(known) if known and len(known) == len(numbers) else None


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
