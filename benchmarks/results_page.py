"""The page results.md, from the rows of results.json."""

from __future__ import annotations

from typing import Any

import cases
from cases import MASK_RATIO, PASS_CLIPS
from measuring import KINDS

Row = dict[str, Any]


def page(rows: list[Row]) -> str:
    """Return the page, with what is short of its goal and why."""
    timed = [row for row in rows if row["goal"] is not None]
    memory = [row for row in rows if row["goal"] is None]
    short = [row for row in timed if not row["is_reached"]]
    limited = [row for row in timed if "our_limits" in row]
    return "\n".join(
        [
            "# The package against a plain reference",
            "",
            *_introduction(rows),
            "",
            f"{len(timed) - len(short)} of {len(timed)} rows reach their goal.",
            "",
            "## Ratios",
            "",
            *_ratios(timed),
            "",
            "## Short of the goal, and why",
            "",
            *([f"- **{_title(row)}**: {why(row)}" for row in short] or ["None."]),
            "",
            "## System time and page faults",
            "",
            "Per clip (per start in the last rows): CPU milliseconds of the system, which are part of the times",
            "above, and page faults. Both sides retain freed memory, as the training commands do.",
            "",
            *_faults(timed),
            "",
            "## What retaining freed memory changes",
            "",
            "Pre-training with `decoder: self`, half of the clips with two persons, each in a process of its own.",
            "`returned` is what glibc does by default. [Memory](../docs/performance.md#memory) says what",
            "`retain_freed_memory` does.",
            "",
            *_memory(memory),
            "",
            "## Where the time goes",
            "",
            "FLOPs of products and attention, without what is computed again in the backward pass: the mean of",
            "the timed passes, like the seconds. Their rate relative to that of a product of two matrices of",
            "2,048 x 2,048, and the shares of the CPU time of one pass by kind of operation.",
            "",
            *_limits(limited),
            "",
        ]
    )


def _introduction(rows: list[Row]) -> list[str]:
    first = rows[0]
    loads = [row["load"] for row in rows]
    dates, commits = sorted({row["date"] for row in rows}), list(dict.fromkeys(row["commit"] for row in rows))
    clips = max(row["clips"] for row in rows if row["name"].startswith("pre-training") and row["goal"] is not None)
    loaded = max((row["clips"] for row in rows if row["name"] == "loading"), default=0)
    sizes = {**cases.SIZES, **cases.DECODER}
    setting = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sizes.items())
    instructions = first["bf16_instructions"]
    bf16 = (
        f"The goals in bf16 are for processors with AMX or bf16 products; this one has {instructions}."
        if instructions
        else "The goals in bf16 are for processors with AMX or bf16 products, which this one lacks."
    )
    return [
        "[`plain.py`](plain.py) is a direct implementation of method A1: both persons are always computed,",
        "attention is written out, and the decoder runs over all tokens. In a training step it stands in for the",
        "code of MAMP, which ran at 0.93 to 1.08 times its speed in the same setting. In loading, the reference",
        "is a loader of one process that works clip by clip, written from the description of such loaders",
        "([`clip_by_clip.py`](clip_by_clip.py)). `tests/benchmarks/test_plain.py` and `test_clip_by_clip.py`",
        "show that both sides compute the same loss, logits and clips.",
        "",
        "Both sides run in one process, call by call in alternation, on one thread. Times are CPU seconds, so",
        "that other work on the machine has little influence. The ratio is that of the sums of all calls; in",
        "parentheses, the quartiles of the ratios of single calls. To rewrite this page:",
        "",
        "    make bench",
        "",
        f"{dates[0]}{f' to {dates[-1]}' if len(dates) > 1 else ''}, commit {' and '.join(commits)};"
        f" {first['processor']}, {first['cores']} cores, {first['threads']} used, load of the machine"
        f" {min(loads)} to {max(loads)}; {first['system']}; Python {first['python']}, torch {first['torch']}.",
        bf16,
        "",
        f"The setting is that of MAMP on NTU RGB+D 60: ntu25, 120 frames, {setting}, {MASK_RATIO:.0%} hidden.",
        f"A training step has {clips} clips, in passes of {PASS_CLIPS}; loading makes {loaded:,} clips.",
        "Two persons: the share of clips with two persons, 18% as in NTU RGB+D 60, or half.",
        "",
        "`import skeletonmae.runs` and a run of one step stand beside `import torch` alone; their goals are in",
        "seconds. In fine-tuning in bf16, 4 is a goal beyond the goal.",
    ]


def _title(row: Row) -> str:
    parts = [row["name"], row["precision"] or "", _share(row)]
    return ", ".join(part for part in parts if part)


def _share(row: Row) -> str:
    return "" if row["two_person_share"] is None else f"{row['two_person_share']:.0%} two persons"


