"""Time the package against the plain reference, in alternation in one run, and write the tables.

OMP_NUM_THREADS=1 python benchmarks/run.py --out benchmarks
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import DECODER, MASK_RATIO, SIZES, Case, Recordings, Step, finetuning, inference, loading, pretraining

ROOT = Path(__file__).resolve().parents[1]
PRECISIONS = ("float32", "bf16")


def cases(folder: Path, num: int, load_batch: int, batch: int) -> Iterator[Case]:
    """Yield every case, for each kind of recordings."""
    for name, persons, noise in (
        ("one person", 1, False),
        ("one person, gaps", 1, True),
        ("two persons", 2, False),
    ):
        data = Recordings.make(name, folder, num, persons, noise)
        yield loading(data, load_batch)
        for case in (pretraining, finetuning, inference):
            for precision in PRECISIONS:
                yield case(data, batch, precision)


def measure(case: Case, repeats: int) -> list[dict[str, Any]]:
    """Return a row for each of `case.ours`: median CPU seconds of one call, with the calls in alternation."""
    calls = {"plain": case.plain, **case.ours}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            started = time.process_time()
            call()
            if turn:  # the first is a warm-up
                times[name].append(time.process_time() - started)
    saved = {name: call.saved_bytes() for name, call in calls.items() if isinstance(call, Step)}
    return [
        {
            "what": case.what,
            "data": case.data,
            "ours_is": name,
            "clips": case.clips,
            "plain_seconds": statistics.median(times["plain"]),
            "ours_seconds": statistics.median(times[name]),
            "ratio": statistics.median(times["plain"]) / statistics.median(times[name]),
            "ratio_quartiles": np.quantile(np.divide(times["plain"], times[name]), (0.25, 0.75)).tolist(),
            "plain_bytes": saved.get("plain"),
            "ours_bytes": saved.get(name),
        }
        for name in case.ours
    ]


def environment(threads: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return when, where and with what this was measured."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", ROOT, *words], capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = git("status", "--porcelain", "--", "src")
    script, words = Path(sys.argv[0]), sys.argv[1:]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": git("rev-parse", "--short=12", "HEAD") + (" with changes in src" if changed else ""),
        "command": shlex.join([f"OMP_NUM_THREADS={threads}", "python", f"benchmarks/{script.name}", *words]),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "repeats": arguments.repeats,
    }


def processor() -> str:
    """Return the name of the processor, with its vector instructions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{name or platform.processor()} ({torch.backends.cpu.get_cpu_capability()})"


def markdown(facts: dict[str, Any], rows: list[dict[str, Any]], arguments: argparse.Namespace) -> str:
    """Return the page `results.md`."""
    setting = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in {**SIZES, **DECODER}.items())
    lines = [
        "# The package against a plain reference",
        "",
        "`plain.py` is a direct implementation of method A1: clips are made one by one, both persons are",
        "always computed, attention is written out, and the decoder runs over all tokens.",
        "`tests/benchmarks/test_plain.py` shows that both compute the same loss, logits and clips. Both were",
        "timed in one run, in alternation, by CPU time, so that other work on the machine has little",
        "influence. Medians, with the quartiles of the ratio in parentheses. Rerun to rewrite this page:",
        "",
        f"    {facts['command']}",
        "",
        f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {facts['cores']} cores,"
        f" {facts['threads']} used, load of the machine {facts['load'][0]} to {facts['load'][1]};"
        f" {facts['system']}; Python {facts['python']}, torch {facts['torch']}; {facts['repeats']} repeats.",
        "",
        f"ntu25, 64 frames, {setting}, {MASK_RATIO:.0%} hidden; {arguments.batch} clips per step,"
        f" {arguments.load_batch} per batch in loading. `gaps`: a sensor loses joints, else all are observed.",
        "",
        "| what | recordings | variant | plain, clips/s | ours, clips/s | ratio | plain saves | ours saves |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        plain, ours = (f"{row['clips'] / row[f'{who}_seconds']:,.0f}" for who in ("plain", "ours"))
        low, high = row["ratio_quartiles"]
        saved = [
            "" if row[f"{who}_bytes"] is None else f"{row[f'{who}_bytes'] / 2**20:,.0f} MiB"
            for who in ("plain", "ours")
        ]
        lines.append(
            f"| {row['what']} | {row['data']} | {row['ours_is']} | {plain} | {ours} |"
            f" **{row['ratio']:.1f}** ({low:.1f} to {high:.1f}) | {saved[0]} | {saved[1]} |"
        )
    return "\n".join([*lines, "", "`saves`: memory that the forward pass saves for the backward pass.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="repeats of each")
    parser.add_argument("--recordings", type=int, default=512, help="recordings of each kind")
    parser.add_argument("--load-batch", type=int, default=128, help="clips per batch in loading")
    parser.add_argument("--batch", type=int, default=8, help="clips per step")
    parser.add_argument(
        "--out", type=Path, help="folder for results.md and results.json; if not given, they are printed"
    )
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    facts, rows, loads = environment(threads, arguments), [], []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder), arguments.recordings, arguments.load_batch, arguments.batch):
            loads.append(round(os.getloadavg()[0], 1))
            for row in measure(case, arguments.repeats):
                rows.append(row)
                print(f"{row['what']:30} {row['data']:18} {row['ours_is']:28} {row['ratio']:6.2f}", flush=True)
    facts["load"] = [min(loads), max(loads)]
    page = markdown(facts, rows, arguments)
    print(page)
    if arguments.out:
        (arguments.out / "results.md").write_text(page, encoding="utf-8")
        (arguments.out / "results.json").write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
