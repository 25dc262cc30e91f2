"""Measure a ridge classifier on the coordinates, the baseline that a frozen encoder is compared with.

    OMP_NUM_THREADS=1 python benchmarks/ridge.py stores/nw_ucla stores/utd_mhad

Each recording becomes a clip of 32 frames, centered on the first person. The features are the positions of up to
two persons and their differences from frame to frame; what was not observed is 0. They are
divided by their standard deviations (`each`), or by a common one (`all`); both are measured. A linear map to
targets of +1 for the class and -1 for every other class is fitted in closed form. The strength of
the penalty is one of 1 to 10 million, in steps of half a power of ten, and is chosen on a part of the training
side: on whole subjects (pairs of them in SBU) where they are known, otherwise on 20 % of each class. Then the
classifier is fitted to the whole training side and tested on the test side.

The split is the dataset's default one; where that is a fold, each fold is measured.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from environment import facts
from torch.nn.functional import pad

from skeletonmae.datasets import DATASETS
from skeletonmae.datasets.validation_group import split_by_group
from skeletonmae.evaluation.reliability import wilson_interval
from skeletonmae.recipe import Source
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.copies import number_recordings
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import Center

CLIPS = ClipConfig(frames=32, max_persons=2, transforms=(Center(),))
STRENGTHS = tuple(10 ** (power / 2) for power in range(15))
"""Strengths of the penalty to choose from: 1 to 10 million, two per power of ten."""
SCALINGS = ("each", "all")
GROUPS = ("subject", "pair")
"""Tags that name who is recorded; the first that a store has keeps its values together in the validation."""
FILE = Path(__file__).with_suffix(".json")


class Ridge(NamedTuple):
    """A linear classifier of standardized features, in float64."""

    mean: np.ndarray
    deviation: np.ndarray
    weight: np.ndarray
    intercept: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the class index of each row, `(clip,)`."""
        scores = (features - self.mean) / self.deviation @ self.weight + self.intercept
        return scores.argmax(1)


def fit(
    features: np.ndarray, labels: np.ndarray, num_classes: int, strengths: tuple[float, ...], scaling: str = "each"
) -> list[Ridge]:
    """Fit a ridge classifier for each strength; the intercept has no penalty.

    Args:
        features: Rows of features, `(clip, feature)`.
        labels: Class index of each row.
        num_classes: Number of classes.
        scaling: Whether `each` feature is divided by its own standard deviation, or `all` by a common one.
        strengths: Factors of the sum of the squared weights, which is added to the sum of the squared errors.
    """
    mean, deviation = features.mean(0), features.std(0)
    if scaling == "all":
        deviation = np.full_like(deviation, np.sqrt((deviation**2).mean()))
    deviation = np.where(deviation > 0, deviation, 1)
    rows = (features - mean) / deviation
    targets = np.where(labels[:, None] == np.arange(num_classes), 1.0, -1.0)
    intercept = targets.mean(0)
    # There are fewer clips than features, so the matrix of products of clips is the smaller one.
    values, vectors = np.linalg.eigh(rows @ rows.T)
    projected = vectors.T @ (targets - intercept)
    basis = rows.T @ vectors
    return [
        Ridge(mean, deviation, basis @ (projected / (values.clip(min=0) + strength)[:, None]), intercept)
        for strength in strengths
    ]


def read_features(store: SequenceStore, index: np.ndarray, clips: ClipConfig = CLIPS) -> np.ndarray:
    """Return the features of recordings, `(recording, feature)`; zeros where nothing is observed."""
    rows = []
    for batch in clips.loader(store, index, batch_size=256).epoch():
        moves = (batch.positions[:, :, 1:] - batch.positions[:, :, :-1]) * (
            batch.observed[:, :, 1:] & batch.observed[:, :, :-1]
        )[..., None]
        both = torch.cat([batch.positions, moves], dim=2)
        both = pad(both, (0, 0, 0, 0, 0, 0, 0, clips.max_persons - both.shape[1]))
        rows.append(both.flatten(1).double().numpy())
    return np.concatenate(rows)


