"""The page of video_check.py, from its results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pose
from video_check_texts import (
    ACTIONS_TEXT,
    AGREEMENT,
    DIFFERENCES,
    EXCHANGED,
    INTRODUCTION,
    LEGS,
    MEMORY,
    MEMORY_TEXT,
    NAMED,
    SECONDS_TEXT,
    SQUATS,
    SQUATS_TEXT,
    STEADINESS,
    VIEWS,
    VIEWS_TEXT,
    WINDOWS,
    WORST,
)

OTHERS = ("BlazePose, own detector", "BlazePose, MoveNet finds in every frame")
ANSWERS = {"given": "33 joints", "penn13": "13 joints"}


def page(content: dict[str, Any]) -> str:
    """Return the page, with a section for each part that was measured."""
    sections = {
        "steadiness": steadiness,
        "agreement": agreement,
        "views": views,
        "squats": squats,
        "low_rate": low_rate,
        "legs": legs,
        "windows": windows,
        "memory": memory,
    }
    lines = [INTRODUCTION]
    for part, section in sections.items():
        if part in content:
            lines += [*section(content[part]), ""]
    parts: dict[tuple[str, str, str], list[str]] = {}
    for part, one in content.get("about", {}).items():
        parts.setdefault((one["date"], one["commit"], one["processor"]), []).append(part.replace("_", " "))
    for (date, commit, processor), names in parts.items():
        text = f"{', '.join(names)}: {date}, commit {commit}, one core: {processor}."
        lines += [text[0].upper() + text[1:], ""]
    return "\n".join(lines)


def steadiness(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines, verdicts = [STEADINESS], []
    for row in rows:
        cells, outside = [row["person"], row["estimator"], f"{row['frames']}; {row['before']['frames']}"], []
        for key, form in (("ankle", ".2f"), ("wrist", ".2f"), ("swaps", ".0f")):
            (low, high), before = row[f"{key}_interval"], row["before"][key]
            cells.append(f"{row[key]:{form}} ({low:{form}} to {high:{form}}); {before:{form}}")
            verdicts.append(low <= before <= high)
            outside += [] if verdicts[-1] else [key]
        lines.append(_row(*cells, f"**outside**: {', '.join(outside)}" if outside else "inside"))
    inside = f"{sum(verdicts)} of {len(verdicts)} figures of these two estimators are inside."
    text = f"{inside} The intervals are wide: only gross differences would show."
    return [*lines, "", text, *worst_rows(), DIFFERENCES]


def worst_rows() -> list[str]:
    """Return a table of the other estimators of pose.py, for the persons of the video with the worst rows."""
    rows = json.loads(pose.FILE.read_text(encoding="utf-8"))["steadiness"]
    lines = [WORST]
    for person, (video, _) in pose.PERSONS.items():
        for row in rows:
            if video == pose.DEMO and row["person"] == person and row["estimator"] in OTHERS:
                frames, ankle, wrist, swaps = pose.BEFORE[row["estimator"]][person]
                cells = [f"{row['frames']}; {frames}", f"{row['ankle']:.2f}; {ankle:.2f}"]
                cells += [f"{row['wrist']:.2f}; {wrist:.2f}", f"{row['swaps']}; {swaps}"]
                lines.append(_row(person, row["estimator"], *cells))
    return lines


def agreement(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [AGREEMENT, *(_row(row["person"], row["frames"], f"{row['percent']:.1f} %") for row in rows)]


def views(result: dict[str, Any]) -> list[str]:
    pairs = result["pairs"]
    lags = [abs(pair["best_lag"]) for pair in pairs]
    head = VIEWS.format(
        frames=result["frames"],
        gain=max(pair["cm"] - pair["best_lag_cm"] for pair in pairs),
        lags=f"{min(lags)} to {max(lags)}",
        sizes=", ".join(f"{size:.2f}" for size in result["sizes_m"]),
    )
    lines = [head]
    for pair in pairs:
        lines.append(
            _row(
                f"{pair['one']} and {pair['other']}",
                f"{pair['cm']:.0f}",
                f"{pair['body_sizes']:.2f}",
                f"{pair['limbs_cm']:.0f}",
                f"{pair['exchanged']:.0%}",
                f"{pair['same_sides_cm']:.0f}",
                f"{pair['same_sides_rotated_cm']:.0f}",
                f"{pair['rotated_degrees']:.0f}",
            )
        )
    (low, high), (kept_low, kept_high) = (
        (min(values), max(values))
        for values in ([pair[key] for pair in pairs] for key in ("cm", "same_sides_rotated_cm"))
    )
    lines.append(VIEWS_TEXT.format(low=low, high=high, kept_low=kept_low, kept_high=kept_high))
    if swapped := [pair for pair in pairs if pair["exchanged"] > 0.05]:
        cameras = set.intersection(*({pair["one"], pair["other"]} for pair in swapped))
        share = float(np.mean([pair["exchanged"] for pair in swapped]))
        lines += [EXCHANGED.format(share=share, camera=camera) for camera in sorted(cameras)]
    return lines


def squats(result: dict[str, Any]) -> list[str]:
    lines, changes = [SQUATS.format(fps=result["fps"], frames=result["frames"])], {}
    for axes in (2, 3):
        one = result[f"axes_{axes}"]
        angles = np.array([np.nan if angle is None else angle for angle in one["angles"]])
        known = np.abs(np.diff(angles))[~np.isnan(np.diff(angles))]
        changes[f"change_{axes}"] = float(known.max(initial=0))
        rows = [
            " ".join(f"{angle:3.0f}" for angle in angles[start : start + 25])
            for start in range(0, len(angles), 25)
        ]
        rest = ", and one that has not ended" if one["is_unfinished"] else ""
        lines += [f"{axes}D: {one['repetitions']} repetitions (below 110 degrees, then above 150){rest}.", ""]
        lines += [*(f"    {row}" for row in rows if row), ""]
    return [*lines, SQUATS_TEXT.format(**changes)]


def low_rate(rows: Sequence[dict[str, Any]]) -> list[str]:
    head = (
        "person",
        "frames",
        "found",
        "found at the full rate",
        "identities",
        "median distance, % of the height",
    )
    lines = ["", _row(*head), "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row[key] for key in ("person", "frames", "found", "found_at_full_rate", "numbers")]
        lines.append(_row(*cells, f"{row['percent']:.1f}"))
    return lines


def legs(rows: Sequence[dict[str, Any]]) -> list[str]:
    parts = ("legs", "hip", "wrist", "elbow", "shoulder")
    lines = [_row(row["sign"], row["frames"], *(f"{row[part]:.0%}" for part in parts)) for row in rows]
    most = max(row["legs"] for row in rows)
    return [LEGS, *lines, "", f"**Up to {most:.1%} of the legs are invented.**" if most else "No leg is invented."]


def windows(result: dict[str, Any]) -> list[str]:
    about, names = result["classifier"], tuple(ANSWERS.values())
    numbers = {f"{part}_{key}": about[f"test{'_middle' * (part == 'middle')}"][key]
               for part in ("whole", "middle") for key in ("right", "answered")}  # fmt: skip
    lines = [WINDOWS.format(head=about["head"], num_test=about["num_test"], **numbers)]
    lines += [*summary(result), named(result["seconds"])]
    lines += [ACTIONS_TEXT, _row("video", "seconds", "frames", "expected", *names), "|---|---|---|---|---|---|"]
    for row in result["actions"]:
        cells = [row["video"], f"{row['start']:.1f} to {row['end']:.1f}", row["frames"], row["expected"]]
        lines.append(_row(*cells, *(answer_text(row[key]) for key in ANSWERS)))
    head = ("video", "person", "second", "what is in it", "expected")
    lines += [SECONDS_TEXT, _row(*head, *names), "|---|---|---|---|---|---|---|"]
    for row in result["seconds"]:
        expected = row["expected"] or "not one of the classes"
        cells = [row["video"], row["person"], f"{row['second']:.0f}", row["what"], expected]
        lines.append(_row(*cells, *(answer_text(row[key]) for key in ANSWERS)))
    return lines


def summary(result: dict[str, Any]) -> list[str]:
    """Return a table of how many answers are right."""
    groups = {
        "whole repetitions of a class": result["actions"],
        "seconds of a class": [row for row in result["seconds"] if row["expected"]],
        "seconds of none of the classes": [row for row in result["seconds"] if not row["expected"]],
    }
    names = ANSWERS.values()
    head = [
        "",
        "number",
        *(f"right, {name}" for name in names),
        *(f"most probable class, {name}" for name in names),
    ]
    lines = [_row(*head), "|---|---|---|---|---|---|"]
    for name, rows in groups.items():
        right = [sum(row[key]["is_right"] for row in rows) for key in ANSWERS]
        class_right = [sum(row[key].get("class") == row["expected"] for row in rows) for key in ANSWERS]
        has_class = bool(rows and rows[0]["expected"])
        lines.append(_row(name, len(rows), *right, *(class_right if has_class else ("", ""))))
    return lines


def named(seconds: Sequence[dict[str, Any]]) -> str:
    """Return how many seconds got a class, and in how many of them it is the right one."""
    counts: dict[str, int] = {}
    for key in ANSWERS:
        answered = [row for row in seconds if row[key].get("unknown") is False]
        counts |= {f"{key}_named": len(answered), f"{key}_right": sum(row[key]["is_right"] for row in answered)}
    none = sum(not row["expected"] for row in seconds)
    return NAMED.format(number=len(seconds), none=none, **counts)


def answer_text(answer: dict[str, Any]) -> str:
    """Return an answer as a cell of a table."""
    if "error" in answer:
        return f"**wrong**: {answer['error']}"
    text = f"{answer['class']} {answer['probability']:.0%}"
    text = f"unknown ({text})" if answer["unknown"] else text
    return f"{'right' if answer['is_right'] else '**wrong**'}: {text}"


def memory(result: dict[str, Any]) -> list[str]:
    rows, frames = result["rows"], result["frames"]
    first, last = rows[0], rows[-1]
    per_minute = frames / last["minutes"]
    growth = (last["peak_mb"] - first["peak_mb"]) / (last["minutes"] - first["minutes"]) / per_minute
    poses = result["poses_mb"] / frames / result["persons"]
    lines = [
        MEMORY.format(
            size=result["size"],
            fps=per_minute / 60,
            frames=frames,
            persons=result["persons"],
            seconds=result["cpu_seconds"],
        )
    ]
    lines += [_row(f"{row['minutes']:g}", f"{row['peak_mb']:.0f}", f"{row['now_mb']:.0f}") for row in rows]
    lines += [_row("after the recording was made and the poses kept", f"{result['peak_mb']:.0f}", "")]
    text = MEMORY_TEXT.format(
        first=first["minutes"],
        last=last["minutes"],
        growth=1024 * growth,
        poses=1024 * poses,
        hour=3600 * 30 * poses,
    )
    return [*lines, text, *([note] if (note := result.get("note")) else [])]


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"
