"""Measure how the cost of a pre-training step grows with frames, joints, persons, clips and processes.

    OMP_NUM_THREADS=1 python benchmarks/growth.py

Writes growth.json, the plot docs/images/growth.png and the table of docs/performance.md. Times are CPU seconds,
the least of several, with the sizes in alternation. The law of a step is its number of FLOPs, plus a constant:
attention grows with the square of the tokens of a track, all else in proportion.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import DECODER, DECODERS, MASK_RATIO, SIZES
from environment import ROOT, environment
from measuring import Step, usage

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.evaluation.cost import count_flops
from skeletonmae.files import write_text
from skeletonmae.masking import RandomTokens
from skeletonmae.memory import retain_freed_memory
from skeletonmae.methods import InputSpec
from skeletonmae.methods.joint_patch_mae import JointPatchMAE, JointPatchMAEConfig
from skeletonmae.plotting.figure import BLUE, GRAY, GREEN, INK, ORANGE, PALE, new_figure, save_figure
from skeletonmae.skeletons import Skeleton
from skeletonmae.training import TrainingConfig, init_distributed
from skeletonmae.training.stopping import StopRequest
from skeletonmae.training.trainer import Trainer

BASE = {"frames": 120, "joints": 25, "persons": 1, "clips": 4}
GRID: dict[str, tuple[int, ...]] = {
    "frames": (32, 60, 120, 240, 480),
    "joints": (6, 12, 25, 50, 100),
    "persons": (1, 2, 4, 8),
    "clips": (1, 2, 4, 8, 16),
}
PROCESSES, PROCESS_CLIPS = (1, 2, 4), 16
VARIANTS = {name: DECODERS[name] for name in ("decoder self", "decoder cross, queries 0.25")}
COLORS = {"decoder self": BLUE, "decoder cross, queries 0.25": ORANGE, "all processes together": GREEN}
START, END = "<!-- growth: benchmarks/growth.py writes the lines up to the end mark -->", "<!-- end of growth -->"


def body(num_joints: int) -> Skeleton:
    """Return a chain of joints."""
    joints = tuple(f"joint_{number}" for number in range(num_joints))
    return Skeleton("chain", joints, dict(zip(joints[1:], joints, strict=False)))


def clips(frames: int, joints: int, persons: int, clips: int) -> Batch:
    """Return clips of random numbers in which everything is observed."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(clips, persons, frames, joints, 3, generator=generator)
    index = torch.arange(clips)
    observed = torch.ones(positions.shape[:4], dtype=torch.bool)
    return Batch(positions, observed, index, sample_keys(0, 0, index), body(joints))


def method(batch: Batch, settings: dict[str, Any]) -> JointPatchMAE:
    torch.manual_seed(0)
    spec = InputSpec(batch.positions.shape[2], 3, batch.skeleton.joints)
    return JointPatchMAEConfig(**SIZES, **DECODER, **settings).build(spec, RandomTokens(ratio=MASK_RATIO))


def step(size: dict[str, int], settings: dict[str, Any]) -> Step:
    """Return a training step on clips of a size."""
    batch = clips(**size)
    return Step(method(batch, settings), lambda model: model(batch).loss, "float32")


def measure_growth(grid: dict[str, Sequence[int]], base: dict[str, int], repeats: int) -> list[dict[str, Any]]:
    """Return a row for each axis and variant, with the CPU seconds and the FLOPs of each size."""
    rows = []
    for axis, sizes in grid.items():
        for variant, settings in VARIANTS.items():
            steps = [step(base | {axis: size}, settings) for size in sizes]
            flops = [count_flops(one) for one in steps]  # also the warm-up
            seconds = [[usage(one).seconds for one in steps] for _ in range(repeats)]
            rows.append(row(axis, variant, sizes, np.min(seconds, 0), flops))
    return rows


def row(
    axis: str, variant: str, sizes: Sequence[int], seconds: np.ndarray, law: Sequence[float]
) -> dict[str, Any]:
    """Return the measurements along an axis, with the exponents of the power laws that fit them and the law.

    The seconds of a step are a constant plus a multiple of the law, and both are fitted too. Where the law is the
    same for all sizes (processes), the constant is that of each process.
    """
    if min(law) == max(law):
        total, constant = fit_line(sizes, seconds)
        slope = total / law[0]
    else:
        constant, slope = fit_line(law, seconds)
    return {
        "axis": axis,
        "variant": variant,
        "sizes": list(sizes),
        "seconds": seconds.tolist(),
        "law": list(law),
        "exponent": exponent(sizes, seconds),
        "exponent_of_law": exponent(sizes, law),
        "constant": constant,
        "slope": slope,
    }


def fitted(one: dict[str, Any]) -> np.ndarray:
    """Return the seconds of each size of a row by the fitted law."""
    law = np.array(one["law"])
    return one["constant"] * (np.array(one["sizes"]) if min(law) == max(law) else 1.0) + one["slope"] * law


