"""Compare poolings and solvers of the linear probe on training sides; the test sides are not read.

    OMP_NUM_THREADS=1 python benchmarks/probe_choice.py run utd_mhad --encoder kinect20
    OMP_NUM_THREADS=1 python benchmarks/probe_choice.py run nw_ucla --encoder runs/no_camera_1 --views 8
    python benchmarks/probe_choice.py write

Every group of the training side (a subject) is predicted once by probes of all others; on NW-UCLA, camera 1 is
predicted by probes of camera 2, and the encoder must not have been pre-trained on camera 1. With views, probes are
fitted on so many random parts beside the middle one, and features of at most four are averaged where they are
tested. The page has the accuracy of every strength: the best is too good by what there is to choose from.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skeletonmae.datasets import DATASETS
from skeletonmae.datasets.splits import Split
from skeletonmae.encoders import load_encoder
from skeletonmae.evaluation import EvaluationTask
from skeletonmae.evaluation.features import FeatureConfig, join_views
from skeletonmae.evaluation.linear_solvers import fit_discriminant, fit_lbfgs
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import init_distributed

FILE = Path(__file__).with_suffix(".json")
POOLINGS: dict[str, dict[str, Any]] = {
    "mean": {},
    "parts": {"pooling": "parts"},
    "joints": {"pooling": "joints"},
    "statistics": {"pooling": "statistics"},
    "parts, 4 parts of time": {"pooling": "parts", "time_parts": 4},
    "parts, 8 parts of time": {"pooling": "parts", "time_parts": 8},
    "joints, 4 parts of time": {"pooling": "joints", "time_parts": 4},
}
STRENGTHS = {
    "lbfgs": (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003),
    "discriminant": (0.9, 0.6, 0.3, 0.1, 0.03, 0.01, 0.003),
}
SOLVERS = {"lbfgs": fit_lbfgs, "discriminant": fit_discriminant}
HELD_OUT = {"nw_ucla": ("camera", ("1",))}
"""Store -> tag of its groups, and those that are predicted; by default every subject of the training side."""
MAX_TEST_VIEWS = 4
KEY = ("store", "encoder", "views", "pooling")
"""What tells the rows of the file apart."""


def divisions(store: SequenceStore, index: np.ndarray, tag: str, held_out: Sequence[str]) -> Iterator[Split]:
    """Yield what probes are fitted to and what they predict, once for each group.

    Args:
        store: The store.
        index: Recordings of the training side.
        tag: The tag of the groups.
        held_out: Groups to predict; all, if there are none.
    """
    values = np.asarray(store.tag(tag))[index]
    for value in held_out or sorted(set(values.tolist())):
        yield Split(index[values != value], index[values == value])


def measure(task: EvaluationTask, parts: Sequence[Split], features: FeatureConfig, views: int) -> dict[str, Any]:
    """Return the number of clips, and of those that each solver predicts correctly with each strength.

    Args:
        task: The encoder and the store; `split.train` has all recordings of `parts`.
        parts: Recordings to fit on and to predict.
        features: How features are pooled.
        views: Number of random parts of each recording, besides the middle one.
    """
    index = task.split.train
    found = features.extract_views(task, index, views=views, seed=0)
    labels = torch.from_numpy(task.labels[index].astype(np.int64))
    row = {recording: position for position, recording in enumerate(index.tolist())}
    correct = {solver: np.zeros(len(strengths), dtype=np.int64) for solver, strengths in STRENGTHS.items()}
    num_clips = 0
    for part in parts:
        fit, val = (torch.tensor([row[recording] for recording in side.tolist()]) for side in part)
        train = join_views([view.select(fit) for view in found], labels[fit], average=False)
        tested = [view.select(val) for view in found[: 1 + MAX_TEST_VIEWS]]
        clips, answers = join_views(tested, labels[val], average=True)
        num_clips += len(clips)
        for solver, strengths in STRENGTHS.items():
            probes = SOLVERS[solver](*train, len(task.classes), strengths)
            correct[solver] += [int((probe(clips).argmax(1) == answers).sum()) for probe in probes]
    return {"num_clips": num_clips, "correct": {solver: counts.tolist() for solver, counts in correct.items()}}


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for each store, encoder and number of views."""
    summary = (__doc__ or "").split("\n\n")
    lines = ["# Poolings and solvers of the linear probe", "", summary[0], "", summary[2].strip(), ""]
    for about in dict.fromkeys((row["store"], row["encoder"], row["views"]) for row in rows):
        store, encoder, views = about
        group = [row for row in rows if (row["store"], row["encoder"], row["views"]) == about]
        lines += [f"## {store}, {encoder}, {views or 'no'} views: {group[0]['num_clips']} clips", ""]
        for solver, strengths in STRENGTHS.items():
            head = f"| {solver} | {' | '.join(f'{strength:g}' for strength in strengths)} |"
            lines += [head, f"|---|{'---:|' * len(strengths)}"]
            for row in group:
                shares = [100 * count / row["num_clips"] for count in row["correct"][solver]]
                cells = [f"**{share:.1f}**" if share == max(shares) else f"{share:.1f}" for share in shares]
                lines.append(f"| {row['pooling']} | {' | '.join(cells)} |")
            lines.append("")
    return "\n".join(lines)


def run(store_name: str, encoder: str, views: int, poolings: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each pooling.

    Args:
        store_name: Name of a store under `stores`.
        encoder: Folder of a run, its model, or the name of a shipped encoder.
        views: Number of random parts of each recording.
        poolings: Keys of `POOLINGS`.
    """
    store = SequenceStore.open(Path("stores") / store_name)
    tag, held_out = HELD_OUT.get(store_name, ("subject", ()))
    dataset = DATASETS[store_name]
    train = dataset.splits[dataset.default_split](store).train
    checkpoint = load_encoder(encoder)
    with init_distributed("cpu") as distributed:
        task = EvaluationTask(
            method=checkpoint.method,
            pretrained=True,
            clips=checkpoint.header.clips,
            store=store,
            split=Split(train, train[:0]),
            validation_group=None,
            distributed=distributed,
            joints=checkpoint.header.joints,
        )
        parts = list(divisions(store, train, tag, held_out))
        about = {"store": store_name, "encoder": Path(encoder).name, "views": views}
        date = datetime.now(UTC).date().isoformat()
        return [
            {
                **about,
                "pooling": name,
                **measure(task, parts, FeatureConfig(**POOLINGS[name]), views),
                "date": date,
            }
            for name in poolings
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run_parser = commands.add_parser("run")
    run_parser.add_argument("store", choices=sorted(DATASETS))
    run_parser.add_argument("--encoder", default="kinect20")
    run_parser.add_argument("--views", type=int, default=0)
    run_parser.add_argument("--poolings", nargs="+", choices=POOLINGS, default=list(POOLINGS))
    commands.add_parser("write")
    args = parser.parse_args()
    rows = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []
    if args.command == "run":
        new = run(args.store, args.encoder, args.views, args.poolings)
        kept = {tuple(row[key] for key in KEY): row for row in [*rows, *new]}
        rows = list(kept.values())
        FILE.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    FILE.with_suffix(".md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
