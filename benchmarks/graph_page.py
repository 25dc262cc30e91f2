"""The finished cells of benchmarks/graph_proof.py, and the page with its tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import graph_plan as plan
import numpy as np
from graph_ablations import ABLATIONS, PRETRAININGS, pretrained_cells, scratch_cells

INTRODUCTION = """# Does pre-training the graph SkeletonMAE help?

Made by `python benchmarks/graph_proof.py report RESULTS`, from the cells in
[graph_proof.jsonl](graph_proof.jsonl). [What is run and how it is chosen](graph_plan.py); the recipes are
`recipes/<dataset>/graph.yaml` with the settings that each table names.
[What follows from it](../docs/methods/graph.md#does-pre-training-help).
"""
PRETEXT = """## The pretext task

Mean error on the validation part of Penn Action (1,005 clips to fit on, 253 to test on; 400 steps of 64 clips and
seed 0, unless said otherwise), in the unit of the loss, beside predictions without a network. The base hides two
random parts and predicts coordinates, without the identity of joints and without the frame context. Rows with
1,600 or 3,200 steps, the frame context or STRL are from 2026-11-27, when clips in which no hip was observed, 20 of
the 1,258, had become centered on the joints that were; the others are from the day before.
"""
SELECTION = """## The selection

Accuracy in percent with a tenth of the labels of what remains of the training side, on its validation part: one
pre-training and four draws of the labels, one layer of STRL, by the factor of the encoder's rate. All
pre-trainings are compared with the first rate, and the best with all rates.
"""
PROOF = """## The proof

Accuracy in percent on the test side, without test recordings that are copies of training recordings, even mirrored
ones. With 10 % of the labels each pre-training is fine-tuned with five draws; with all labels once. After the mean
is the standard deviation; after the gain, half of its 95 % interval over pre-trainings and draws together, which a
single fine-tuning does not have.
"""
ABLATED = """
## Ablations

One change at a time of the setting of the proof, with 10 % of the labels on the test side of Penn Action: two
pre-trainings, five draws each. Where the change concerns the classifier's network, it is trained from scratch
too; otherwise the value of the setting is repeated. `against the setting` compares pre-trainings and draws of the
same seeds; where two pre-trainings differ, its interval is wide. Nothing is chosen here.
"""


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


def crossed_interval(gains: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return mean and half width of the interval of gains over pre-trainings and draws, `(pretraining, draw)`.

    Both are random, and every pre-training is tested with every draw: the variance of the mean is that of a
    crossed two-way layout with one observation per cell, with Satterthwaite's degrees of freedom. With one
    pre-training, or one draw for each, it is Student's interval; NaN for a single gain.
    """
    from scipy.stats import t

    gains = np.asarray(gains, dtype=np.float64)
    mean, shape = float(gains.mean()), gains.shape
    if gains.size == 1:
        return mean, float("nan")
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
    """Yield the lines of the page, with the tables of all stages as far as their cells are finished."""
    lines = read_lines(folder)
    yield INTRODUCTION
    yield from about(lines)
    yield PRETEXT
    yield "| change of the pre-training | loss | model | constant | neighbor | ridge |"
    yield "|---|---|---|---|---|---|"
    for name, cell in zip(plan.PRETEXT, plan.pretext_cells(plan.SELECTION_SETS[0]), strict=True):
        if key(cell) in lines:
            found = lines[key(cell)]["result"]
            values = (f"{found[column]:.4g}" for column in ("loss", "model", "constant", "neighbor", "ridge"))
            yield f"| {name} | {' | '.join(values)} |"
    yield f"\n{SELECTION}"
    yield f"| start | depth | rate | {' | '.join(plan.SELECTION_SETS)} | mean |"
    yield "|---|---|---|" + "---|" * (len(plan.SELECTION_SETS) + 1)
    table = plan.selection_table(lines, key)
    for (name, depth, rate), found in table.items():
        if found:
            shown = [f"{100 * found[each]:.1f}" if each in found else "" for each in plan.SELECTION_SETS]
            mean = f"{100 * fmean(found.values()):.1f}" if len(found) == len(plan.SELECTION_SETS) else ""
            yield f"| {name} | {depth} | x{rate:g} | {' | '.join(shown)} | {mean} |"
    chosen = plan.choose(lines, key)
    if chosen:
        (name, depth, rate), (scratch, _, scratch_rate) = chosen
        yield f"\nChosen: {name}, depth {depth}, x{rate:g}; {scratch}, x{scratch_rate:g}.\n\n{PROOF}"
        yield from proof_table(lines, *chosen)
    yield ABLATED
    yield from ablation_table(lines)


def about(lines: dict[str, Any]) -> Iterator[str]:
    """Yield when, where and with which commits the cells were run."""
    cells = list(lines.values())
    if cells:
        dates, commits = (sorted({str(line.get(name, "?")) for line in cells}) for name in ("date", "commit"))
        machines = sorted({f"{line.get('processor', '?')}, torch {line.get('torch', '?')}" for line in cells})
        hours = sum(line["cpu_seconds"] for line in cells) / 3600
        yield f"{len(cells)} cells, {hours:.1f} core hours, from {dates[0]} to {dates[-1]}; {'; '.join(machines)};"
        yield f"commits {', '.join(commits)}.\n"


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
            [plan.all_labels(dataset, row, seed) for seed in range(plan.PRETRAININGS)]
            for row in (pretrained, scratch)
        ]
        yield from proof_row(f"{dataset} | all | {pretrained[1]} | x{pretrained[2]:g}", lines, *every)