def exponent(sizes: Sequence[float], values: Sequence[float] | np.ndarray) -> float:
    """Return the exponent of the power law that fits best, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def fit_line(x: Sequence[float], y: np.ndarray) -> tuple[float, float]:
    """Return a constant that is not negative, and a slope: those with the least relative squared errors."""
    scaled = np.stack([1 / np.asarray(y), np.asarray(x, float) / np.asarray(y)], 1)
    unit = float(np.max(x))  # of x, for the accuracy of the solution
    constant, slope = np.linalg.lstsq(scaled / (1.0, unit), np.ones(len(scaled)))[0]
    if constant < 0:
        return 0.0, float(scaled[:, 1].sum() / np.square(scaled[:, 1]).sum())
    return float(constant), float(slope / unit)


def measure_processes(numbers: Sequence[int], repeats: int) -> dict[str, Any]:
    """Return the CPU seconds of a step, summed over the processes that divide its clips among them."""
    seconds = []
    for number in numbers:
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
        words = [sys.executable, *launch, __file__, "--worker", str(repeats)]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        seconds.append(json.loads(done.stdout.strip().splitlines()[-1]))
    return row("processes", "all processes together", numbers, np.array(seconds), [1.0] * len(numbers))


def worker(repeats: int) -> None:
    """Train in one of several processes; the first prints the CPU seconds of a step in all of them."""
    with init_distributed("cpu") as distributed:
        batch = clips(**(BASE | {"clips": PROCESS_CLIPS // distributed.world_size}))
        model = method(batch, VARIANTS["decoder cross, queries 0.25"])
        trainer = Trainer(model.train(), TrainingConfig(), distributed, None, repeats + 1)
        found = []
        for _ in range(repeats + 1):  # the first is a warm-up
            seconds = usage(lambda: trainer.train_step([batch], 1e-4, StopRequest())).seconds
            found.append(distributed.all_reduce_sum(torch.tensor(seconds))[0])
        if distributed.is_main:
            print(min(found[1:]))


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot the seconds of a step against each axis, with the laws as lines."""
    axes_names = list(dict.fromkeys(one["axis"] for one in rows))
    figure = new_figure(10.5, 6.2)
    figure.set_layout_engine("constrained")
    for number, name in enumerate(axes_names):
        axes = figure.add_subplot(2, 3, number + 1)
        group = [one for one in rows if one["axis"] == name]
        for one in group:
            color = COLORS[one["variant"]]
            label = f"{one['variant']}: exponent {one['exponent']:.2f}"
            axes.plot(one["sizes"], fitted(one), color=color, linewidth=1.4, alpha=0.55)
            axes.plot(one["sizes"], one["seconds"], "o", color=color, markersize=5, label=label)
        sizes, values = group[0]["sizes"], [value for one in group for value in one["seconds"]]
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        if min(group[0]["law"]) == max(group[0]["law"]):
            axes.set_ylim(0, 1.4 * max(values))
        else:
            axes.set_yscale("log")
            axes.set_ylim(min(values) / 1.6, max(values) * 4)  # room for the legend
            axes.set_yticks(ticks := [t for t in (0.1, 1, 10) if min(values) / 1.6 < t], [f"{t:g}" for t in ticks])
        axes.minorticks_off()
        axes.set_title(name, size=11, color=INK)
        axes.grid(color=PALE, linewidth=0.5, alpha=0.6)
        axes.tick_params(labelsize=9, labelcolor=INK, color=PALE)
        if number % 3 == 0:
            axes.set_ylabel("CPU seconds per step", size=9, color=GRAY)
        for spine in axes.spines.values():
            spine.set_color(PALE)
        axes.legend(fontsize=8, frameon=False, loc="upper left", labelcolor=INK, handletextpad=0.2)
    save_figure(figure, path)


def table(facts: dict[str, Any]) -> str:
    """Return the table of the exponents."""
    base = ", ".join(f"{name} {value}" for name, value in BASE.items())
    lines = [
        f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {facts['threads']} thread; torch"
        f" {facts['torch']}; float32; least of {facts['repeats']}. Other sizes than that of the axis:"
        f" {base}; processes divide {PROCESS_CLIPS} clips.",
        "",
        "| axis | sizes | step | seconds, least and most | exponent | of the law | constant, ms |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for one in facts["rows"]:
        seconds = f"{min(one['seconds']):.3g} to {max(one['seconds']):.3g}"
        lines.append(
            f"| {one['axis']} | {', '.join(map(str, one['sizes']))} | {one['variant']} | {seconds} |"
            f" {one['exponent']:.2f} | {one['exponent_of_law']:.2f} | {1e3 * one['constant']:.0f} |"
        )
    return "\n".join(lines)


def replace_table(page: str, text: str) -> str:
    """Return a page with `text` between its two marks."""
    before, rest = page.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n{text}\n{END}{after}"


def write(facts: dict[str, Any], out: Path, docs: Path) -> None:
    """Write the measurements, the plot and the table."""
    write_text(out / "growth.json", json.dumps(facts, indent=1) + "\n")
    plot(facts["rows"], docs / "images" / "growth.png")
    page = docs / "performance.md"
    write_text(page, replace_table(page.read_text(encoding="utf-8"), table(facts)))


def main(measure: Callable[..., list[dict[str, Any]]] = measure_growth) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="repeats of each size")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks", help="folder of growth.json")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder of performance.md and images/")
    parser.add_argument("--page-only", action="store_true", help="plot growth.json again")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    if arguments.worker:
        retain_freed_memory()
        return worker(arguments.worker)
    if arguments.page_only:
        facts = json.loads((arguments.out / "growth.json").read_text(encoding="utf-8"))
        columns = ("axis", "variant", "sizes", "seconds", "law")
        facts["rows"] = [
            row(*(np.array(one[name]) if name == "seconds" else one[name] for name in columns))
            for one in facts["rows"]
        ]
    else:
        retain_freed_memory()
        facts = environment(threads, arguments.repeats)
        facts["rows"] = [*measure(GRID, BASE, arguments.repeats), measure_processes(PROCESSES, arguments.repeats)]
    write(facts, arguments.out, arguments.docs)


if __name__ == "__main__":
    main()
