"""Tables of docs/results.md whose numbers come from the JSON files of benchmarks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MARK = re.compile(r"<!-- table: (\w+) -->")
"""A line of docs/results.template.md in whose place a table is written."""
REFUSED = {
    "white noise": 0.99,
    "noise about the mean pose": 0.99,
    "shuffled frames": 0.99,
    "motionless": 0.99,
    "motionless, 1 cm of noise": 0.99,
    "upside down": 0.95,
}
"""Clips -> share of them that should be refused where 95 % of the known ones are answered."""
LEFT_OUT, MIN_AUROC = "classes left out", 0.80
ANSWERED, MAX_CALIBRATION_ERROR = 0.95, 0.05
MAX_FRAME_MS = 10.0


def insert_tables(text: str, folder: Path = BENCHMARKS) -> str:
    """Return a page with a table in place of each mark.

    Args:
        text: The page.
        folder: Where the JSON files of the benchmarks are.
    """

    def table(found: re.Match[str]) -> str:
        result = json.loads((folder / f"{found[1]}.json").read_text(encoding="utf-8"))
        return "\n".join(TABLES[found[1]](result))

    return MARK.sub(table, text)


def doubt_table(result: dict[str, Any]) -> list[str]:
    """What is refused on subjects that a classifier has not seen, beside the maximum softmax probability."""
    lines = [
        "| set | clips | goal | refused | by limits alone | by softmax and limits | by softmax | AUROC |"
        " of softmax | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        for kind, goal in [*REFUSED.items(), (LEFT_OUT, None)]:
            own = row[kind]
            cells = [row["store"], kind, f"AUROC {MIN_AUROC:.2f}" if goal is None else f"{goal:.0%}"]
            names = ("both_at_95", "limits", "softmax_limits_at_95", "softmax_at_95")
            measured = {**own, "limits": own.get("limits_all", own["limits"])}
            cells += [f"{measured[name]['mean']:.1%}" for name in names]
            if goal is None:
                cells += [
                    f"{own[name]['mean']:.3f} ± {own[name]['se']:.3f}" for name in ("both_auroc", "softmax_auroc")
                ]
                cells.append(_verdict(own["both_auroc"], MIN_AUROC))
            else:
                cells += [f"{own[name]['mean']:.3f}" for name in ("both_auroc", "softmax_auroc")]
                cells.append(_share_verdict(own["limits_all"]["mean"], row["num_test"], goal))
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| set | accuracy | expected calibration error | of perfect calibration | | answered | |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in result["rows"]:
        known = row["known"]
        percent = [
            f"{100 * known[name]['mean']:.1f} ± {100 * known[name]['se']:.1f} %"
            for name in ("accuracy", "answered")
        ]
        error = known["ece"]
        cells = [row["store"], percent[0], f"{error['mean']:.3f} ± {error['se']:.3f}"]
        cells += [f"{known['ece_floor']['mean']:.3f}", _verdict(error, MAX_CALIBRATION_ERROR, is_largest=True)]
        cells += [percent[1], _verdict(known["answered"], ANSWERED)]
        lines.append(f"| {' | '.join(cells)} |")
    draws = "draws with all classes and with three left out: " + ", ".join(
        f"{row['store']} {row['num_draws']} + {row['num_open_draws']}" for row in result["rows"]
    )
    return [*lines, "", _origin(result, f"encoder `{result['encoder']}`; {draws}")]


def segmentation_table(result: dict[str, Any]) -> list[str]:
    """The segments of long recordings beside those of the nearest window."""
    names = {"frame accuracy": "frame_accuracy", "edit": "edit", "F1@10": "f1_10", "F1@25": "f1_25"}
    names |= {"F1@50": "f1_50", "mAP@50": "map_50", "mAP": "map"}
    lines = [f"| set | method | encoder | recordings | {' | '.join(names)} |", "|" + "---|" * (len(names) + 4)]
    for row in result["rows"]:
        low, high = row["interval"]
        cells = [row["set"], row["method"], row["encoder"], f"{row['num_recordings']:.0f}"]
        cells += [f"{100 * row['frame_accuracy']:.1f} ({100 * low:.1f} to {100 * high:.1f})"]
        cells += [f"{100 * row[key]:.1f}" for key in names.values() if key != "frame_accuracy"]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", _origin(result["about"], "the encoder of each row is named in it")]


def stream_table(result: dict[str, Any]) -> list[str]:
    """The time and the memory of a stream, and its answers."""
    speed, memory = result["speed"], result["memory"]
    growth = memory["after_60_minutes_mb"] - memory["after_6_minutes_mb"]
    lines = ["| | goal | measured | |", "|---|---|---|---|"]
    lines += [
        f"| milliseconds a frame, mean | below {MAX_FRAME_MS:g} | {speed['mean_ms']:.2f} |"
        f" {_mark(speed['mean_ms'] < MAX_FRAME_MS)} |",
        f"| milliseconds a frame, 99 % quantile | below {MAX_FRAME_MS:g} | {speed['p99_ms']:.1f} |"
        f" {_mark(speed['p99_ms'] < MAX_FRAME_MS)} |",
        f"| growth of memory from 6 minutes to an hour | none | {growth:.1f} MB | {_mark(growth < 1)} |",
    ]
    lines += ["", "| set | unknown | actions | answered rightly | wrong answers | median delay |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in result["answers"]:
        right = f"{row['right']} ({row['right'] / row['actions']:.0%})"
        cells = [row["set"], row["unknown"], str(row["actions"]), right, str(row["wrong"])]
        cells += [f"{row['median_delay_s']:.1f} s"]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", _origin(result["about"], result["head"])]


def export_table(result: dict[str, Any]) -> list[str]:
    """Exported models beside PyTorch."""
    lines = ["| model | ms a recording | in batches of 16 | accuracy | largest difference of a probability |"]
    lines += ["|---|---|---|---|---|"]
    for row in result["rows"]:
        single, batched = row["ms"]
        difference = "" if row is result["rows"][0] else f"{row['difference']:.0e}"
        cells = [row["name"], f"{single:.1f}", f"{batched:.1f}", f"{row['accuracy']:.1%}", difference]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", _origin(result, f"{result['num_test']} test clips of {result['store']}")]


def video_check_table(result: dict[str, Any]) -> list[str]:
    """Real videos: steadiness, views, observed legs, and seconds of them through a classifier."""
    cells: list[tuple[str, str]] = []
    figures = [
        row[f"{key}_interval"][0] <= row["before"][key] <= row[f"{key}_interval"][1]
        for row in result["steadiness"]
        for key in ("ankle", "wrist", "swaps")
    ]
    cells.append(
        ("first figures of jitter and swaps that lie in our intervals", f"{sum(figures)} of {len(figures)}")
    )
    pairs = result["views"]["pairs"]
    for name, key, form in (
        ("two views of one walk, after facing forward, cm", "cm", ".0f"),
        ("the same in body sizes", "body_sizes", ".2f"),
        ("the same without exchanged sides, rotated to fit, cm", "same_sides_rotated_cm", ".0f"),
    ):
        values = [pair[key] for pair in pairs]
        cells.append((name, f"{min(values):{form}} to {max(values):{form}}"))
    swapped = max(pair["exchanged"] for pair in pairs)
    cells.append(("frames of one view in which left and right are exchanged", f"{swapped:.0%}"))
    cells.append(("legs observed in signs of the upper body", f"{max(row['legs'] for row in result['legs']):.0%}"))
    windows = result["windows"]
    groups = {
        "whole repetitions of a class of Penn Action, right": windows["actions"],
        "seconds of a class, right": [row for row in windows["seconds"] if row["expected"]],
        "seconds of no class, called unknown": [row for row in windows["seconds"] if not row["expected"]],
    }
    for name, rows in groups.items():
        given, converted = (sum(row[key]["is_right"] for row in rows) for key in ("given", "penn13"))
        cells.append((name, f"{given} of {len(rows)}; converted to 13 joints {converted}"))
    if memory := result.get("memory"):
        first, last = memory["rows"][0], memory["rows"][-1]
        text = f"{first['peak_mb']:.0f} MB after {first['minutes']:g} minutes, {last['peak_mb']:.0f} after"
        cells.append(("memory over a long video", f"{text} {last['minutes']:g} ({memory['frames']:,} frames)"))
    lines = ["| | measured |", "|---|---|", *(f"| {name} | {value} |" for name, value in cells)]
    return [*lines, "", _origin(result["about"]["windows"], "thirteen videos")]


TABLES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "doubt": doubt_table,
    "segmentation": segmentation_table,
    "stream": stream_table,
    "export": export_table,
    "video_check": video_check_table,
}


def _mark(is_reached: bool) -> str:
    return "reached" if is_reached else "**missed**"


def _verdict(measure: dict[str, float], goal: float, is_largest: bool = False) -> str:
    """Say whether a measure reaches a goal: it is undecided if the goal is inside its 95 % interval."""
    if measure["low"] < goal < measure["high"]:
        return "undecided"
    return _mark(measure["mean"] <= goal if is_largest else measure["mean"] >= goal)


def _share_verdict(share: float, number: int, goal: float) -> str:
    """Say whether a share of clips reaches a goal, by its Wilson interval of 90 %: 95 % on each side."""
    z2 = 1.6448536269514722**2
    center = (share + z2 / (2 * number)) / (1 + z2 / number)
    width = (z2 * (share * (1 - share) / number + z2 / (4 * number**2))) ** 0.5 / (1 + z2 / number)
    if center - width < goal < center + width:
        return "undecided"
    return _mark(share >= goal)


def _origin(about: dict[str, Any], what: str) -> str:
    place = f"one core: {about['processor']}"
    return f"{what[0].upper()}{what[1:]}; {about['date']}, commit {about['commit']}, {place}."
