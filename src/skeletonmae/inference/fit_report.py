"""What a fit says of itself: how good the classifier is on recordings that it has not seen, and what is weak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from skeletonmae.evaluation.reliability import (
    NORMAL_QUANTILE,
    design_effect,
    grouped_interval,
    wilson_interval,
)
from skeletonmae.inference.embeddings import LeftOut
from skeletonmae.inference.folds import Grouping
from skeletonmae.inference.head_choice import Choice
from skeletonmae.sequences import SkeletonSequence

MIN_CLIPS = 5
"""Clips of a class, below which its accuracy means nothing."""
MAX_IMBALANCE = 5.0
"""A class that has so many times the clips of another one is predicted too often."""
MIN_CONFUSED, MIN_CONFUSED_SHARE = 3, 0.35
"""Clips of two classes, and their share, that must be taken for each other to say that the classes are not told
apart; by chance, half of them would be."""
MIN_RELIABLE_CLIPS = 30
"""With fewer clips, an accuracy is a rough estimate."""
MIN_CHANCE_EFFECT = 2.0
"""In cross-validation, two clips that resemble each other are both right or both wrong by chance: each was learned
by the classifier that is asked about the other. The variance of the accuracy is up to twice that of independent
clips."""
NUM_BINS = 10
"""Bins of the probability in the calibration error."""


@dataclass(frozen=True)
class HeldOutClip:
    """A recording that was predicted by a classifier that had not seen it, nor its subject if that is known."""

    recording: str
    label: str
    predicted: str
    probability: float
    """Calibrated probability of the predicted class."""
    group: str
    """Value of the tag that says who was recorded; empty if it is not known."""
    index: int
    """Position among the recordings that were fitted to."""

    @property
    def is_correct(self) -> bool:
        """Whether the prediction is right."""
        return self.label == self.predicted


class ClassAccuracy(NamedTuple):
    """How well a class is recognized."""

    name: str
    num_clips: int
    num_tested: int
    accuracy: float
    """Share of its clips that are recognized; NaN without any."""
    interval: tuple[float, float]
    confused_with: str
    """Class that its clips are taken for most often; empty if none is."""


class ConfusedPair(NamedTuple):
    """Two classes whose clips are taken for each other."""

    first: str
    second: str
    num_confused: int
    num_clips: int
    """Clips of either that were taken for either."""

    @property
    def is_chance(self) -> bool:
        """Whether they cannot be told apart."""
        return self.num_confused >= MIN_CONFUSED and self.num_confused >= MIN_CONFUSED_SHARE * self.num_clips


class ReliabilityBin(NamedTuple):
    """Predictions of about the same probability."""

    probability: float
    accuracy: float
    num_clips: int


class FineTuningOutcome(NamedTuple):
    """How good the fine-tuned encoder is, beside the frozen choice."""

    accuracy: float
    """Share of clips that it recognized, which it was not fine-tuned on."""
    frozen_accuracy: float
    """That of the best head on frozen features or coordinates, on the same clips, which chose it."""
    num_clips: int
    """Number of these clips."""
    num_folds: int
    """Number of folds that they are from; 1 for a held-out part."""
    is_kept: bool
    """Whether the fine-tuned encoder was kept."""


@dataclass(frozen=True, eq=False)
class FitReport:
    """What was fitted, and how good it is.

    Args:
        classes: Names of the classes.
        counts: Number of recordings of each class.
        chosen: The head that was chosen.
        encoder: Name of the encoder; empty if none was used.
        license: Terms of the encoder.
        grouping: Which recordings were kept together.
        tested: Every recording with the prediction of a classifier that had not seen it; empty if there were not
            enough recordings.
        accuracies: Accuracy of the chosen kind of classifier (`chosen`), of the encoder's and of the coordinates'
            alone, and of both together, in the same folds; each was chosen without the recordings that it was
            tested on.
        kinds: Which head each fold chose.
        left_out: Recordings that could not be used.
        recordings: Those that were fitted to.
        notes: What else the reader should know, such as joints that the encoder does not use.
        fine_tuning: How good the fine-tuned encoder is; None if there is none.
        choice_accuracies: Accuracy of the best head on the encoder's features, on coordinates and on both, in the
            cross-validation on all recordings that chose among them.
        num_motionless: Number of recordings in which nobody moves.
        num_noisy: Number of recordings whose motion is as irregular as noise.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    chosen: Choice
    encoder: str
    license: str
    grouping: Grouping
    tested: tuple[HeldOutClip, ...]
    accuracies: dict[str, float]
    kinds: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    recordings: tuple[SkeletonSequence, ...]
    notes: tuple[str, ...]
    fine_tuning: FineTuningOutcome | None = None
    choice_accuracies: Mapping[str, float] = field(default_factory=dict)
    num_motionless: int = 0
    num_noisy: int = 0

    @property
    def accuracy(self) -> float | None:
        """Share of the tested clips that were recognized; None if none was tested."""
        return float(np.mean([clip.is_correct for clip in self.tested])) if self.tested else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy, wider if some subjects are recognized better than others."""
        return grouped_interval(*self._hits_and_groups())

    @property
    def is_above_chance(self) -> bool:
        """Whether the accuracy is surely better than that of always answering the most frequent class.

        It must be better by 1.96 standard errors, for which the variance is at least `MIN_CHANCE_EFFECT` times
        that of independent clips. Of fits to random labels, at most 1 in 20 then seem better than chance.
        """
        hits, groups = self._hits_and_groups()
        if not len(hits):
            return False
        effect = max(MIN_CHANCE_EFFECT, design_effect(hits, groups)[0])
        share = self.majority_share
        deviation = np.sqrt(share * (1 - share) * effect / len(hits))
        return bool(hits.mean() > share + NORMAL_QUANTILE * deviation)

    def _hits_and_groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Whether each tested clip was recognized, and the number of its subject, or of its copies."""
        hits = np.array([clip.is_correct for clip in self.tested], dtype=bool)
        return hits, self.grouping.groups[[clip.index for clip in self.tested]]

    @property
    def confusion(self) -> np.ndarray:
        """Number of tested clips of each class (row) that were taken for each class (column)."""
        number = {name: index for index, name in enumerate(self.classes)}
        matrix = np.zeros((len(self.classes), len(self.classes)), dtype=np.int64)
        for clip in self.tested:
            matrix[number[clip.label], number[clip.predicted]] += 1
        return matrix

    @property
    def per_class(self) -> list[ClassAccuracy]:
        """How well each class is recognized, the worst first."""
        matrix, rows = self.confusion, []
        for index, (name, count) in enumerate(zip(self.classes, self.counts, strict=True)):
            tested, correct = int(matrix[index].sum()), int(matrix[index, index])
            wrong = matrix[index].copy()
            wrong[index] = 0
            other = self.classes[int(wrong.argmax())] if wrong.any() else ""
            accuracy = correct / tested if tested else float("nan")
            rows.append(ClassAccuracy(name, count, tested, accuracy, wilson_interval(correct, tested), other))
        return sorted(rows, key=lambda row: (row.accuracy, row.num_clips))

    @property
    def confused_pairs(self) -> list[ConfusedPair]:
        """Pairs of classes that are taken for each other, those with most confusions first."""
        matrix, pairs = self.confusion, []
        for first in range(len(self.classes)):
            for second in range(first + 1, len(self.classes)):
                confused = int(matrix[first, second] + matrix[second, first])
                number = confused + int(matrix[first, first] + matrix[second, second])
                if confused:
                    pairs.append(ConfusedPair(self.classes[first], self.classes[second], confused, number))
        return sorted(pairs, key=lambda pair: (-pair.num_confused, pair.num_clips))

    @property
    def reliability(self) -> list[ReliabilityBin]:
        """Predictions in bins with about the same number of clips, from the least probable."""
        order = sorted(self.tested, key=lambda clip: clip.probability)
        number = max(1, min(NUM_BINS, len(order) // 5))
        bins = []
        for part in np.array_split(np.arange(len(order)), number):
            clips = [order[index] for index in part.tolist()]
            if clips:
                probability = float(np.mean([clip.probability for clip in clips]))
                bins.append(
                    ReliabilityBin(probability, float(np.mean([clip.is_correct for clip in clips])), len(clips))
                )
        return bins

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the tested clips, in 10 bins of equal width."""
        return expected_calibration_error(
            np.array([clip.probability for clip in self.tested]),
            np.array([clip.is_correct for clip in self.tested], dtype=bool),
        )

    @property
    def single_subject_classes(self) -> list[str]:
        """Classes of one subject only: without the subject's clips, there are none to learn them from."""
        if not self.grouping.tag:
            return []
        groups_of: dict[str, set[int]] = {name: set() for name in self.classes}
        for recording, group in zip(self.recordings, self.grouping.groups.tolist(), strict=True):
            groups_of[recording.label or ""].add(group)
        return [name for name, groups in groups_of.items() if len(groups) == 1]

    @property
    def majority_share(self) -> float:
        """Share of the clips that the most frequent class has: the accuracy of always answering that."""
        return max(self.counts) / sum(self.counts)

    def worst_clips(self, number: int) -> list[HeldOutClip]:
        """Return the wrong predictions with the highest probability."""
        wrong = [clip for clip in self.tested if not clip.is_correct]
        return sorted(wrong, key=lambda clip: -clip.probability)[:number]


def expected_calibration_error(probabilities: np.ndarray, is_correct: np.ndarray) -> float:
    """Return the mean difference of probability and accuracy in bins of equal width, weighted by their clips.

    Source: Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017.

    Args:
        probabilities: Probability of the predicted class of each clip.
        is_correct: Whether it is right.
    """
    if not len(probabilities):
        return float("nan")
    number = np.minimum((probabilities * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = [
        abs(float(probabilities[number == index].sum() - is_correct[number == index].sum()))
        for index in range(NUM_BINS)
    ]
    return sum(gaps) / len(probabilities)
