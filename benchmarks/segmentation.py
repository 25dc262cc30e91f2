"""Segment long recordings with the shipped encoder, and write the numbers to segmentation.json and .md.

    OMP_NUM_THREADS=1 python benchmarks/segmentation.py utd_mhad nw_ucla synthetic --methods protocol --every 3
    OMP_NUM_THREADS=1 python benchmarks/segmentation.py utd_mhad nw_ucla synthetic --methods command --every 3

Test clips are put in a row, eight in a recording, with pauses of 0.5 to 2 s at 70 % of the junctions and blends of
0.2 to 0.5 s at all of them; a recording shows one subject. Settings are chosen on recordings made of training
clips of subjects that the probe was not fitted to. `hmm` and `nearest window` are the two results of the protocol
`segmentation`; `segment` is what the command does with a classifier that `fit` made of the training side, except
that windows are a quarter of their length apart and that nothing is called unknown. All three see the same
recordings.

Frame accuracy (with the 95 % interval of a bootstrap over the recordings) counts the background as a class; the
other numbers are of segments, without it. mAP is at an overlap of 50 %, and the mean over 50 % to 95 %.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import facts

from skeletonmae.datasets import DATASETS, SYNTHETIC, prepare
from skeletonmae.encoders import load_encoder
from skeletonmae.evaluation import EvaluationTask
from skeletonmae.evaluation.segmentation import Segmentation, frame_accuracy_interval, segmentation_metrics
from skeletonmae.evaluation.segmentation_evidence import SegmentationSettings
from skeletonmae.evaluation.segmentation_metrics import LabeledSpan, frame_labels
from skeletonmae.evaluation.segmentation_recordings import concatenated_recordings
from skeletonmae.inference.embed import default_pooling
from skeletonmae.inference.fit import DEFAULT_ENCODER, FitConfig, fit_classifier
from skeletonmae.inference.segment import segment_recording
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import DistributedContext

FILE = Path(__file__).with_suffix(".json")
NUM_SYNTHETIC = 480
COLUMNS = {
    "set": "set", "method": "method", "encoder": "encoder", "num_recordings": "recordings",
    "frame_accuracy": "frame accuracy", "edit": "edit", "f1_10": "F1@10", "f1_25": "F1@25", "f1_50": "F1@50",
    "map_50": "mAP@50", "map": "mAP",
}  # fmt: skip
PROTOCOL = Segmentation.model_validate(
    {
        "probe": {"solver": "lbfgs", "weight_decays": [1.0, 0.3, 0.1, 0.03]},
        "windows": [0.75],
        "stride": 0.25,
    }
)
"""A wider stride and fewer candidates than the defaults, to take minutes. The pooling is that of the encoder."""


SETTINGS = SegmentationSettings(stride=PROTOCOL.stride)


def measure(name: str, store: SequenceStore, encoder: str, every: int, methods: list[str]) -> list[dict[str, Any]]:
    """Return a row for each method, on every so many of the test clips."""
    dataset = SYNTHETIC if name == "synthetic" else DATASETS[name]
    split = dataset.splits[dataset.default_split](store)
    split = split._replace(test=split.test[::every])
    checkpoint = load_encoder(encoder)
    task = EvaluationTask(
        method=checkpoint.method,
        pretrained=True,
        clips=checkpoint.header.clips,
        store=store,
        split=split,
        validation_group="subject",
        distributed=DistributedContext(0, 1, torch.device("cpu")),
        joints=checkpoint.header.joints,
    )
    rows = [measure_command(name, task, encoder)] if "command" in methods else []
    probe = PROTOCOL.probe.model_copy(update={"pooling": default_pooling(checkpoint.header)})
    protocol = PROTOCOL.model_copy(update={"probe": probe})
    for result in protocol.run(task) if "protocol" in methods else []:
        row = {
            "set": name,
            "method": result.setting,
            "interval": result.top1_interval,
            "seconds": result.seconds,
        }
        rows.append(row | result.metrics | {"best_params": result.best_params, "pooling": probe.pooling})
    about = facts("OMP_NUM_THREADS=1")
    when = {"date": about["date"], "commit": about["commit"]}
    return [row | {"every": every, "encoder": encoder, "seed": PROTOCOL.seed} | when for row in rows]


def measure_command(name: str, task: EvaluationTask, encoder: str) -> dict[str, Any]:
    """Return the row of `segment` with a classifier of `fit`, both by the defaults."""
    store, started = task.store, time.monotonic()
    classifier, _ = fit_classifier(
        [store[int(place)] for place in task.split.train], FitConfig(encoder=encoder), measure=False
    )
    recordings = list(
        concatenated_recordings(store, task.split.test, PROTOCOL.junctions, PROTOCOL.seed, "subject")
    )
    fitted = time.monotonic()
    found = []
    for one in recordings:
        segmented = segment_recording(classifier, one.recording, unknown=False, settings=SETTINGS)
        spans = [
            LabeledSpan(part.start, part.end, store.classes.index(part.label), part.score)
            for part in segmented.segments
        ]
        found.append(spans)
    lengths = [one.recording.num_frames for one in recordings]
    num_right = [
        int((frame_labels(one.spans, num) == frame_labels(spans, num)).sum())
        for one, spans, num in zip(recordings, found, lengths, strict=True)
    ]
    return {
        "set": name,
        "method": "segment",
        "interval": frame_accuracy_interval(np.array(num_right), np.array(lengths)),
        **segmentation_metrics(recordings, found),
        "num_recordings": len(recordings),
        "num_frames": sum(lengths),
        "head": classifier.summary.get("head"),
        "features": classifier.featurizer.kind,
        "seconds": time.monotonic() - started,
        "frames_per_second": sum(lengths) / (time.monotonic() - fitted),
    }


def write_page(content: dict[str, Any]) -> None:
    """Write the table."""
    lines = ["<!-- Written by benchmarks/segmentation.py. -->", "# Segmentation of long recordings", ""]
    lines += [(__doc__ or "").rpartition("--every 3\n")[2].strip(), ""]
    lines += [f"| {' | '.join(COLUMNS.values())} |", f"|{'---|' * len(COLUMNS)}"]
    for row in content["rows"]:
        low, high = (100 * value for value in row["interval"])
        cells = []
        for key in COLUMNS:
            value = row[key]
            text = str(value) if isinstance(value, str) else f"{100 * value:.1f}"
            text = f"{value:.0f}" if key == "num_recordings" else text
            cells.append(f"{text} ({low:.1f} to {high:.1f})" if key == "frame_accuracy" else text)
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| set | method | encoder | test clips | features | chosen | share of background | date, commit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in content["rows"]:
        if row["method"] == "nearest window":
            continue  # its recordings and features are those of `hmm`
        used = "all" if row["every"] == 1 else f"one of {row['every']}"
        chosen = row.get("head") or ", ".join(f"{key} {value:g}" for key, value in row["best_params"].items())
        features = row.get("features") or f"pooling {row['pooling']}"
        share = f"{row['background_share']:.0%}" if "background_share" in row else "as above"
        made = f"{row['date']}, {row['commit']}"
        cells = [row["set"], row["method"], row["encoder"], used, features, chosen, share, made]
        lines.append(f"| {' | '.join(cells)} |")
    about = content["about"]
    lines += [
        "",
        "Percent. The pauses are generated: a pose that sways, with the noise of the sensor. People who wait",
        "move in other ways, so recordings of them will give lower numbers. In NW-UCLA the frame rate is not",
        "known: 30 frames were taken as a second; and some of its test clips are copies of training clips.",
        f"Seed {PROTOCOL.seed}. Recordings of the protocol follow from it; one core: {about['processor']}.",
        "",
    ]
    FILE.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    """What distinguishes a row from others."""
    return row["set"], row["method"], row["encoder"]


def main() -> None:
    """Measure the named sets; rows of other sets, methods and encoders are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--stores", type=Path, default=Path("stores"))
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--every", type=int, default=1, help="test on every so many of the test clips")
    parser.add_argument("--methods", nargs="+", default=["protocol", "command"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"rows": []}
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as folder:
            path = arguments.stores / name
            if name == "synthetic":
                path = Path(folder) / "store"
                prepare(replace(SYNTHETIC, num_recordings=NUM_SYNTHETIC), Path(), path)
            store = SequenceStore.open(path)
            rows = measure(name, store, arguments.encoder, arguments.every, arguments.methods)
        new = {_key(row) for row in rows}
        kept = [row for row in content["rows"] if _key(row) not in new]
        content["rows"] = sorted(kept + rows, key=_key)
        content["about"] = facts("OMP_NUM_THREADS=1")
        FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        write_page(content)


if __name__ == "__main__":
    main()
