"""Does pre-training the graph SkeletonMAE help? Choose its settings on validation parts, then test on four sets.

    OMP_NUM_THREADS=1 python benchmarks/graph_proof.py run RESULTS [--stages select proof] [--seconds 3600]
    python benchmarks/graph_proof.py report RESULTS > benchmarks/graph_proof.md
    python benchmarks/graph_proof.py estimate RESULTS

`pretext` compares changes of the pre-training by the reconstruction error on the validation part of Penn Action.
`select` chooses target, hiding, depth of STRL and rate of the encoder on the validation parts of Penn Action and
NW-UCLA, and the rate from scratch in the same way. `proof` tests the choice on the test sides of Penn Action,
NW-UCLA, pyskl_sample and UTD-MHAD. `ablations` changes one thing at a time of the setting, on the test side of
Penn Action. Each finished cell is a line of RESULTS/cells.jsonl, and the weights of
pre-trainings are in RESULTS/weights; a run that was stopped continues with the first cell that is missing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import graph_plan as plan
from graph_ablations import ablation_cells
from graph_cells import run_cell, weights_file
from graph_page import key, read_lines, report

STAGES = ("pretext", "select", "proof", "ablations")
TYPICAL_SECONDS = {"pretrain": 60.0, 0.1: 20.0, 1.0: 200.0}
"""CPU seconds of a cell of which none is finished: a pre-training, or a fine-tuning by its share of the labels."""


def cells(stage: str, lines: dict[str, Any]) -> Iterator[plan.Cell]:
    """Yield the cells of a stage, each pre-training before the first fine-tuning that starts from it."""
    if stage == "pretext":
        yield from plan.pretext_cells(plan.SELECTION_SETS[0])
        return
    for cell in _finetunings(stage, lines):
        if cell["start"]:
            yield cell["start"]
        yield cell


def _finetunings(stage: str, lines: dict[str, Any]) -> Iterator[plan.Cell]:
    if stage == "select":
        yield from plan.select_cells(lines, key)
    elif stage == "ablations":
        yield from ablation_cells()
    elif chosen := plan.choose(lines, key):
        yield from plan.proof_cells(chosen)


def run(folder: Path, stages: list[str], seconds: float, max_cells: int) -> None:
    """Run the cells that are missing, until all are finished, the time is over or `max_cells` were run."""
    from environment import facts

    began, about = time.monotonic(), {name: facts()[name] for name in ("commit", "date", "processor", "torch")}
    folder.mkdir(parents=True, exist_ok=True)
    lines, weights, num_run = read_lines(folder), folder / "weights", 0
    for stage in stages:
        for cell in cells(stage, lines):
            is_missing = cell["kind"] == "pretrain" and not weights_file(cell, weights).exists()
            if key(cell) in lines and not is_missing:
                continue
            if time.monotonic() - began > seconds or num_run == max_cells:
                return
            num_run += 1
            line = run_cell(cell, weights) | {"stage": stage} | about
            with (folder / "cells.jsonl").open("a", encoding="utf-8") as file:
                file.write("\n" * bool(file.tell()) + json.dumps(line))  # a line that was cut off stays alone
            lines[key(cell)] = line
            print(f"{time.monotonic() - began:6.0f} s  {stage} {describe(cell)}: {line['result']}", flush=True)


def describe(cell: plan.Cell) -> str:
    """Name a cell in a line of the progress."""
    settings = ", ".join(setting.partition("=")[2] for setting in cell["settings"])
    if cell["kind"] == "pretrain":
        return f"pretrain {cell['dataset']} {cell['part']} [{settings}] seed {cell['seed']}"
    start = f"[{settings}] seed {cell['start']['seed']}" if cell["start"] else "scratch"
    where = f"{cell['dataset']} {cell['part']} {cell['fraction']:g}"
    return f"{where} {start} draw {cell['draw']} depth {cell['depth']} x{cell['training']['encoder_lr']:g}"


def estimate(folder: Path) -> Iterator[str]:
    """Yield the CPU hours of each stage: finished, and expected for the rest by the mean of finished cells."""
    lines = read_lines(folder)

    def group(cell: plan.Cell) -> tuple[Any, ...]:
        return (cell["kind"], cell["dataset"], cell.get("fraction"), cell.get("depth"))

    spent: dict[tuple[Any, ...], list[float]] = {}
    for line in lines.values():
        spent.setdefault(group(line["cell"]), []).append(line["cpu_seconds"])
    for stage in STAGES:
        wanted = {key(cell): cell for cell in cells(stage, lines)}
        done = sum(lines[name]["cpu_seconds"] for name in wanted if name in lines)
        left = sum(
            fmean(spent[group(cell)])
            if group(cell) in spent
            else TYPICAL_SECONDS[cell.get("fraction", "pretrain")]
            for name, cell in wanted.items()
            if name not in lines
        )
        count = sum(name in lines for name in wanted)
        hours = f"{done / 3600:.2f} h of CPU spent, {left / 3600:.2f} h left"
        yield f"{stage}: {count} of {len(wanted)} cells, {hours}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "report", "estimate"))
    parser.add_argument("results", type=Path, help="folder of the results")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no cell after this time")
    parser.add_argument("--max-cells", type=int, default=-1, help="run at most so many cells; by default all")
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(arguments.results, arguments.stages, arguments.seconds, arguments.max_cells)
    else:
        print("\n".join({"report": report, "estimate": estimate}[arguments.command](arguments.results)))


if __name__ == "__main__":
    main()
