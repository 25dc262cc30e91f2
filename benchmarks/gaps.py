"""What bridging of short gaps costs when clips are read: the time with it as a ratio to the time without.

    OMP_NUM_THREADS=1 python benchmarks/gaps.py --out benchmarks

512 recordings of one person with 25 joints at 30 frames per second, whose lengths follow those of store.md, read
as clips of 64 frames. Missing are single joints at random, whole frames as a sensor drops them, or the same joints
in all frames, whose gaps are never bridged and only searched.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from environment import environment
from store import BATCH, CROP, FRAMES, iterate, lengths, write_store

from skeletonmae.batches import ClipReader, Loader
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import NTU25

NUM_RECORDINGS = 512
BRIDGE_SECONDS = 0.25
SHARES = (0.0, 0.1, 0.5)


def observed(kind: str, share: float, num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Return which joints are observed, `(frame, joint)`, with a share of them missing."""
    shape = (num_frames, NTU25.num_joints)
    if kind == "joints":
        return rng.random(shape) >= share
    if kind == "frames":
        kept = rng.random(num_frames) >= share
        kept[[0, -1]] = True
        return np.repeat(kept[:, None], shape[1], 1)
    return np.broadcast_to(np.arange(shape[1]) >= round(share * shape[1]), shape)


def measure(folder: Path, kind: str, share: float, repeats: int) -> tuple[float, float, np.ndarray]:
    """Return the CPU seconds of an epoch without and with bridging, and the ratio of each repeat."""
    rng = np.random.default_rng(0)
    recordings = []
    for number, num_frames in enumerate(lengths(NUM_RECORDINGS).tolist()):
        values = rng.standard_normal((1, num_frames, NTU25.num_joints, 3), dtype=np.float32)
        flags = observed(kind, share, num_frames, rng)[None]
        recordings.append(
            SkeletonSequence.from_positions(values, NTU25, observed=flags, name=str(number), fps=30.0)
        )
    path = folder / f"{kind} {share}"
    write_store(path, recordings, "float32")
    store = SequenceStore.open(path)
    seconds: dict[float, list[float]] = {0.0: [], BRIDGE_SECONDS: []}
    for epoch in range(repeats):
        for bridge_seconds, found in seconds.items():
            reader = ClipReader(store, FRAMES, bridge_seconds=bridge_seconds)
            index = np.arange(len(store))
            loader = Loader(reader, store.labels, index, BATCH, crop=CROP, training=True, prefetch=0)
            started = time.process_time()
            iterate(loader.epoch(epoch))
            found.append(time.process_time() - started)
    without, bridged = (np.array(found) for found in seconds.values())
    return float(np.median(without)), float(np.median(bridged)), bridged / without


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="repeats of each")
    parser.add_argument("--out", type=Path, help="folder for gaps.md; if not given, it is printed")
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    facts = environment(threads, arguments.repeats)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("joints", "frames", "same joints"):
            for share in SHARES:
                without, bridged, ratio = measure(Path(folder), kind, share, arguments.repeats)
                low, high = np.quantile(ratio, (0.25, 0.75))
                speeds = " | ".join(f"{NUM_RECORDINGS / seconds:,.0f}" for seconds in (without, bridged))
                rows.append(
                    f"| {kind} | {share:.0%} | {speeds} | **{np.median(ratio):.2f}** ({low:.2f} to {high:.2f}) |"
                )
    first, _, about = (__doc__ or "").strip().split("\n\n")
    page = "\n".join(
        [
            "# Bridging of gaps",
            "",
            first,
            "",
            about,
            "",
            f"    {facts['command']}",
            "",
            f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {threads} thread, CPU time;"
            f" Python {facts['python']}, torch {facts['torch']}; medians of {arguments.repeats} repeats in"
            " alternation, quartiles in parentheses.",
            "",
            "| missing | share | without, clips/s | with, clips/s | time, ratio |",
            "|---|---:|---:|---:|---:|",
            *rows,
            "",
        ]
    )
    print(page)
    if arguments.out:
        (arguments.out / "gaps.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
