"""Measure how much the frame rate of a recording changes the features of an encoder.

    OMP_NUM_THREADS=1 python benchmarks/encoder_rates.py small free --stores stores

The recordings are 100 pieces of up to three seconds of the training side of each set: motion capture of CMU at
120 frames per second, among it runs and jumps, gestures of UTD-MHAD at 30, and of MSR-Action3D at 15. Each is
trimmed to a multiple of 0.2 seconds and resampled to 10, 15, 20, 30, 60 and 120 frames per second by linear
interpolation between its frames: lower rates are what a slower sensor would have recorded, higher rates add
nothing. The features (pooling `statistics`, standardized) of a resampled recording are compared with those of the
recordings at their own rates: how far they are from those of the same one, as a share of the distance from there
to the nearest other recording (median), and how often the same one is the nearest.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import encoder_features
import numpy as np
from encoder_noise import WEIGHTS, features, weights_lines
from encoders import default_task, merge
from environment import facts

from skeletonmae import SkeletonEncoder
from skeletonmae.sequences import SequenceStore, SkeletonSequence

RATES = (10, 15, 20, 30, 60, 120)
COMMON_SECONDS = 0.2
"""Recordings last a multiple of this, so that they begin and end with a frame at every rate."""
SETS = {"cmu": "CMU", "utd_mhad": "UTD-MHAD", "msr_action3d": "MSR-Action3D"}
UNDIVIDED = ("cmu",)
"""Sets without a test side."""
MAX_SECONDS = 3.0
NUM_RECORDINGS = 100
FILE = Path(__file__).with_suffix(".json")
KEY = ("encoder", "set", "rate")


def read_recordings(path: Path) -> list[SkeletonSequence]:
    """Return recordings of a store's training side, or all if it has no test side, trimmed and cut."""
    store = SequenceStore.open(path)
    index = np.arange(len(store)) if path.name in UNDIVIDED else default_task(path, store).train
    pieces = [piece for number in index for piece in _pieces(store[number])]
    order = np.random.default_rng(0).permutation(len(pieces))[:NUM_RECORDINGS]
    return [pieces[number] for number in order]


def _pieces(recording: SkeletonSequence) -> list[SkeletonSequence]:
    """Cut a recording into pieces of at most `MAX_SECONDS`, whose frames also exist at every other rate."""
    assert recording.fps is not None
    step = round(recording.fps * COMMON_SECONDS)
    length = round(MAX_SECONDS / COMMON_SECONDS) * step
    starts = range(0, max(1, recording.num_frames - 1), length)
    ends = [start + min(length, (recording.num_frames - 1 - start) // step * step) for start in starts]
    pieces = [
        replace(
            recording,
            positions=recording.positions[:, start : end + 1],
            observed=recording.observed[:, start : end + 1],
        )
        for start, end in zip(starts, ends, strict=True)
        if end > start
    ]
    return [piece for piece in pieces if piece.observed.any()]


def resample(recording: SkeletonSequence, rate: float) -> SkeletonSequence:
    """Return a recording at another rate, by linear interpolation; a joint is observed if it was in both frames.

    Args:
        recording: At its own rate.
        rate: Frames per second.
    """
    assert recording.fps is not None
    num = round((recording.num_frames - 1) * rate / recording.fps) + 1
    place = np.round(np.arange(num) * recording.fps / rate, 9)
    low = np.floor(place).astype(int)
    high = np.minimum(np.ceil(place).astype(int), recording.num_frames - 1)
    weight = (place - low).astype(np.float32)[:, None, None]
    observed = recording.observed[:, low] & recording.observed[:, high]
    positions = (1 - weight) * recording.positions[:, low] + weight * recording.positions[:, high]
    positions = np.where(observed[..., None], positions, 0).astype(np.float32)
    return replace(recording, positions=positions, observed=observed, fps=float(rate))


def measure(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> list[dict[str, Any]]:
    """Return for each rate how far features move, and how often a recording is nearest to itself."""
    own = features(encoder, recordings, "statistics")
    rows = [features(encoder, [resample(one, rate) for one in recordings], "statistics") for rate in RATES]
    return [{"rate": rate, **compare(own, other)} for rate, other in zip(RATES, rows, strict=True)]


def compare(own: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Compare features of the same recordings at their own rate and at another, `(recording, feature)`."""
    deviation = own.std(0)
    varies = deviation > 0
    own, other = own[:, varies] / deviation[varies], other[:, varies] / deviation[varies]
    distance = np.linalg.norm(other[:, None] - own, axis=2)
    between = np.linalg.norm(own[:, None] - own, axis=2)
    np.fill_diagonal(between, np.inf)
    share = distance.diagonal() / between.min(1)
    return {"share": float(np.median(share)), "top1": float((distance.argmin(1) == np.arange(len(own))).mean())}


def page(result: dict[str, Any]) -> str:
    """Return the page of the results, in Markdown."""
    text = (__doc__ or "").split("\n\n", 2)[2]
    found = {tuple(row[key] for key in KEY): row for row in result["rows"]}
    lines = []
    for encoder, dataset in dict.fromkeys((row["encoder"], row["set"]) for row in result["rows"]):
        rows = [found[encoder, dataset, rate] for rate in RATES]
        cells = [f"{row['share']:.2f} / {100 * row['top1']:.1f}" for row in rows]
        lines.append(f"| {encoder} | {SETS[dataset]}, {rows[0]['own_rate']:g} | {' | '.join(cells)} |")
    runs = "\n".join(f"- {run['date']}, commit {run['commit']}: `{run['command']}`" for run in result["runs"])
    head = " | ".join(f"{rate} frames per second" for rate in RATES)
    return f"""<!-- Written by benchmarks/encoder_rates.py. -->
# Encoders and frame rates

{text}
Each cell: the share of the distance to the nearest other recording / how often the same recording is the nearest,
in percent.

| encoder | recordings, own rate | {head} |
|---|---|{"---|" * len(RATES)}
{chr(10).join(lines)}

{WEIGHTS}

{chr(10).join(weights_lines(result["rows"]))}

## Runs

{runs}
"""


def main() -> None:
    """Measure encoders, and write the results and their page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="*", help="names, checkpoints, folders of runs, or `untrained NAME`")
    parser.add_argument("--stores", type=Path, default=Path("stores"))
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--out", type=Path, default=FILE, help="JSON to add to; the page lies beside it")
    options = parser.parse_args()
    empty: dict[str, Any] = {"runs": [], "rows": []}
    result = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else empty
    if options.encoders:
        result["runs"].append(facts("OMP_NUM_THREADS=1"))
    for encoder in options.encoders:
        named, model = {"encoder": encoder, **encoder_features.identity(encoder)}, encoder_features.load(encoder)
        for dataset in options.sets:
            recordings = read_recordings(options.stores / dataset)
            about = {**named, "set": dataset, "own_rate": recordings[0].fps}
            rows = [{**about, **row} for row in measure(model, recordings)]
            print(json.dumps(rows), flush=True)
            result = merge(result, rows, KEY)
            options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    options.out.with_suffix(".md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
