"""Compare threads with processes: the speed of pre-training on a CPU, by the command that users run.

    python benchmarks/processes.py recipes/nw_ucla/mamp.yaml training.epochs=6 --repeats 3

Every way is run in each round, so that they meet the same machine. The speed is that of `log.csv` after the last
epoch, which leaves out the start of the program. Prints a Markdown table: the median, least and greatest ratio to
one thread in the same round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from environment import facts

from skeletonmae.training import read_log

WAYS = {
    "one process, one thread": (1, 1),
    "one process, a thread for each core": (1, 0),
    "a process for each core": (0, 1),
}
"""Way -> number of processes and of threads of each; 0 stands for the number of cores."""


def speed(recipe: Path, overrides: Sequence[str], num_processes: int, num_threads: int) -> float:
    """Pre-train by the command, and return the batches per second."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "skeletonmae", "pretrain", str(recipe), *overrides]
        options = ["--out", folder, "--device", "cpu", "--processes", str(num_processes)]
        variables = {**os.environ, "OMP_NUM_THREADS": str(num_threads)}
        subprocess.run([*command, *options], env=variables, check=True, capture_output=True)
        return float(read_log(Path(folder))[-1]["batches_per_second"])


def ratios(rounds: Sequence[dict[str, float]], reference: str) -> dict[str, tuple[float, float, float]]:
    """Return the median, least and greatest ratio of each way to the reference of the same round."""
    by_way = {way: [speeds[way] / speeds[reference] for speeds in rounds] for way in rounds[0]}
    return {way: (statistics.median(values), min(values), max(values)) for way, values in by_way.items()}


def main() -> int:
    """Read the command line, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="SETTING=VALUE")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_intermixed_args()
    cores = os.cpu_count() or 1
    rounds = []
    for _ in range(options.repeats):
        rounds.append(
            {
                way: speed(options.recipe, options.overrides, processes or cores, threads or cores)
                for way, (processes, threads) in WAYS.items()
            }
        )
        print({way: round(value, 2) for way, value in rounds[-1].items()}, file=sys.stderr, flush=True)
    known = facts()
    print(
        f"{known['date']}, commit {known['commit']}, {known['processor']}, {cores} cores, torch {known['torch']}\n"
    )
    print("| | batches per second | times as fast as one thread |\n|---|---:|---:|")
    for way, (median, low, high) in ratios(rounds, next(iter(WAYS))).items():
        absolute = statistics.median(speeds[way] for speeds in rounds)
        print(f"| {way} | {absolute:.1f} | {median:.2f} ({low:.2f} to {high:.2f}) |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
