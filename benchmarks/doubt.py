"""Measure the doubts of classifiers that `fit` makes, on subjects that they have not seen.

    OMP_NUM_THREADS=1 python benchmarks/doubt.py stores/nw_ucla stores/sbu stores/utd_mhad

Features are computed once. Each draw takes other training clips, chooses and fits a head and its doubts to their
features as `fit` does, and tests all clips of the other subjects. In further draws, three classes are left out of
the training, others in each, and it is asked which test clips are of these.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from doubt_changes import CHANGES, DESIGNED
from doubt_page import LEFT_OUT, page
from doubt_scores import Scores, compare, known_measures, summarize
from environment import facts

from skeletonmae.inference.doubt_fitting import fit_doubt
from skeletonmae.inference.fit_candidates import allowed_groups, candidates_of, choose_group
from skeletonmae.inference.fit_data import COMBINED, ENCODER, FitData, compute_features, load_for_fit
from skeletonmae.inference.folds import make_folds
from skeletonmae.inference.head_choice import choose_heads
from skeletonmae.inference.head_fitting import fit_heads
from skeletonmae.predictions.doubt import Doubt
from skeletonmae.predictions.heads import AnyHead, softmax
from skeletonmae.predictions.motion_statistics import MotionStatistics, ReferencePose, measure_motion
from skeletonmae.sequences import SequenceStore, SkeletonSequence

FILE = Path(__file__).with_suffix(".json")
CLIPS_PER_CLASS = {"nw_ucla": 20, "utd_mhad": 12, "sbu": 20}
"""Training clips of each class in a draw, if there are so many; those of UTD-MHAD have 20, of which each draw
takes others."""
POOL_PER_CLASS = 40
"""Training clips of each class that draws choose from."""
NUM_LEFT_OUT = 3
NUM_FOLDS = 5
"""As `fit` has."""
MAX_CHANGED = 40
"""Test clips of a store that are changed, evenly spaced. The statistics of the changes that
the limits were made for are measured of all test clips."""
TEST_SUBJECTS = {"nw_ucla": ("subject", ("7", "8", "9")), "utd_mhad": ("subject", ("4", "6", "8"))}
"""Store -> tag, and the values whose clips are tested."""
SBU_FOLDS = 5
"""The pairs of SBU are divided into so many folds, because it is small; each draw tests one of them."""


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips whose features and statistics are known.

    Args:
        recordings: The recordings.
        features: Kind -> features, `(clip, feature)`.
        statistics: Of each clip.
    """

    recordings: list[SkeletonSequence]
    features: dict[str, np.ndarray]
    statistics: list[MotionStatistics]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a draw leaves: the parts of a classifier."""

    kind: str
    head: AnyHead
    temperature: float
    doubt: Doubt

    def scores(self, clips: Clips) -> Scores:
        """Return what the classifier says of clips."""
        features = clips.features[self.kind]
        probabilities = softmax(self.head.scores(features), self.temperature)
        novelty = self.doubt.novelty(features, probabilities)
        familiarity = self.doubt.familiarity_of(novelty, clips.statistics)
        return Scores(
            probability=probabilities.max(1),
            predicted=probabilities.argmax(1),
            novelty=novelty,
            is_beyond=np.array([self.doubt.is_beyond(one) for one in clips.statistics]),
            is_unknown=np.array([self.doubt.is_unknown(one, 0.05) for one in familiarity.tolist()]),
        )


def splits(store: SequenceStore, name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices of the training and the test subjects' recordings in which a joint was observed."""
    index = np.flatnonzero((store.labels >= 0) & (store.num_persons > 0) & (store.num_frames > 0))
    index = np.array([one for one in index.tolist() if store[one].observed.any()])
    if name in TEST_SUBJECTS:
        tag, values = TEST_SUBJECTS[name]
        is_test = np.isin(store.tag(tag)[index], values)
        yield index[~is_test], index[is_test]
        return
    pairs = store.tag("pair")[index]
    for part in np.array_split(np.array(sorted(set(pairs.tolist()))), SBU_FOLDS):
        is_test = np.isin(pairs, part)
        yield index[~is_test], index[is_test]


