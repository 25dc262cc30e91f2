"""Time the package against a plain reference, in alternation, and write results.json and results.md.

    make bench
    QUICK=1 make bench    # fewer clips; writes into runs/bench

Each case runs in a process of its own, one after another. A run that was stopped continues with the cases that are
missing; another commit, machine or number of clips starts over, and so does a damaged file of finished cases.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from cases import QUICK, Settings
from child import exit_with_parent, json_of_child
from environment import ROOT, environment, git, machine
from filelock import FileLock, Timeout
from results_page import page
from rows import CASES, measure_case

from skeletonmae.files import write_text

CODE = (
    "src",
    *(f"benchmarks/{name}.py" for name in ("cases", "plain", "clip_by_clip", "rows", "measuring", "pass_flops")),
)
"""What the measurements depend on."""
Measure = Callable[[str, Settings], list[dict[str, Any]]]


def key(threads: int, settings: Settings) -> dict[str, Any]:
    """Return what the rows of one page have in common: the commit of the code, the machine, the settings."""
    changes = git("diff", "HEAD", "--", *CODE)
    commit = git("log", "-1", "--format=%h", "--abbrev=12", "--", *CODE)
    if changes:
        commit += f" with changes {hashlib.sha256(changes.encode()).hexdigest()[:8]}"
    return {"commit": commit, **machine(), "threads": threads, "settings": asdict(settings)}


def run(
    names: Iterable[str], settings: Settings, threads: int, partial: Path, measure: Measure
) -> list[dict[str, Any]]:
    """Measure the cases that `partial` lacks, keep each there when it is done, and return the rows of all.

    Args:
        names: The cases, in the order of the rows.
        settings: How much is timed.
        threads: Number of threads.
        partial: The file of the cases that are done. Those of another commit or machine are measured again.
        measure: Returns the rows of a case.
    """
    wanted, done = key(threads, settings), {}
    if partial.exists():
        done = finished_cases(partial, wanted)
    for name in (names := list(names)):
        if name in done:
            print(f"{name}: measured before", flush=True)
            continue
        print(f"{name}: started", flush=True)
        facts = environment(threads, settings.repeats)
        done[name] = [row | {"case": name, **facts, "commit": wanted["commit"]} for row in measure(name, settings)]
        partial.parent.mkdir(parents=True, exist_ok=True)
        write_text(partial, json.dumps({"key": wanted, "cases": done}))
        for row in done[name]:
            share = "" if row["two_person_share"] is None else f"{row['two_person_share']:.0%}"
            print(f"{name:28} {row['name']:42} {share:>4} {row['ratio']:6.2f}  goal {row['goal']}", flush=True)
    return [row for name in names for row in done[name]]


def finished_cases(partial: Path, wanted: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the cases in `partial`; none if it is damaged or has another key."""
    try:
        kept = json.loads(partial.read_bytes())
        of_key, cases = kept["key"], kept["cases"]
        if not isinstance(cases, dict) or not all(isinstance(rows, list) for rows in cases.values()):
            raise TypeError("the cases have no rows")
    except (ValueError, KeyError, TypeError):
        print(f"{partial} is damaged: all cases are measured again", flush=True)
        return {}
    return cases if of_key == wanted else {}


def measure_in_new_process(name: str, settings: Settings) -> list[dict[str, Any]]:
    """Measure a case in a process of its own, so that cases do not share memory."""
    words = [sys.executable, __file__, "--case", name, "--settings", json.dumps(asdict(settings))]
    quiet = os.environ | {"KINETO_LOG_LEVEL": "99"}  # torch's profiler writes on stderr
    rows: list[dict[str, Any]] = json_of_child(words, quiet)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer clips: under ten minutes")
    parser.add_argument("--fresh", action="store_true", help="measure all cases again")
    parser.add_argument(
        "--out", type=Path, help="folder for results.md and results.json; by default benchmarks, or runs/bench"
    )
    parser.add_argument("--partial", type=Path, help="file of the cases that are done; by default in runs")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--settings", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    if arguments.case:
        exit_with_parent()
        if CASES[arguments.case][2]:
            from skeletonmae.memory import retain_freed_memory

            retain_freed_memory()
        return print(json.dumps(measure_case(arguments.case, Settings(**arguments.settings))))
    quick = ROOT / "runs" / "bench"  # the committed results are those of all clips
    out = arguments.out or (quick if arguments.quick else ROOT / "benchmarks")
    partial = arguments.partial or (quick / "partial.json" if arguments.quick else ROOT / "runs" / "bench.json")
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(partial.with_suffix(".lock"), timeout=0):
            if arguments.fresh:
                partial.unlink(missing_ok=True)
            rows = run(CASES, QUICK if arguments.quick else Settings(), threads, partial, measure_in_new_process)
            out.mkdir(parents=True, exist_ok=True)
            write_text(out / "results.json", json.dumps(rows, indent=1) + "\n")
            write_text(out / "results.md", page(rows))
    except Timeout:
        raise SystemExit(f"{partial}: another benchmark is running") from None


if __name__ == "__main__":
    main()