def choose_strength(
    store: SequenceStore, train: np.ndarray, features: np.ndarray, group: str | None, scaling: str = "each"
) -> tuple[float, float]:
    """Return the strength that is best on a part of the training side, and its accuracy there.

    Of equal strengths, the largest is chosen.

    Args:
        store: The store.
        train: Indices of the training recordings, ascending.
        features: Their features.
        group: Tag whose values stay together; None for a part of each class.
        scaling: As in `fit`.
    """
    fit_index, val_index = split_by_group(store, train, group, seed=0)
    to_fit, to_validate = np.isin(train, fit_index), np.isin(train, val_index)
    labels = store.labels[train]
    models = fit(features[to_fit], labels[to_fit], len(store.classes), STRENGTHS, scaling)
    accuracies = [(model.predict(features[to_validate]) == labels[to_validate]).mean() for model in models]
    accuracy, strength = max(zip(accuracies, STRENGTHS, strict=True))
    return strength, float(accuracy)


def measure(path: Path, split: str, scaling: str = "each") -> dict[str, Any]:
    """Choose the strength, fit to the training side of a split, and return the accuracy on its test side."""
    source = Source(store=path, split=split)
    store = source.open()
    sides = source.split_rule(store)(store)
    (train, train_features), (test, test_features) = (_observed(store, side) for side in sides)
    group = next((tag for tag in GROUPS if tag in store.tags), None)
    strength, validation = choose_strength(store, train, train_features, group, scaling)
    (model,) = fit(train_features, store.labels[train], len(store.classes), (strength,), scaling)
    is_correct = model.predict(test_features) == store.labels[test]
    number = number_recordings(store)
    is_copy = np.isin(number[test], number[train])
    return {
        "store": path.name,
        "dataset": store.datasets[0],
        "split": split,
        "scaling": scaling,
        "top1": float(is_correct.mean()),
        "top1_interval": wilson_interval(int(is_correct.sum()), len(test)),
        "top1_without_copies": float(is_correct[~is_copy].mean()) if 0 < is_copy.sum() < len(test) else None,
        "num_copies": int(is_copy.sum()),
        "num_train": len(train),
        "num_test": len(test),
        "num_empty": len(sides.train) + len(sides.test) - len(train) - len(test),
        "strength": strength,
        "validation_group": group,
        "validation_top1": validation,
    }


def split_names(path: Path) -> tuple[str, ...]:
    """Return the default split of a store's dataset; all folds if it is a fold."""
    dataset = DATASETS[SequenceStore.open(path).datasets[0]]
    is_fold = dataset.default_split.startswith("fold")
    folds = tuple(name for name in dataset.splits if name.startswith("fold"))
    return folds if is_fold else (dataset.default_split,)


def page(result: dict[str, Any]) -> str:
    """Return the page of a result, in Markdown."""
    lines = []
    for row in result["rows"]:
        low, high = row["top1_interval"]
        without = "" if row["top1_without_copies"] is None else f"{100 * row['top1_without_copies']:.1f}"
        accuracy = f"{100 * row['top1']:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        cells = (
            row["store"],
            row["split"],
            row["scaling"],
            f"{row['num_train']} / {row['num_test']}",
            accuracy,
            without,
        )
        lines.append(f"| {' | '.join(cells)} | {row['strength']:.3g} | {100 * row['validation_top1']:.1f} |")
    method = (__doc__ or "").split("\n\n", 2)[2]
    return f"""<!-- Written by benchmarks/ridge.py. -->
# A ridge classifier on the coordinates

{method}
| store | split | scaling | training / test clips | top-1 | without copies | strength | top-1 in the validation |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Top-1 in percent, with the 95 % interval of the test side. "Without copies" leaves out test clips that are exact
copies of training clips; it is empty where there are none. Clips that show no joint are left out. Other
features of the coordinates, such as those of clips turned to face forward, were not tried. The classifier has no
random numbers; which subjects or clips validate is drawn with seed 0. {result["date"]}, commit
{result["commit"]}: `{result["command"]}`.
"""


def _observed(store: SequenceStore, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the recordings whose clip shows a joint, and their features."""
    features = read_features(store, index)
    is_observed = features.any(1)
    return index[is_observed], features[is_observed]


def main() -> None:
    """Measure the stores of the command line, and write the results and their page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", type=Path, nargs="+", help="folders that `skeletonmae prepare` wrote")
    parser.add_argument("--out", type=Path, default=FILE, help="JSON to write; the page lies beside it")
    options = parser.parse_args()
    rows = []
    for path in options.stores:
        for split in split_names(path):
            for scaling in SCALINGS:
                rows.append(measure(path, split, scaling))
                print(json.dumps(rows[-1]), flush=True)
    result = {**facts("OMP_NUM_THREADS=1"), "strengths": STRENGTHS, "rows": rows}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    options.out.with_suffix(".md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
