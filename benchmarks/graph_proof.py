"""Does pre-training the graph SkeletonMAE help? Choose its settings on validation parts, then test on four sets.

    OMP_NUM_THREADS=1 python benchmarks/graph_proof.py run RESULTS [--stages select proof] [--seconds 3600]
    python benchmarks/graph_proof.py report RESULTS
    python benchmarks/graph_proof.py estimate RESULTS

`pretext` compares changes of the pre-training by the reconstruction error on the validation part of Penn Action.
`select` chooses target, hiding, depth of STRL and rate of the encoder on the validation parts of Penn Action and
NW-UCLA, and the rate from scratch in the same way. `proof` tests the choice on the test sides of Penn Action,
NW-UCLA, pyskl_sample and UTD-MHAD. Each finished cell is a line of RESULTS/cells.jsonl, and the weights of
pre-trainings are in RESULTS/weights; a run that was stopped continues with the first cell that is missing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import graph_plan as plan
import numpy as np
from graph_cells import run_cell, weights_file

STAGES = ("pretext", "select", "proof")
TYPICAL_SECONDS = {"pretrain": 60.0, 0.1: 20.0, 1.0: 200.0}
"""CPU seconds of a cell of which none is finished: a pre-training, or a fine-tuning by its share of the labels."""


def key(cell: plan.Cell) -> str:
    """Return what identifies a cell among the results."""
    return json.dumps(cell, sort_keys=True)


def read_lines(folder: Path) -> dict[str, Any]:
    """Return the finished cells; a line that was cut off by a kill is left out."""
    file, lines = folder / "cells.jsonl", {}
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        lines[key(line["cell"])] = line
    return lines


def cells(stage: str, lines: dict[str, Any]) -> Iterator[plan.Cell]:
    """Yield the cells of a stage, each pre-training before the first fine-tuning that starts from it."""
    if stage == "pretext":
        yield from plan.pretext_cells(plan.SELECTION_SETS[0])
        return
    chosen = plan.choose(lines, key) if stage == "proof" else None
    if stage == "proof" and chosen is None:
        return
    for cell in plan.proof_cells(chosen) if chosen else plan.select_cells(lines, key):
        if cell["start"]:
            yield cell["start"]
        yield cell


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


def crossed_interval(gains: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return mean and half width of the interval of gains over pre-trainings and draws, `(pretraining, draw)`.

    Both are random, and every pre-training is tested with every draw: the variance of the mean is that of a
    crossed two-way layout with one observation per cell, with Satterthwaite's degrees of freedom. With one
    pre-training, or one draw for each, it is Student's interval.
    """
    from scipy.stats import t

    gains = np.asarray(gains, dtype=np.float64)
    mean, shape = float(gains.mean()), gains.shape
    if min(shape) == 1:
        return mean, float(t.ppf((1 + level) / 2, gains.size - 1) * gains.std(ddof=1) / gains.size**0.5)
    rows, columns = gains.mean(1), gains.mean(0)
    degrees = np.array([shape[0] - 1, shape[1] - 1, (shape[0] - 1) * (shape[1] - 1)])
    residual = gains - rows[:, None] - columns + mean
    squares = np.array(
        [shape[1] * ((rows - mean) ** 2).sum(), shape[0] * ((columns - mean) ** 2).sum(), (residual**2).sum()]
    )
    squares /= degrees
    variance = max(squares[0] + squares[1] - squares[2], squares.max())
    freedom = variance**2 / (squares**2 / degrees).sum() if variance else degrees.sum()
    return mean, float(t.ppf((1 + level) / 2, freedom) * (variance / gains.size) ** 0.5)


def report(folder: Path) -> Iterator[str]:
    """Yield the lines of the tables of all stages, as far as their cells are finished."""
    lines = read_lines(folder)
    yield "| change of the pre-training | loss | model | constant | neighbor | ridge |"
    yield "|---|---|---|---|---|---|"
    for name, cell in zip(plan.PRETEXT, cells("pretext", lines), strict=True):
        if key(cell) in lines:
            found = lines[key(cell)]["result"]
            values = (f"{found[column]:.4g}" for column in ("loss", "model", "constant", "neighbor", "ridge"))
            yield f"| {name} | {' | '.join(values)} |"
    yield ""
    yield f"| start | depth | rate | {' | '.join(plan.SELECTION_SETS)} | mean |"
    yield "|---|---|---|" + "---|" * (len(plan.SELECTION_SETS) + 1)
    table = plan.selection_table(lines, key)
    for (name, depth, rate), found in table.items():
        if found:
            shown = [f"{100 * found[each]:.1f}" if each in found else "" for each in plan.SELECTION_SETS]
            mean = f"{100 * fmean(found.values()):.1f}" if len(found) == len(plan.SELECTION_SETS) else ""
            yield f"| {name} | {depth} | x{rate:g} | {' | '.join(shown)} | {mean} |"
    chosen = plan.choose(lines, key)
    yield f"\nchosen (name, depth, rate): {chosen}\n"
    if chosen:
        yield from proof_table(lines, *chosen)


def proof_table(lines: dict[str, Any], pretrained: plan.Row, scratch: plan.Row) -> Iterator[str]:
    """Yield the lines of the table of the proof; on the first dataset, also with the other depth and rates."""
    yield "| dataset | labels | depth | rate | pre-trainings | pre-trained | from scratch | gain |"
    yield "|---|---|---|---|---|---|---|---|"
    for dataset in plan.PROOF_SETS:
        rows = [pretrained, *(plan.other_rows(pretrained) if dataset == plan.PROOF_SETS[0] else ())]
        for row in rows:
            _, depth, rate = row
            few = [
                [plan.few_labels(dataset, each, seed) for seed in range(plan.PRETRAININGS)]
                for each in (row, (scratch[0], depth, scratch[2]))
            ]
            yield from proof_row(f"{dataset} | 10 % | {depth} | x{rate:g}", lines, *few)
        every = [
            [[plan.all_labels(dataset, row, seed)] for seed in range(plan.PRETRAININGS)]
            for row in (pretrained, scratch)
        ]
        yield from proof_row(f"{dataset} | all | {pretrained[1]} | x{pretrained[2]:g}", lines, *every)


def finished(lines: dict[str, Any], cell: plan.Cell) -> float | None:
    """Return the accuracy without copies of a finished cell, in percent."""
    return 100 * lines[key(cell)]["result"]["top1_clean"] if key(cell) in lines else None


def proof_row(
    name: str, lines: dict[str, Any], own: list[Iterable[plan.Cell]], base: list[Iterable[plan.Cell]]
) -> Iterator[str]:
    """Yield a row of the pre-trainings whose cells are finished, unless there is none.

    Args:
        name: Its first columns.
        lines: The finished cells.
        own: The cells of each pre-training.
        base: The cells from scratch that each of them is compared with.
    """
    values = [[finished(lines, cell) for cell in (*ours, *theirs)] for ours, theirs in zip(own, base, strict=True)]
    complete = np.array([each for each in values if None not in each], dtype=np.float64)
    if not len(complete) or complete.size <= 2:
        return
    ours, scratch = np.split(complete, 2, axis=1)
    mean, half = crossed_interval(ours - scratch)
    shown = [f"{each.mean():.1f} ± {each.std(ddof=1):.1f}" for each in (ours, np.unique(scratch, axis=0))]
    yield f"| {name} | {len(complete)} | {' | '.join(shown)} | {mean:+.1f} ± {half:.1f} |"


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
