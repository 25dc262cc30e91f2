"""Measure how the time and the memory of `fit` grow with the number of clips, and write fit_size.json and .md.

    OMP_NUM_THREADS=1 python benchmarks/fit_size.py 20 500 10000

Recordings are generated: 48 frames of the layout kinect20, 40 subjects, five clips or more of each of up to 60
classes. Of more than 1,000, the encoder's features are generated too, as many as those of `small`, and its time is
that of 64 clips times the number of clips. All else is `fit_classifier` by its defaults, on one core: the start of
Python with all imports, coordinates, copies, the choice of the head and its nested cross-validation, the final
classifier and its doubts. The time is that of the processor, since others may use the machine; each size is
measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from environment import commit, facts

from skeletonmae.encoders import load_encoder
from skeletonmae.inference.featurizers import EncoderFeaturizer, Features
from skeletonmae.inference.fit import DEFAULT_ENCODER, fit_classifier
from skeletonmae.inference.fit_data import encoder_featurizer
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS

FILE = Path(__file__).with_suffix(".json")
LAYOUT, NUM_FRAMES, NUM_CLASSES, NUM_SUBJECTS = "kinect20", 48, 60, 40
NAME = "clip "
CLIPS_PER_CLASS, MAX_ENCODED = 5, 1000
"""Least number of clips of a class; most clips that are encoded."""
NUM_TIMED = 64
"""Clips on which the encoder is timed."""


def generate_recordings(number: int) -> list[SkeletonSequence]:
    """Return recordings whose joints move along waves: those of the class, of the subject and of the clip."""
    skeleton, rng = LAYOUTS[LAYOUT], np.random.default_rng(0)
    joints, waves = len(skeleton.joints), 3
    time_of = np.linspace(0, 2 * np.pi, NUM_FRAMES)[:, None] * np.arange(1, waves + 1)
    basis = np.concatenate([np.sin(time_of), np.cos(time_of)], 1).astype(np.float32)
    pose = rng.normal(0, 0.4, (joints, 3))
    of_class, of_subject = (rng.normal(0, 0.03, (n, 2 * waves, joints * 3)) for n in (NUM_CLASSES, NUM_SUBJECTS))
    num_classes = min(NUM_CLASSES, number // CLIPS_PER_CLASS)
    recordings = []
    for index in range(number):
        label, subject = index % num_classes, int(rng.integers(NUM_SUBJECTS))
        weights = of_class[label] + of_subject[subject] + rng.normal(0, 0.1, (2 * waves, joints * 3))
        moved = (basis @ weights).reshape(1, NUM_FRAMES, joints, 3) + pose + rng.normal(0, 0.003, 3)
        recordings.append(
            SkeletonSequence(
                positions=moved.astype(np.float32),
                observed=np.ones((1, NUM_FRAMES, joints), bool),
                skeleton=skeleton,
                fps=30.0,
                unit="m",
                label=f"class {label:02d}",
                name=f"{NAME}{index}",
                tags={"subject": str(subject)},
            )
        )
    return recordings


def generate_features(labels: np.ndarray, width: int) -> np.ndarray:
    """Return features with the spectrum of an encoder's: classes that overlap in many directions, and noise."""
    rng, rank = np.random.default_rng(1), 400
    axes = rng.standard_normal((rank, width), np.float32) * (np.arange(1, rank + 1)[:, None] ** -0.7)
    centers = rng.normal(0, 0.4, (NUM_CLASSES, rank))
    clips = (centers[labels] + rng.normal(size=(len(labels), rank))).astype(np.float32)
    return clips @ axes.astype(np.float32) + 0.05 * rng.standard_normal((len(labels), width), np.float32)


def measure(number: int) -> dict[str, Any]:
    """Fit a classifier to so many clips, and return what that took."""
    torch.set_num_threads(1)
    imported = time.process_time()
    recordings = generate_recordings(number)
    encoder, begun = encoder_featurizer(load_encoder(DEFAULT_ENCODER), DEFAULT_ENCODER), time.process_time()
    timed = recordings[:NUM_TIMED]
    width = encoder(timed).values.shape[1]
    encoder_seconds = (time.process_time() - begun) / len(timed) * number
    is_encoded = number <= MAX_ENCODED
    table = np.zeros((0, width)) if is_encoded else generate_features(np.arange(number) % NUM_CLASSES, width)

    def encode(_: EncoderFeaturizer, some: Sequence[SkeletonSequence]) -> Features:
        return Features(table[[int(one.name.removeprefix(NAME)) for one in some]], ("",) * len(some))

    begun = time.process_time()
    with nullcontext() if is_encoded else patch.object(EncoderFeaturizer, "__call__", encode):
        _, report = fit_classifier(recordings)
    seconds = imported + time.process_time() - begun
    candidate = report.chosen.candidate
    return {
        "clips": number,
        "width": width,
        "seconds": seconds if is_encoded else seconds + encoder_seconds,
        "encoder_seconds": encoder_seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "head": f"{candidate.features}: {candidate}",
        "accuracy": report.accuracy,
        "calibration_error": report.calibration_error,
        "commit": commit(),
    }


def write_page(content: dict[str, Any]) -> None:
    """Write the table."""
    about = content["about"]
    lines = ["<!-- Written by benchmarks/fit_size.py. -->", "# Time and memory of `fit`", ""]
    lines += [(__doc__ or "").rpartition("10000\n")[2].strip(), ""]
    lines += [
        "| clips | features of the encoder | CPU seconds of `fit` | of them for the encoder | peak memory, MB |"
        " head | accuracy | commit |",
        "|---:|---:|---:|---:|---:|---|---:|---|",
    ]
    for row in content["rows"]:
        seconds, of_encoder = row["seconds"], row["encoder_seconds"]
        lines.append(
            f"| {row['clips']:,} | {row['width']:,} | {seconds:.0f} | {of_encoder:.0f} | {row['peak_mb']:,.0f} |"
            f" {row['head']} | {row['accuracy']:.1%} | {row['commit']} |"
        )
    lines += [
        "",
        "The goals are 60 s for 20 clips and 180 s for 500, on two cores. Commits f0b7f84 and 7b9164c did not",
        "count the start of Python, some 3 s, and generated the encoder's features of 500 clips as well.",
        "Beyond 2,000 clips, heads are compared on 2,000 of them ([how](../docs/answers.md#many-clips)).",
        "Memory is mostly that of the recordings and their features, and of one fold's in float64. The generated",
        "features of 10,000 clips tell all of them apart, so that the accuracy says nothing. Commit 7b9164c did",
        "not yet classify the encoder's features with the coordinates beside them.",
        f"{about['date']}, one core: {about['processor']}.",
        "",
    ]
    FILE.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Measure some numbers of clips; rows of others are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="+", type=int)
    parser.add_argument("--child", action="store_true", help="measure in this process, and print the row")
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(arguments.sizes[0])))
        return
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"rows": []}
    for size in arguments.sizes:
        command = [sys.executable, __file__, str(size), "--child"]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        kept = [other for other in content["rows"] if other["clips"] != size]
        content["rows"] = sorted([*kept, row], key=lambda one: one["clips"])
        content |= {"about": facts("OMP_NUM_THREADS=1")}
        FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        write_page(content)


if __name__ == "__main__":
    main()
