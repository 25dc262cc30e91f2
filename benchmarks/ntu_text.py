"""Time the reading of NTU RGB+D text against a plain line-by-line reader, in alternation in one run.

OMP_NUM_THREADS=1 python benchmarks/ntu_text.py

The files are generated in memory, with as many digits as the sensor writes. The plain reader splits each line,
converts each value to float and collects the bodies in arrays, without checks or clean-up. A second plain reader
converts only x, y and z. Times are CPU time per file, medians over the repeats; the ratio is that of the plain
reader to the row's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from environment import environment

from skeletonmae.formats.decoders.ntu_text import parse_bodies
from skeletonmae.formats.ntu_cleanup import Persons, reference_cleanup

KILOBYTES = 300


def make_file(persons: int, seed: int = 0) -> bytes:
    """Return a file of about `KILOBYTES` with the given number of persons in every frame."""
    rng = np.random.default_rng(seed)
    frames = round(107 * KILOBYTES / 300 / persons)
    lines = [str(frames)]
    for _ in range(frames):
        lines.append(str(persons))
        for person in range(persons):
            lines += [f"{72057594037931101 + person} 0 1 1 0 0 0 0.02764709 0.05745083 2", "25"]
            body = rng.normal((person, 0, 3.5), (0.15, 0.5, 0.2), (25, 3))
            pixels = rng.uniform((100, 100, 300, 300), (400, 400, 1500, 900), (25, 4))
            turn = rng.normal(size=(25, 4))
            rows = np.hstack([body, pixels, turn / np.linalg.norm(turn, axis=1, keepdims=True)])
            lines += [" ".join(f"{value:.7g}" for value in row) + f" {rng.integers(1, 3)}" for row in rows]
    return "\r\n".join([*lines, ""]).encode()


def plain(content: bytes, values: int | None = None) -> dict[str, np.ndarray]:
    """Read the positions (frame, 25, 3) of each body id, line by line; None converts all values of a line."""
    lines = iter(content.decode().splitlines())
    bodies: dict[str, list[list[list[float]]]] = {}
    for _ in range(int(next(lines))):
        for _ in range(int(next(lines))):
            body = next(lines).split()[0]
            joints = [[float(value) for value in next(lines).split()[:values]] for _ in range(int(next(lines)))]
            bodies.setdefault(body, []).append(joints)
    return {body: np.array(frames, dtype=np.float32)[..., :3] for body, frames in bodies.items()}


def parse_and_clean(content: bytes) -> Persons:
    return reference_cleanup(parse_bodies(content, "a file in memory"))


def check(content: bytes) -> None:
    """Exit unless both read the same values, to the last bit."""
    expected = plain(content)
    got = {str(body.id): body.joints for body in parse_bodies(content, "a file in memory").bodies}
    if {body: joints.tobytes() for body, joints in got.items()} != {k: v.tobytes() for k, v in expected.items()}:
        raise SystemExit("the values are not those of the plain reader")


def measure(content: bytes, repeats: int) -> dict[str, float]:
    """Return the median CPU seconds per file of each reader, called in alternation."""
    readers: dict[str, Callable[[bytes], object]] = {
        "plain": plain,
        "plain, only x y z": lambda content: plain(content, 3),
        "parse": lambda content: parse_bodies(content, "a file in memory"),
        "parse and clean up": parse_and_clean,
    }
    times: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(repeats + 1):
        for name, read in readers.items():
            started = time.process_time()
            read(content)
            if turn:  # the first is a warm-up
                times[name].append(time.process_time() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def read_many(job: tuple[bytes, int]) -> None:
    content, times = job
    for _ in range(times):
        parse_and_clean(content)


def pool_speedup(content: bytes, files: int, workers: int = 2) -> float:
    """Return the speed-up of several processes over one, by wall-clock time."""
    started = time.perf_counter()
    read_many((content, files))
    alone = time.perf_counter() - started
    jobs = [(content, 50)] * (files // 50)
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(read_many, jobs[:workers]))  # excludes the start of the processes
        started = time.perf_counter()
        list(pool.map(read_many, jobs))
        return alone / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200, help="repeats of each")
    parser.add_argument("--out", type=Path, help="folder for ntu_text.md; if not given, the page is printed")
    arguments = parser.parse_args()
    facts, loads = environment(1, arguments.repeats), [os.getloadavg()[0]]
    lines = ["| file | reader | ms per file | files/s | ratio |", "|---|---|---:|---:|---:|"]
    for persons in (1, 2):
        content = make_file(persons)
        check(content)
        seconds = measure(content, arguments.repeats)
        for name, value in seconds.items():
            ratio = seconds["plain"] / value
            description = f"{persons} person{'s' * (persons > 1)}, {len(content) / 1000:.0f} kB"
            lines.append(f"| {description} | {name} | {1000 * value:.2f} | {1 / value:,.0f} | **{ratio:.1f}** |")
    speedup = pool_speedup(make_file(1), 20 * arguments.repeats)
    loads.append(os.getloadavg()[0])
    page = "\n".join(
        [
            "# NTU RGB+D text against a plain reader\n",
            (__doc__ or "").split("\n\n", 2)[2].strip() + "\n",
            f"    {facts['command']} --out benchmarks\n" if not arguments.out else f"    {facts['command']}\n",
            f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {facts['cores']} cores, load "
            f"{min(loads):.1f} to {max(loads):.1f}; Python {facts['python']}.\n",
            *lines,
            f"\nThe values are bit-identical in float32. Two processes are {speedup:.1f} times as fast as one.\n",
        ]
    )
    print(page)
    if arguments.out:
        (arguments.out / "ntu_text.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
