"""Seconds of videos through a classifier that `fit` makes of the training side of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from video_contents import ACTIONS, CONTENTS, seen_at
from video_measures import cut_seconds

from skeletonmae.datasets import DATASETS
from skeletonmae.inference import FitConfig, RecordingClassifier, fit_classifier
from skeletonmae.predictions.prediction import Prediction
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, conversion

GIVEN, LAYOUT = "given", "penn13"
"""Poses with all their joints, and with those of the training clips of the classifier alone."""
MIDDLE = 30
"""Frames of a part of the test clips, about a second; their frame rate is not known."""


def classifier_of(path: Path, file: Path | None) -> tuple[RecordingClassifier, dict[str, Any]]:
    """Return a classifier of the training side of a store as `fit` makes it, and how good it is on the test side.

    Args:
        path: The store.
        file: Where the classifier is, or is written to.
    """
    store, dataset = SequenceStore.open(path), DATASETS[path.name]
    split = dataset.splits[dataset.default_split](store)
    if file and file.exists():
        classifier = RecordingClassifier.load(file)
    else:
        classifier, _ = fit_classifier([store[int(place)] for place in split.train], FitConfig(), measure=False)
        if file:
            classifier.save(file)
    test = [store[int(place)] for place in split.test]
    about = {"store": path.name, "features": classifier.featurizer.kind, "head": classifier.summary.get("head")}
    whole, middle = accuracy(classifier, test), accuracy(classifier, [middle_of(one) for one in test])
    return classifier, about | {"test": whole, "test_middle": middle, "num_test": len(test)}


def accuracy(classifier: RecordingClassifier, recordings: Sequence[SkeletonSequence]) -> dict[str, float]:
    """Return the share of recordings whose most probable class is right, and of those that are not unknown."""
    answers = classifier.predict(recordings, windows=False)
    is_right = [answer.classes[0][0] == one.label for answer, one in zip(answers, recordings, strict=True)]
    answered = [not answer.unknown for answer in answers]
    return {"right": float(np.mean(is_right)), "answered": float(np.mean(answered))}


def middle_of(recording: SkeletonSequence) -> SkeletonSequence:
    """Return the `MIDDLE` frames in the middle of a recording, or all if there are fewer."""
    start = max(0, (recording.num_frames - MIDDLE) // 2)
    frames = slice(start, start + MIDDLE)
    return replace(recording, positions=recording.positions[:, frames], observed=recording.observed[:, frames])


def windows_of(recording: SkeletonSequence, video: str, classifier: RecordingClassifier) -> list[dict[str, Any]]:
    """Return what a classifier says of each second of the persons of a video."""
    if len(recording.positions) != len(CONTENTS[video]):
        raise SystemExit(f"{video}: expected {len(CONTENTS[video])} persons, got {len(recording.positions)}")
    rows = []
    for person in range(len(recording.positions)):
        for second, window in cut_seconds(recording, person):
            name, seen = seen_at(CONTENTS[video], person, second)
            about = {"video": video, "person": name, "second": second, "what": seen.what}
            rows.append(about | answers_of(classifier, window, seen.action))
    return rows


def actions_of(recording: SkeletonSequence, video: str, classifier: RecordingClassifier) -> list[dict[str, Any]]:
    """Return what a classifier says of the whole actions of a video."""
    rows = []
    for one in (one for one in ACTIONS if one.video == video):
        person, frames = slice(one.person, one.person + 1), slice(one.start, one.end)
        whole = replace(
            recording,
            positions=recording.positions[person, frames],
            observed=recording.observed[person, frames],
        )
        about = {"video": video, "start": one.start / (recording.fps or 1), "end": one.end / (recording.fps or 1)}
        rows.append(about | answers_of(classifier, whole, one.action))
    return rows


def answers_of(classifier: RecordingClassifier, recording: SkeletonSequence, expected: str) -> dict[str, Any]:
    """Return the answers about a recording as it is and in the layout of the training clips."""
    row: dict[str, Any] = {"frames": recording.num_frames, "expected": expected}
    for layout, one in {GIVEN: recording, LAYOUT: converted(recording)}.items():
        (answer,) = classifier.predict([one], windows=False)
        row[layout] = answer_of(answer, expected)
    return row


def converted(recording: SkeletonSequence) -> SkeletonSequence:
    """Return a recording with the joints of the classifier's training clips alone."""
    positions, observed = conversion(recording.skeleton, LAYOUTS[LAYOUT])(recording.positions, recording.observed)
    return replace(recording, positions=positions, observed=observed, skeleton=LAYOUTS[LAYOUT])


def answer_of(answer: Prediction, expected: str) -> dict[str, Any]:
    """Return an answer, and whether it is right: where nothing is expected, unknown is."""
    if answer.error:
        return {"error": answer.error, "is_right": False}
    name, probability = answer.classes[0]
    is_right = bool(answer.unknown) if not expected else name == expected and not answer.unknown
    about = {"class": name, "probability": probability, "unknown": bool(answer.unknown)}
    return about | {"familiarity": answer.familiarity, "warnings": list(answer.warnings), "is_right": is_right}
