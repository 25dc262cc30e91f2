"""Measure how good the choice of a head is on recordings that were kept out of it: nested cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.inference.fit_candidates import choose_group
from skeletonmae.inference.fit_data import FitData
from skeletonmae.inference.fit_report import HeldOutClip
from skeletonmae.inference.folds import Fold, Grouping, make_folds
from skeletonmae.inference.head_choice import KnownScores, choose_heads
from skeletonmae.inference.head_fitting import Candidate, fit_heads
from skeletonmae.predictions.heads import softmax
from skeletonmae.threads import with_one_blas_thread

SEED = 0
CHOSEN = "chosen"
MAX_INNER_FOLDS = 1
"""Number of folds within a fold in which the best heads of a large set are measured, for their temperature."""


@dataclass(frozen=True, eq=False)
class NestedValidation:
    """Predictions of recordings by classifiers that had not seen them.

    Args:
        tested: The predictions of the chosen classifiers.
        hits: `chosen`, or the name of a group of candidates -> whether each recording was recognized,
            `(recording,)` float; NaN where it was not tested.
        kinds: Which head each fold chose.
        scores: Scores of the tested recordings of each fold by the heads that were fitted to the others.
        is_chosen_on_one_group: Whether a fold was left with the recordings of one subject, who was therefore on
            both sides when its head was chosen.
    """

    tested: tuple[HeldOutClip, ...]
    hits: dict[str, np.ndarray]
    kinds: tuple[str, ...]
    scores: KnownScores
    is_chosen_on_one_group: bool = False

    def accuracies(self, clips: np.ndarray | None = None) -> dict[str, float]:
        """Return the accuracy of each group on the tested recordings, or on some of them.

        Args:
            clips: Indices of the recordings; None for all.
        """
        rows = {name: hits if clips is None else hits[clips] for name, hits in self.hits.items()}
        return {name: float(np.nanmean(hits)) for name, hits in rows.items() if np.isfinite(hits).any()}


@with_one_blas_thread
def validate_choice(
    data: FitData,
    grouping: Grouping,
    folds: Sequence[Fold],
    num_inner: int,
    candidates: Mapping[str, Sequence[Candidate]],
    allowed: Sequence[str],
    on_fold: Callable[[], None],
) -> NestedValidation:
    """Choose a head on each fold's recordings, by cross-validation within them, and test it on the others.

    The folds within a fold keep groups together as well. Where it is left with one group, such as one of two
    subjects, they keep only copies together.

    Args:
        data: The recordings.
        grouping: Which of them belong together.
        folds: (fit, test) indices.
        num_inner: Number of folds on which the head is chosen.
        candidates: Name of a group -> its heads; the best of each group is tested.
        allowed: The groups that the head may be chosen from.
        on_fold: Called after each fold, and after each fold within it.
    """
    labels, num_classes = data.labels, len(data.classes)
    hits = {name: np.full(len(labels), np.nan) for name in (CHOSEN, *candidates)}
    tested: list[HeldOutClip] = []
    kinds: list[str] = []
    known: dict[tuple[Candidate, int], np.ndarray] = {}
    is_chosen_on_one_group = False
    for number, (fit, test) in enumerate(folds):
        part = {name: values[fit] for name, values in data.features.items()}
        groups, copy_groups = grouping.groups[fit], grouping.copy_groups[fit]
        inner = make_folds(labels[fit], groups, num_inner, SEED, copy_groups)
        if grouping.tag and len(np.unique(groups)) == 1:
            groups = copy_groups
            inner = make_folds(labels[fit], groups, num_inner, SEED)
            is_chosen_on_one_group = True
        best = choose_heads(
            part,
            labels[fit],
            groups,
            num_classes,
            inner,
            candidates,
            on_fold,
            copy_groups=copy_groups,
            max_folds=MAX_INNER_FOLDS,
        )
        chosen = choose_group(best, allowed, labels[fit], inner)
        for name, choice in best.items():
            values = data.features[choice.candidate.features]
            (head,) = fit_heads(values[fit], labels[fit], num_classes, [choice.candidate])
            scores = known[choice.candidate, number] = head.scores(values[test])
            probabilities = softmax(scores, choice.temperature)
            hits[name][test] = probabilities.argmax(1) == labels[test]
            if choice is chosen:
                hits[CHOSEN][test] = hits[name][test]
                tested += held_out_clips(data, grouping, test, probabilities)
        kinds.append(str(chosen.candidate))
        on_fold()
    return NestedValidation(tuple(tested), hits, tuple(kinds), known, is_chosen_on_one_group)


def held_out_clips(
    data: FitData, grouping: Grouping, test: np.ndarray, probabilities: np.ndarray
) -> list[HeldOutClip]:
    """Return the predictions of some recordings by a classifier that had not seen them.

    Args:
        data: The recordings.
        grouping: Which of them belong together.
        test: Indices of the predicted ones.
        probabilities: Their probabilities of the classes, `(test, class)`.
    """
    return [
        HeldOutClip(
            data.recordings[index].name,
            data.classes[data.labels[index]],
            data.classes[int(row.argmax())],
            float(row.max()),
            grouping.values[index],
            index,
        )
        for index, row in zip(test.tolist(), probabilities, strict=True)
    ]
