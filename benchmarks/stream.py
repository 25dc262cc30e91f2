"""Measure how long a stream takes for a frame, whether its memory grows, and how good and early its answers are.

    OMP_NUM_THREADS=1 python benchmarks/stream.py stores/utd_mhad

A classifier is fitted to the training side. Speed: a minute of frames, 30 a second, of one person, on one core;
the time is that of the processor, since others may use the machine. Memory: an hour of frames, classified once a
second, by a classifier of coordinates, which is faster. Answers: recordings of test clips in a row (as in
segmentation.py) go through a stream. An answer is right if its class is that of an action that is going on, or
that ended less than a window before, and that had no answer yet. The delay is the time from the true beginning of
the action to the answer.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import facts

from skeletonmae.datasets import DATASETS
from skeletonmae.evaluation.segmentation_recordings import (
    JunctionSettings,
    LabeledRecording,
    concatenated_recordings,
)
from skeletonmae.inference import FitConfig, RecordingClassifier, fit_classifier
from skeletonmae.inference.fit import DEFAULT_ENCODER
from skeletonmae.inference.stream import Stream, StreamSettings
from skeletonmae.sequences import SequenceStore

FILE = Path(__file__).with_suffix(".json")
FPS, MINUTE, HOUR = 30, 60, 3600


def frames_of(one: LabeledRecording) -> np.ndarray:
    """Return the frames of the first person, `(frame, joint, axis)`, with NaN where not observed."""
    recording = one.recording
    return np.where(recording.observed[0, ..., None], recording.positions[0], np.nan)


def stream_of(
    classifier: RecordingClassifier,
    one: LabeledRecording,
    settings: StreamSettings | None = None,
    unknown: bool = True,
) -> Stream:
    """Return a stream for a recording."""
    recording = one.recording
    fps = recording.fps or FPS
    return Stream(classifier, recording.skeleton, fps=fps, unit=recording.unit, settings=settings, unknown=unknown)


def measure_speed(classifier: RecordingClassifier, one: LabeledRecording) -> dict[str, float]:
    """Return the milliseconds of the frames of a minute."""
    frames, stream = frames_of(one), stream_of(classifier, one)
    seconds = []
    for number in range(FPS * MINUTE):
        frame = frames[number % len(frames)]
        started = time.process_time()
        stream.update(frame)
        seconds.append(time.process_time() - started)
    taken = 1000 * np.array(seconds[FPS * 5 :])  # without the first five seconds, in which libraries are loaded
    is_window = taken > 100 * np.median(taken)  # at rest, windows are not encoded, and take less
    return {
        "mean_ms": float(taken.mean()),
        "median_ms": float(np.median(taken)),
        "window_ms": float(np.median(taken[is_window])),
        "p99_ms": float(np.quantile(taken, 0.99)),
        "max_ms": float(taken.max()),
        "windows_per_second": float(is_window.mean() * FPS),
    }


def measure_memory(classifier: RecordingClassifier, one: LabeledRecording) -> dict[str, float]:
    """Return the memory of the process after a tenth of an hour and after the hour, in MB."""
    stride = 1.0 / classifier.timing.median if classifier.timing else 1.0
    frames, stream = frames_of(one), stream_of(classifier, one, StreamSettings(stride=stride))
    used = []
    for number in range(FPS * HOUR):
        stream.update(frames[number % len(frames)])
        if number in (FPS * HOUR // 10, FPS * HOUR - 1):
            used.append(resident_mb())
    return {"after_6_minutes_mb": used[0], "after_60_minutes_mb": used[1]}


def resident_mb() -> float:
    """Return the memory that the process uses now, on Linux."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def measure_answers(
    classifier: RecordingClassifier,
    recordings: Sequence[LabeledRecording],
    classes: Sequence[str],
    settings: StreamSettings | None = None,
    unknown: bool = True,
) -> dict[str, float]:
    """Return how many actions were answered rightly, how many answers were wrong, and how late they came."""
    num_actions = num_right = num_wrong = 0
    seconds, delays = 0.0, []
    for one in recordings:
        stream, frames = stream_of(classifier, one, settings, unknown), frames_of(one)
        fps = stream.fps or FPS
        waiting = [(span.start / fps, span.end / fps, classes[span.label]) for span in one.spans]
        num_actions += len(waiting)
        seconds += len(frames) / fps
        for frame in frames:
            decision = stream.update(frame)
            if decision is None:
                continue
            found = [
                action
                for action in waiting
                if action[2] == decision.label and action[0] <= decision.time <= action[1] + stream.window_seconds
            ]
            if found:
                waiting.remove(found[0])
                num_right += 1
                delays.append(decision.time - found[0][0])
            else:
                num_wrong += 1
    return {
        "actions": num_actions,
        "right": num_right,
        "wrong": num_wrong,
        "minutes": seconds / 60,
        "median_delay_s": float(np.median(delays)) if delays else float("nan"),
    }