class Split:
    """Training clips to draw from, test clips, and the same changed, with all features.

    Args:
        name: Name of the store.
        data: All clips of the store that are used, and their features.
        tag: Tag that says who was recorded.
        train: Positions of the training clips to draw from.
        test: Positions of the test clips.
        max_changed: Number of test clips that are changed.
    """

    def __init__(
        self, name: str, data: FitData, tag: str, train: np.ndarray, test: np.ndarray, max_changed: int
    ) -> None:
        rng = np.random.default_rng(0)
        self.name, self.data, self.pool = name, data, train
        self.reference = ReferencePose.of([data.recordings[row] for row in train])
        used = np.concatenate([train, test]).tolist()
        self.statistics = {row: measure_motion(data.recordings[row], self.reference) for row in used}
        self.groups = np.unique([one.tags[tag] for one in data.recordings], return_inverse=True)[1]
        self.truth = data.labels[test]
        self.test = self._part(test)
        self.changed: dict[str, Clips] = {}
        self.all_changed: dict[str, list[MotionStatistics]] = {}
        chosen = self.test.recordings[:: -(-len(test) // max_changed)]
        for key in CHANGES:
            clips = self._change(chosen, key, rng)
            self.changed[key] = Clips(clips, self._features(clips), self._measured(clips))
            if key in DESIGNED:
                self.all_changed[key] = self._measured(self._change(self.test.recordings, key, rng))

    def _part(self, rows: np.ndarray) -> Clips:
        features = {kind: values[rows] for kind, values in self.data.features.items()}
        return Clips([self.data.recordings[row] for row in rows], features, [self.statistics[row] for row in rows])

    def _change(
        self, recordings: list[SkeletonSequence], key: str, rng: np.random.Generator
    ) -> list[SkeletonSequence]:
        changed = []
        for one in recordings:
            others = [other for other in recordings if other.label != one.label]
            changed.append(CHANGES[key](one, others[int(rng.integers(len(others)))], rng))
        return changed

    def _measured(self, clips: list[SkeletonSequence]) -> list[MotionStatistics]:
        return [measure_motion(one, self.reference) for one in clips]

    def _features(self, clips: list[SkeletonSequence]) -> dict[str, np.ndarray]:
        values = {}
        for kind, featurizer in self.data.featurizers.items():
            if kind != COMBINED:
                values[kind] = featurizer(clips).values
        if COMBINED in self.data.featurizers:
            width = self.data.features[COMBINED].shape[1] - values[ENCODER].shape[1]
            beside = next(
                kind for kind in reversed(list(values)) if kind != ENCODER and values[kind].shape[1] == width
            )
            values[COMBINED] = np.concatenate([values[ENCODER], values[beside]], axis=1)
        return values

    def draw(self, left_out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw training clips of every class that is not left out, and return their positions."""
        labels, number = self.data.labels[self.pool], CLIPS_PER_CLASS[self.name]
        kept = np.setdiff1d(np.unique(labels), left_out)
        return np.sort(np.concatenate([rng.permutation(self.pool[labels == one])[:number] for one in kept]))

    def fit(self, rows: np.ndarray) -> tuple[Fitted, np.ndarray]:
        """Choose and fit a head and its doubts as `fit` does, and return them with the classes."""
        classes, labels = np.unique(self.data.labels[rows], return_inverse=True)
        clips, groups = self._part(rows), self.groups[rows]
        data = replace(self.data, labels=labels, features=clips.features, recordings=clips.recordings)
        folds = make_folds(labels, groups, NUM_FOLDS)
        candidates, allowed = candidates_of(data), allowed_groups(data, "best", False)
        best = choose_heads(data.features, labels, groups, len(classes), folds, candidates, lambda: None)
        choice = choose_group(best, allowed, labels, folds)
        candidate = choice.candidate
        features = data.features[candidate.features]
        (head,) = fit_heads(features, labels, len(classes), [candidate])
        doubt = fit_doubt(
            features[:, : candidate.num_encoder or None],
            labels,
            len(classes),
            choice.probabilities,
            clips.statistics,
            folds,
        )
        fitted = Fitted(candidate.features, head, choice.temperature, doubt.extended(features.shape[1]))
        return fitted, classes


def splits_of(path: Path, encoder: str) -> list[Split]:
    """Compute the features of a store, and divide its clips."""
    store, name = SequenceStore.open(path), path.name
    rng, parts = np.random.default_rng(0), []
    for train, test in splits(store, name):
        labels = store.labels[train]
        pool = [rng.permutation(train[labels == one])[:POOL_PER_CLASS] for one in np.unique(labels)]
        parts.append((np.sort(np.concatenate(pool)), test))
    used = np.unique(np.concatenate([rows for part in parts for rows in part]))
    recordings = [store[int(one)] for one in used]
    data = compute_features(recordings, encoder, load_for_fit(encoder, "cpu"), lambda *_: None)
    assert len(data.recordings) == len(recordings), data.left_out
    tag = TEST_SUBJECTS.get(name, ("pair", ()))[0]
    number = MAX_CHANGED // len(parts)
    return [
        Split(name, data, tag, np.searchsorted(used, train), np.searchsorted(used, test), number)
        for train, test in parts
    ]


def measure(path: Path, encoder: str, num_full: int, num_open: int) -> Iterator[dict[str, Any]]:
    """Measure a store in draws with all classes, and then with classes left out; yield what is known so far."""
    parts, draws, kinds, num_train = splits_of(path, encoder), {}, [], []
    data = parts[0].data
    sizes = {kind: (values.shape, float(np.abs(values).mean())) for kind, values in data.features.items()}
    print(path.name, json.dumps(sizes), flush=True)
    for seed in range(num_full):
        split, rng = parts[seed % len(parts)], np.random.default_rng(seed)
        rows = split.draw(np.zeros(0, int), rng)
        fitted, classes = split.fit(rows)
        known = fitted.scores(split.test)
        kinds.append(fitted.kind)
        num_train.append(len(rows))
        is_correct = classes[known.predicted] == split.truth
        draws.setdefault("known", []).append(known_measures(known, is_correct, rng))
        for key, clips in split.changed.items():
            row = compare(known, fitted.scores(clips), rng)
            if key in split.all_changed:
                row["limits_all"] = float(np.mean([fitted.doubt.is_beyond(one) for one in split.all_changed[key]]))
            draws.setdefault(key, []).append(row)
        print(path.name, seed, fitted.kind, json.dumps(draws["known"][-1]), flush=True)
    for seed in range(num_open):
        split, rng = parts[seed % len(parts)], np.random.default_rng(1000 + seed)
        left_out = rng.permutation(len(data.classes))[:NUM_LEFT_OUT]
        is_out = np.isin(split.truth, left_out)
        fitted, _ = split.fit(split.draw(left_out, rng))
        every = fitted.scores(split.test)
        kinds.append(fitted.kind)
        draws.setdefault(LEFT_OUT, []).append(compare(every.part(~is_out), every.part(is_out), rng))
        print(path.name, seed, fitted.kind, LEFT_OUT, json.dumps(draws[LEFT_OUT][-1]), flush=True)
        if seed % 4 == 3 or seed == num_open - 1:
            yield {
                "store": path.name,
                "num_train": float(np.mean(num_train)),
                "num_test": sum(len(split.test.recordings) for split in parts),
                "num_changed": sum(len(split.changed["motionless"].recordings) for split in parts),
                "num_draws": num_full,
                "num_open_draws": len(draws[LEFT_OUT]),
                "kinds": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
                **{key: summarize(rows) for key, rows in draws.items()},
            }


def main() -> None:
    """Measure the stores of the command line, and write the results and their page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", type=Path, nargs="+", help="folders that `skeletonmae prepare` wrote")
    parser.add_argument("--encoder", default="small", help="name of a shipped encoder, or a checkpoint")
    parser.add_argument("--draws", type=int, default=5, help="number of draws with all classes")
    parser.add_argument("--open-draws", type=int, default=20, help="number of draws with classes left out")
    parser.add_argument("--out", type=Path, default=FILE, help="JSON to write; the page lies beside it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[Path, dict[str, Any]] = {}
    for path in options.stores:
        for row in measure(path, options.encoder, options.draws, options.open_draws):
            rows[path] = row
            result = {**facts("OMP_NUM_THREADS=1"), "encoder": options.encoder, "rows": list(rows.values())}
            options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            options.out.with_suffix(".md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