def ablation_table(lines: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table of the ablations, as far as their cells are finished."""
    yield "| what | value | pre-trainings | pre-trained | from scratch | gain | against the setting |"
    yield "|---|---|---|---|---|---|---|"

    def values(cells: Iterable[plan.Cell]) -> list[float | None]:
        return [finished(lines, cell) for cell in cells]

    first = [values(pretrained_cells(ABLATIONS[0], seed)) for seed in range(PRETRAININGS)]
    whats = list(dict.fromkeys(ablation.what for ablation in ABLATIONS))
    for ablation in sorted(ABLATIONS, key=lambda one: whats.index(one.what)):
        rows = [values(pretrained_cells(ablation, seed)) for seed in range(PRETRAININGS)]
        scratch = values(scratch_cells(ablation))
        whole = [seed for seed, row in enumerate(rows) if None not in (*row, *scratch, *first[seed])]
        if not whole:
            continue
        ours, theirs, setting = (
            np.array(each, dtype=np.float64)
            for each in ([rows[seed] for seed in whole], [scratch], [first[seed] for seed in whole])
        )
        shown = [_mean_and_deviation(ours), _mean_and_deviation(theirs)]
        gains = [_gain(ours - theirs), _gain(ours - setting) if ablation is not ABLATIONS[0] else ""]
        yield f"| {ablation.what} | {ablation.value} | {len(whole)} | {' | '.join(shown + gains)} |"


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
    pairs = [(list(ours), list(theirs)) for ours, theirs in zip(own, base, strict=True)]
    pairs = [pair for pair in pairs if all(key(cell) in lines for cells in pair for cell in cells)]
    if not pairs:
        return
    ours, scratch = (
        np.array([[finished(lines, cell) for cell in cells] for cells in side], dtype=np.float64)
        for side in zip(*pairs, strict=True)
    )
    # With few labels, all pre-trainings are compared with the same trainings from scratch.
    once = {key(cell): finished(lines, cell) for _, cells in pairs for cell in cells}
    shown = [_mean_and_deviation(each) for each in (ours, np.array(list(once.values()), dtype=np.float64))]
    yield f"| {name} | {len(pairs)} | {' | '.join(shown)} | {_gain(ours - scratch)} |"


def _gain(gains: np.ndarray) -> str:
    mean, half = crossed_interval(gains)
    return f"{mean:+.1f}" if np.isnan(half) else f"{mean:+.1f} ± {half:.1f}"


def _mean_and_deviation(values: np.ndarray) -> str:
    return f"{values.mean():.1f}" + (f" ± {values.std(ddof=1):.1f}" if values.size > 1 else "")