def _ratios(rows: list[Row]) -> list[str]:
    lines = [
        "| what | precision | two persons | reference, ms | ours, ms | ratio | goal | |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        low, high = row["ratio_quartiles"]
        share = "" if row["two_person_share"] is None else f"{row['two_person_share']:.0%}"
        goal = f"{row['goal']:g}" if row["goal_is"] == "ratio" else f"at most {1e3 * row['goal']:,.0f} ms"
        lines.append(
            f"| {row['name']} | {row['precision'] or ''} | {share} | {1e3 * row['reference_seconds']:,.2f} |"
            f" {1e3 * row['our_seconds']:,.2f} | **{row['ratio']:.2f}** ({low:.1f} to {high:.1f}) | {goal} |"
            f" {'' if row['is_reached'] else 'short'} |"
        )
    return lines


def why(row: Row) -> str:
    """Return why a row is short of its goal, from what was measured."""
    if row["goal_is"] == "seconds":
        return (
            f"{row['our_seconds']:.2f} CPU seconds, of which `import torch` alone takes"
            f" {row['reference_seconds']:.2f}; the goal is {row['goal']:g}."
        )
    reached = f"{row['ratio']:.2f} of {row['goal']:g}"
    if "our_limits" not in row:
        return f"{reached}; {1 / row['our_seconds']:,.0f} clips/s against {1 / row['reference_seconds']:,.0f}."
    ours, reference = row["our_limits"], row["reference_limits"]
    fewer = reference["gigaflops"] / ours["gigaflops"]
    needed = ours["share_of_ceiling"] * row["goal"] / row["ratio"]
    beyond = ", more than that product reaches" if needed > 1 else ""
    kinds = sorted((kind for kind in KINDS if kind != "products"), key=lambda kind: -ours["shares_of_time"][kind])
    largest = ", ".join(f"{kind} {ours['shares_of_time'][kind]:.0%}" for kind in kinds[:2])
    return (
        f"{reached}. It computes {fewer:.2f} times fewer FLOPs than the reference, at"
        f" {ours['share_of_ceiling']:.0%} of the {ours['ceiling_gigaflops_per_second']:,.0f} GFLOP/s of a large"
        f" matrix product (the reference: {reference['share_of_ceiling']:.0%}). With as many FLOPs, the goal is"
        f" {needed:.0%} of that rate{beyond}. Products take {ours['shares_of_time']['products']:.0%} of its time,"
        f" {largest}, other operations {ours['shares_of_time']['rest']:.0%}."
    )


def _faults(rows: list[Row]) -> list[str]:
    lines = [
        "| what | precision | two persons | reference, system ms | ours, system ms | reference, faults |"
        " ours, faults |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        share = "" if row["two_person_share"] is None else f"{row['two_person_share']:.0%}"
        lines.append(f"| {row['name']} | {row['precision'] or ''} | {share} | {_system_and_faults(row)} |")
    return lines


def _system_and_faults(row: Row) -> str:
    sides = ("reference", "our")
    system = [f"{1e3 * row[f'{side}_system_seconds']:,.2f}" for side in sides]
    faults = [f"{row[f'{side}_page_faults']:,.0f}" for side in sides]
    return " | ".join(system + faults)


def _memory(rows: list[Row]) -> list[str]:
    lines = [
        "| precision | freed memory | reference, ms | ours, ms | ratio | reference, system ms | ours, system ms |"
        " reference, faults | ours, faults |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row['precision']} | {row['freed_memory']} | {1e3 * row['reference_seconds']:,.0f} |"
            f" {1e3 * row['our_seconds']:,.0f} | {row['ratio']:.1f} | {_system_and_faults(row)} |"
        )
    return lines


def _limits(rows: list[Row]) -> list[str]:
    kinds = (*KINDS, "rest")
    lines = [
        "| what | precision | two persons | side | GFLOP/clip | of the best rate | " + " | ".join(kinds) + " |",
        "|---|---|---:|---|---:|---:|" + "---:|" * len(kinds),
    ]
    shown = set()
    for row in rows:
        for side in ("reference", "our"):
            case = (row["case"], side)
            if side == "reference" and case in shown:
                continue
            shown.add(case)
            limits = row[f"{side}_limits"]
            shares = " | ".join(f"{limits['shares_of_time'][kind]:.0%}" for kind in kinds)
            share = f"{row['two_person_share']:.0%}" if side == "our" else ""
            name = row["name"] if side == "our" else row["name"].split(",")[0]
            lines.append(
                f"| {name} | {row['precision']} | {share} | {'ours' if side == 'our' else side} |"
                f" {limits['gigaflops'] / PASS_CLIPS:,.1f} | {limits['share_of_ceiling']:.0%} | {shares} |"
            )
    return lines
