"""Measure the doubts of classifiers that `fit` makes, on subjects that they have not seen.

    OMP_NUM_THREADS=1 python benchmarks/doubt.py stores/nw_ucla stores/utd_mhad stores/sbu

A classifier is fitted to 20 clips a class of some subjects, and tested on all clips of the others. Then three
classes, drawn with a seed, are left out of the training, and it is asked which test clips are of these.

What is refused is measured twice. `refused` calls a clip unknown as `predict` does, with a threshold that follows
from the training clips alone; `answered` says how many test clips of known actions are not refused. `at 95 %` sets
the threshold so that exactly 95 % of the test clips are answered, which compares methods. Beside it stands the
maximum softmax probability of the same classifier, with that threshold.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import facts

from skeletonmae.inference import FitConfig, RecordingClassifier, fit_classifier
from skeletonmae.inference.fit_report import expected_calibration_error
from skeletonmae.predictions.doubt import COVERAGE
from skeletonmae.sequences import SequenceStore, SkeletonSequence

FILE = Path(__file__).with_suffix(".json")
CLIPS_PER_CLASS = 20
NUM_LEFT_OUT = 3
MAX_CHANGED = 200
"""Test clips of a store that are changed, evenly spaced."""
TEST_SUBJECTS = {"nw_ucla": ("subject", ("7", "8", "9")), "utd_mhad": ("subject", ("4", "6", "8"))}
"""Store -> tag, and the values whose clips are tested. Nothing was chosen on them."""
SBU_FOLDS = 5
"""The pairs of SBU are divided into so many folds, because it is small; nothing was chosen on any of them."""
Change = Callable[[SkeletonSequence, np.random.Generator], SkeletonSequence]


def white_noise(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """Independent normal coordinates with a standard deviation of 0.5 m."""
    shape = recording.positions.shape
    return replace(
        recording,
        positions=rng.normal(0, 0.5, shape).astype(np.float32),
        observed=np.ones(shape[:3], dtype=bool),
    )


def noise_about_the_mean_pose(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """The mean pose, plus independent noise with a standard deviation of 0.1 m."""
    observed = recording.observed
    count = np.maximum(observed.sum(1, keepdims=True), 1)[..., None]
    mean = recording.positions.sum(1, keepdims=True) / count
    values = mean + rng.normal(0, 0.1, recording.positions.shape)
    return replace(recording, positions=(values * observed[..., None]).astype(np.float32))


def shuffled_frames(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """The frames in random order."""
    order = rng.permutation(recording.num_frames)
    return replace(recording, positions=recording.positions[:, order], observed=recording.observed[:, order])


def motionless(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:  # noqa: ARG001
    """The middle frame in place of every frame."""
    seen = np.flatnonzero(recording.observed.any((0, 2)))
    frames = np.full(recording.num_frames, seen[len(seen) // 2])
    return replace(recording, positions=recording.positions[:, frames], observed=recording.observed[:, frames])


def motionless_with_noise(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """The middle frame, plus independent noise with a standard deviation of 1 cm."""
    still = motionless(recording, rng)
    values = (still.positions + rng.normal(0, 0.01, still.positions.shape)) * still.observed[..., None]
    return replace(still, positions=values.astype(np.float32))


def swaying(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """The middle frame, swaying sideways by 5 cm as a whole, plus noise with a standard deviation of 4 mm."""
    still = motionless(recording, rng)
    sway = np.zeros((1, recording.num_frames, 1, 3))
    sway[..., 0] = 0.05 * np.sin(np.arange(recording.num_frames) / 8 + rng.uniform(0, 2 * np.pi))[:, None]
    values = (still.positions + sway + rng.normal(0, 0.004, still.positions.shape)) * still.observed[..., None]
    return replace(still, positions=values.astype(np.float32))


def random_walk(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """The middle frame, from which each joint walks by normal steps with a standard deviation of 2 cm."""
    still = motionless(recording, rng)
    steps = rng.normal(0, 0.02, still.positions.shape)
    values = (still.positions + np.cumsum(steps, axis=1)) * still.observed[..., None]
    return replace(still, positions=values.astype(np.float32))


def upside_down(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:  # noqa: ARG001
    """The vertical coordinate with the other sign."""
    return replace(recording, positions=recording.positions * np.array([1, -1, 1], np.float32))


CHANGES: dict[str, Change] = {
    "white noise": white_noise,
    "noise about the mean pose": noise_about_the_mean_pose,
    "shuffled frames": shuffled_frames,
    "motionless": motionless,
    "motionless, 1 cm of noise": motionless_with_noise,
    "swaying as a whole": swaying,
    "random walk": random_walk,
    "upside down": upside_down,
}
LEFT_OUT = "classes left out"


def splits(store: SequenceStore, name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices of the training and the test subjects' recordings in which a joint was observed."""
    index = np.flatnonzero((store.labels >= 0) & (store.num_persons > 0) & (store.num_frames > 0))
    if name in TEST_SUBJECTS:
        tag, values = TEST_SUBJECTS[name]
        is_test = np.isin(store.tag(tag)[index], values)
        yield index[~is_test], index[is_test]
        return
    tag_values = store.tag("pair")[index]
    for values in np.array_split(np.array(sorted(set(tag_values.tolist()))), SBU_FOLDS):
        is_test = np.isin(tag_values, values)
        yield index[~is_test], index[is_test]


