"""Measure how much noise on the joints takes from what an encoder recognizes, on training subjects alone.

    OMP_NUM_THREADS=1 python benchmarks/encoder_noise.py small free --stores stores

Each encoder is frozen. Linear discriminant analysis (shrinkage 0.1) of its features is fitted to clips of some
training subjects as they are, and tested on clips of the others in up to five folds, with white noise of so many
millimeters on every coordinate of every joint in every frame. The encoders may have seen these clips, without
labels: the numbers compare encoders with each other, so that objectives and settings are chosen by them. They are
no results. On NW-UCLA, 95 of the clips are exact copies of clips of the test side.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import encoder_features
import numpy as np
from encoder_probes import Task, folds
from encoders import default_task, merge
from environment import facts

from skeletonmae import SkeletonEncoder
from skeletonmae.datasets import DATASETS
from skeletonmae.inference.head_fitting import Candidate, fit_heads
from skeletonmae.methods import Pooling
from skeletonmae.sequences import SequenceStore, SkeletonSequence

SETS = ("utd_mhad", "msr_action3d", "nw_ucla")
MILLIMETERS = (0, 2)
HEAD = Candidate("features", "discriminant", 0.1)
FILE = Path(__file__).with_suffix(".json")
KEY = ("encoder", "features", "set", "millimeters")


def measure(
    encoder: SkeletonEncoder, path: Path, pooling: Pooling, millimeters: Sequence[float] = MILLIMETERS
) -> Iterator[dict[str, Any]]:
    """Yield the accuracy on the training side of a store in meters at each level of noise.

    Args:
        encoder: The encoder.
        path: The store.
        pooling: What the features are.
        millimeters: Standard deviations of the noise, 0 for none.
    """
    store = SequenceStore.open(path)
    task = default_task(path, store)
    recordings = [store[number] for number in task.train]
    labels = task.labels[task.train]
    clean = features(encoder, recordings, pooling)
    for level in millimeters:
        noisy = [add_noise(one, level / 1000, number) for number, one in enumerate(recordings)]
        rows = features(encoder, noisy, pooling) if level else clean
        right = accuracy(task, clean, rows)
        about = {"features": pooling, "set": path.name, "millimeters": level}
        yield {**about, "top1": right, "num_clips": len(labels)}


def accuracy(task: Task, clean: np.ndarray, noisy: np.ndarray) -> float:
    """Return the share of the training side that is recognized in folds: fitted to clean clips, tested on noisy.

    Args:
        task: The split.
        clean: Features of the training side, `(recording, feature)`.
        noisy: Features of the same recordings with noise.
    """
    row = {number: place for place, number in enumerate(task.train.tolist())}
    labels, num_right = task.labels[task.train], 0
    for fitted, tested in folds(task):
        fit, test = ([row[number] for number in part.tolist()] for part in (fitted, tested))
        (head,) = fit_heads(clean[fit], labels[fit], task.num_classes, [HEAD])
        num_right += int((head.scores(noisy[test]).argmax(1) == labels[test]).sum())
    return num_right / len(labels)


def add_noise(recording: SkeletonSequence, sigma: float, seed: int) -> SkeletonSequence:
    """Return a recording with white noise on its observed coordinates.

    Args:
        recording: The recording.
        sigma: Standard deviation, in the unit of the recording.
        seed: Seed of the noise.
    """
    noise = np.random.default_rng([0, seed]).normal(0, sigma, recording.positions.shape)
    noise[~recording.observed] = 0
    return replace(recording, positions=(recording.positions + noise).astype(np.float32))


def features(encoder: SkeletonEncoder, recordings: list[SkeletonSequence], pooling: Pooling) -> np.ndarray:
    """Return a row for each recording; zeros for one that the encoder leaves out."""
    named = [replace(one, name=str(number)) for number, one in enumerate(recordings)]
    embeddings = encoder.embed(named, pooling=pooling)
    rows = np.zeros((len(named), embeddings.features.shape[1]), np.float32)
    rows[[int(name) for name in embeddings.names]] = embeddings.features
    return rows


def weights_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each file that was measured, and what it was measured on.

    Args:
        rows: Rows of results, with the fields of `encoder_features.identity` where the file is known.
    """
    found: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        checksum = row.get("weights") or row.get("network")
        name = f"`{checksum[:12]}`" if checksum else "not known"
        found.setdefault((row["encoder"], name), {})[row["set"]] = None
    return [f"- {encoder}: {name} on {', '.join(sets)}" for (encoder, name), sets in found.items()]


WEIGHTS = """## Weights

The first digits of the SHA-256 of the file that was measured; for an untrained network, those of a checksum of its
settings."""


def page(result: dict[str, Any]) -> str:
    """Return the page of the results, in Markdown."""
    text = (__doc__ or "").split("\n\n", 2)[2]
    rows = result["rows"]
    sets = list(dict.fromkeys(row["set"] for row in rows))
    columns = sorted(
        {(row["set"], row["millimeters"]) for row in rows}, key=lambda one: (sets.index(one[0]), one[1])
    )
    lines = []
    for encoder, pooling in dict.fromkeys((row["encoder"], row["features"]) for row in rows):
        found = {
            (row["set"], row["millimeters"]): f"{100 * row['top1']:.1f}"
            for row in rows
            if (row["encoder"], row["features"]) == (encoder, pooling)
        }
        lines.append(f"| {encoder} | {pooling} | {' | '.join(found.get(column, '') for column in columns)} |")
    num_clips = {row["set"]: row["num_clips"] for row in rows}
    clips = ", ".join(f"{DATASETS[name].title} {num} clips" for name, num in num_clips.items())
    head = " | ".join(f"{DATASETS[name].title}, {level:g} mm" for name, level in columns)
    runs = "\n".join(f"- {run['date']}, commit {run['commit']}: `{run['command']}`" for run in result["runs"])
    return f"""<!-- Written by benchmarks/encoder_noise.py. -->
# Encoders and noise

{text}
Accuracy in percent; {clips}.

| encoder | features | {head} |
|---|---|{"---|" * len(columns)}
{chr(10).join(lines)}

{WEIGHTS}

{chr(10).join(weights_lines(rows))}

## Runs

{runs}
"""


def main() -> None:
    """Measure encoders, and write the results and their page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="*", help="names, checkpoints, folders of runs, or `untrained NAME`")
    parser.add_argument("--name", default="", help="what the first encoder is called in the results")
    parser.add_argument("--pooling", default="statistics", help="what the features are")
    parser.add_argument(
        "--millimeters", type=float, nargs="+", default=MILLIMETERS, help="standard deviations of the noise"
    )
    parser.add_argument("--stores", type=Path, default=Path("stores"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--out", type=Path, default=FILE, help="JSON to add to; the page lies beside it")
    options = parser.parse_args()
    empty: dict[str, Any] = {"runs": [], "rows": []}
    result = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else empty
    if options.encoders:
        result["runs"].append(facts("OMP_NUM_THREADS=1"))
    for number, encoder in enumerate(options.encoders):
        name = options.name if options.name and number == 0 else encoder
        about, model = {"encoder": name, **encoder_features.identity(encoder)}, encoder_features.load(encoder)
        for dataset in options.sets:
            found = measure(model, options.stores / dataset, options.pooling, options.millimeters)
            rows = [{**about, **row} for row in found]
            print(json.dumps(rows), flush=True)
            result = merge(result, rows, KEY)
            options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    options.out.with_suffix(".md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