def write_page(content: dict[str, Any]) -> None:
    """Write the tables."""
    speed, memory, about = content["speed"], content["memory"], content["about"]
    before, after = memory["after_6_minutes_mb"], memory["after_60_minutes_mb"]
    lines = ["<!-- Written by benchmarks/stream.py. -->", "# Streams", ""]
    lines += [(__doc__ or "").partition("stores/utd_mhad\n")[2].strip(), ""]
    lines += ["| milliseconds for a frame | |", "|---|---|"]
    lines += [
        f"| mean | {speed['mean_ms']:.2f} |",
        f"| a frame at which none is due (median) | {speed['median_ms']:.3f} |",
        f"| one at which a window is encoded, {speed['windows_per_second']:.1f} a second (median; at rest, none"
        f" is) | {speed['window_ms']:.1f} |",
        f"| 99 % quantile | {speed['p99_ms']:.1f} |",
        f"| maximum | {speed['max_ms']:.1f} |",
    ]
    lines += ["", f"Memory of the process: {before:.0f} MB after 6 minutes, {after:.0f} MB after an hour."]
    lines += ["", "| set | unknown | actions | answered rightly | wrong answers | a minute | median delay |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in content["answers"]:
        share, rate = row["right"] / row["actions"], row["wrong"] / row["minutes"]
        lines.append(
            f"| {row['set']} | {row['unknown']} | {row['actions']} | {row['right']} ({share:.0%}) |"
            f" {row['wrong']} | {rate:.1f} | {row['median_delay_s']:.1f} s |"
        )
    lines += [
        "",
        f"Classifier: {content['head']}. {about['date']}, commit {about['commit']}, {about['processor']}.",
    ]
    FILE.with_suffix(".md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def main() -> None:
    """Measure a store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--every", type=int, default=1, help="test on every so many of the test clips")
    parser.add_argument(
        "--classifier", type=Path, help="file of `fit`, whose classes are streamed; or one is fitted"
    )
    parser.add_argument("--parts", nargs="+", default=["speed", "memory", "answers"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    store, dataset = SequenceStore.open(arguments.store), DATASETS[arguments.store.name]
    split = dataset.splits[dataset.default_split](store)
    train = [store[int(place)] for place in split.train]
    fitted = RecordingClassifier.load(arguments.classifier) if arguments.classifier else None
    classes = fitted.classes if fitted else store.classes
    test = split.test[[store.classes[label] in classes for label in store.labels[split.test]]][:: arguments.every]
    recordings = list(concatenated_recordings(store, test, JunctionSettings(), 0, "subject"))
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    content |= {"about": facts("OMP_NUM_THREADS=1")}
    if "memory" in arguments.parts:
        classifier, _ = fit_classifier(train, FitConfig(encoder="none"), measure=False)
        content["memory"] = measure_memory(classifier, recordings[0])
    if {"speed", "answers"} & set(arguments.parts):
        config = FitConfig(encoder=arguments.encoder)
        classifier = fitted or fit_classifier(train, config, measure=False)[0]
        name = f" {arguments.encoder}" if classifier.featurizer.kind != "coordinates" and not fitted else ""
        content["head"] = (
            f"{classifier.featurizer.kind}{name}, {classifier.summary.get('head')},"
            f" {len(classifier.classes)} classes"
        )
        content["speed"] = measure_speed(classifier, recordings[0])
        content["answers"] = [
            {"set": arguments.store.name, "unknown": "on" if unknown else "off"}
            | measure_answers(classifier, recordings, store.classes, unknown=unknown)
            for unknown in (True, False)
        ]
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if {"speed", "memory", "answers"} <= content.keys():
        write_page(content)


if __name__ == "__main__":
    main()