def draw(store: SequenceStore, index: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw clips of each class."""
    labels = store.labels[index]
    chosen = [rng.permutation(index[labels == label])[:CLIPS_PER_CLASS] for label in classes.tolist()]
    return np.sort(np.concatenate(chosen))


def scores(classifier: RecordingClassifier, recordings: list[SkeletonSequence]) -> dict[str, np.ndarray]:
    """Return the familiarity, a finer score of the same order, the softmax and the class of each recording."""
    features = classifier.features(recordings)
    known = features.is_known
    shown = [recording for recording, is_known in zip(recordings, known.tolist(), strict=True) if is_known]
    values = features.values[known]
    probabilities = classifier.probabilities(values)
    familiarity = classifier.familiarity(shown, values)
    novelty = classifier.doubt.novelty(values, probabilities)
    novelty = np.where(familiarity == 0, novelty + 1e6, novelty)
    return {
        "familiarity": familiarity,
        "novelty": novelty,
        "uncertainty": 1 - probabilities.max(1),
        "probability": probabilities.max(1),
        "class": probabilities.argmax(1),
        "label": np.array([recording.label for recording in shown]),
    }


def auroc(known: np.ndarray, other: np.ndarray) -> float:
    """Return the probability that another clip has a larger score than a known one; ties count half."""
    order = np.sort(known)
    below = np.searchsorted(order, other, side="left")
    up_to = np.searchsorted(order, other, side="right")
    return float((below + up_to).sum() / 2 / (len(known) * len(other)))


def join(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Concatenate the scores of several splits."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def measure(path: Path, encoder: str, num_seeds: int) -> dict[str, Any]:
    """Measure a store: every seed draws other training clips, and other classes to leave out."""
    store, name = SequenceStore.open(path), path.name
    rows = [measure_seed(store, name, encoder, seed) for seed in range(num_seeds)]
    for row in rows:
        print(json.dumps({"store": name, **row}), flush=True)
    mean = {
        key: {inner: float(np.mean([row[key][inner] for row in rows])) for inner in rows[0][key]}
        if isinstance(rows[0][key], dict)
        else float(np.mean([row[key] for row in rows]))
        for key in rows[0]
    }
    return {"store": name, **mean, "seeds": rows}


def measure_seed(store: SequenceStore, name: str, encoder: str, seed: int) -> dict[str, Any]:
    """Fit to drawn clips and test on all clips of the other subjects."""
    rng = np.random.default_rng(seed)
    config = FitConfig(encoder=encoder)
    all_classes = np.arange(len(store.classes))
    left_out = rng.permutation(all_classes)[:NUM_LEFT_OUT]
    known_parts, other_parts, open_parts, unseen_parts = [], [], [], []
    num_train = []
    for train, test in splits(store, name):
        chosen = draw(store, train, all_classes, rng)
        classifier, report = fit_classifier([store[int(i)] for i in chosen], config, measure=False)
        names = np.array(classifier.classes)
        recordings = [one for one in (store[int(i)] for i in test) if one.observed.any()]
        known = scores(classifier, recordings)
        known["is_correct"] = names[known["class"]] == known["label"]
        known_parts.append(known)
        some = recordings[:: -(-len(recordings) // MAX_CHANGED)]
        changed = {key: scores(classifier, [change(one, rng) for one in some]) for key, change in CHANGES.items()}
        other_parts.append(changed)
        num_train.append(len(report.recordings))
        # Now with classes left out.
        chosen = draw(store, train, np.setdiff1d(all_classes, left_out), rng)
        classifier, _ = fit_classifier([store[int(i)] for i in chosen], config, measure=False)
        is_left_out = np.isin([store.classes.index(str(one.label)) for one in recordings], left_out)
        for parts, wanted in ((open_parts, False), (unseen_parts, True)):
            clips = [one for one, is_out in zip(recordings, is_left_out.tolist(), strict=True) if is_out == wanted]
            if clips:
                parts.append(scores(classifier, clips))
    known = join(known_parts)
    result: dict[str, Any] = {
        "num_train": float(np.mean(num_train)),
        "num_test": len(known["label"]),
        "accuracy": float(known["is_correct"].mean()),
        "ece": expected_calibration_error(known["probability"], known["is_correct"]),
        "answered": float((known["familiarity"] >= 1 - COVERAGE).mean()),
    }
    for key in CHANGES:
        result[key] = compare(known, join([part[key] for part in other_parts]))
    result[LEFT_OUT] = compare(join(open_parts), join(unseen_parts))
    return result


def compare(known: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, float]:
    """Return how well known clips are told from others."""
    row = {"refused": float((other["familiarity"] < 1 - COVERAGE).mean())}
    for name, score in (("", "novelty"), ("softmax_", "uncertainty")):
        threshold = np.quantile(known[score], COVERAGE)
        row[f"{name}refused_at_95"] = float((other[score] > threshold).mean())
        row[f"{name}auroc"] = auroc(known[score], other[score])
    return row


def page(result: dict[str, Any]) -> str:
    """Return the page of a result, in Markdown."""
    lines, overall = [], []
    for row in result["rows"]:
        cells = [row["store"], f"{row['num_train']:.0f} / {row['num_test']:.0f}", f"{100 * row['accuracy']:.1f}"]
        overall.append(f"| {' | '.join(cells)} | {row['ece']:.3f} | {100 * row['answered']:.1f} |")
        for key in (*CHANGES, LEFT_OUT):
            cell = row[key]
            numbers = [
                f"{100 * cell['refused']:.1f}",
                f"{100 * cell['refused_at_95']:.1f}",
                f"{cell['auroc']:.3f}",
                f"{100 * cell['softmax_refused_at_95']:.1f}",
                f"{cell['softmax_auroc']:.3f}",
            ]
            lines.append(f"| {row['store']} | {key} | {' | '.join(numbers)} |")
    subjects = ", ".join(f"{', '.join(values)} of {store}" for store, (_, values) in TEST_SUBJECTS.items())
    draws = " or ".join(sorted({str(len(row["seeds"])) for row in result["rows"]}))
    description = (__doc__ or "").split("\n\n", 2)[2]
    return f"""<!-- Written by benchmarks/doubt.py. -->
# Doubt: what is refused on subjects that a classifier has not seen

{description}
The mean of {draws} draws of the training clips and of the left-out classes; encoder `{result["encoder"]}`.

| store | training / test clips | accuracy % | calibration error | answered % |
|---|---|---|---|---|
{chr(10).join(overall)}

The calibration error is the expected one in 10 bins (Guo et al., 2017), on all test clips.

| store | clips | refused % | at 95 % | AUROC | softmax at 95 % | softmax AUROC |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Test subjects: {subjects}; for SBU, all pairs in {SBU_FOLDS} folds,
and the clips of all folds are put together. The score, its constants, the limits and the temperature were
chosen on the training subjects of NW-UCLA and UTD-MHAD and the odd ones of MSR-Action3D. Of the test subjects,
the encoder was pre-trained, without labels, on the clips of NW-UCLA from cameras 1 and 2. Changed clips are at
most {MAX_CHANGED} of a store or fold. {result["date"]}, commit {result["commit"]}:
`{result["command"]}`.
"""


def main() -> None:
    """Measure the stores of the command line, and write the results and their page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", type=Path, nargs="+", help="folders that `skeletonmae prepare` wrote")
    parser.add_argument("--encoder", default="kinect20", help="name of a shipped encoder, or a checkpoint")
    parser.add_argument("--seeds", type=int, default=3, help="number of draws of training clips and classes")
    parser.add_argument("--out", type=Path, default=FILE, help="JSON to write; the page lies beside it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(path, options.encoder, options.seeds) for path in options.stores]
    result = {**facts("OMP_NUM_THREADS=1"), "encoder": options.encoder, "rows": rows}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    options.out.with_suffix(".md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
