"""Metrics of temporal segmentation: frame accuracy, edit score, F1 at an overlap, and mean average precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

BACKGROUND = -1
"""Label of frames that belong to no class."""
OVERLAPS = (0.1, 0.25, 0.5)
"""Overlaps at which F1 is reported, as published."""
ACTIVITYNET_OVERLAPS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
"""Overlaps over which ActivityNet averages the mean average precision."""


class LabeledSpan(NamedTuple):
    """Consecutive frames with one label.

    Args:
        start: First frame.
        end: Frame after the last one.
        label: Index of the class; `BACKGROUND` for none.
        score: Confidence, by which detections are ranked.
    """

    start: int
    end: int
    label: int
    score: float = 1.0


class F1Counts(NamedTuple):
    """Numbers of segments that were found, that are wrong and that were missed."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 if there was nothing to find and nothing was found."""
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else 1.0


def spans_of(labels: Int[np.ndarray, " frame"]) -> list[LabeledSpan]:
    """Return the runs of equal labels, without the background."""
    if not len(labels):
        return []
    starts = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))
    ends = np.append(starts[1:], len(labels))
    spans = zip(starts.tolist(), ends.tolist(), labels[starts].tolist(), strict=True)
    return [LabeledSpan(start, end, label) for start, end, label in spans if label != BACKGROUND]


def frame_labels(spans: Sequence[LabeledSpan], num_frames: int) -> Int[np.ndarray, " frame"]:
    """Return the label of each frame; later spans overwrite earlier ones."""
    labels = np.full(num_frames, BACKGROUND)
    for span in spans:
        labels[span.start : span.end] = span.label
    return labels


def edit_score(true: Sequence[LabeledSpan], predicted: Sequence[LabeledSpan]) -> float:
    """Return one minus the normalized edit distance between the sequences of labels; 1 if both are empty.

    Source: Lea et al., *Segmental Spatiotemporal CNNs for Fine-grained Action Segmentation*, ECCV 2016. The
    Levenshtein distance is divided by the length of the longer sequence. Durations do not count.
    """
    truth, guess = ([span.label for span in spans] for spans in (true, predicted))
    distances = list(range(len(guess) + 1))
    for row, label in enumerate(truth, start=1):
        diagonal, distances[0] = distances[0], row
        for column, other in enumerate(guess, start=1):
            substitution = diagonal + (label != other)
            diagonal = distances[column]
            distances[column] = min(substitution, diagonal + 1, distances[column - 1] + 1)
    return 1 - distances[-1] / max(len(truth), len(guess), 1)


def f1_counts(true: Sequence[LabeledSpan], predicted: Sequence[LabeledSpan], min_overlap: float) -> F1Counts:
    """Count the segments that were found at a minimum intersection over union.

    Source: Lea et al., *Temporal Convolutional Networks for Action Segmentation and Detection*, CVPR 2017. In the
    order of time, each predicted segment is compared with the segment of its class that it overlaps most; if that
    one was found before, the prediction is wrong. Add up the counts of several recordings before computing F1.
    """
    is_found = np.zeros(len(true), dtype=bool)
    num_found = 0
    for span in sorted(predicted):
        overlaps = [_overlap(span, other) if span.label == other.label else 0.0 for other in true]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if overlaps and overlaps[best] >= min_overlap and not is_found[best]:
            is_found[best] = True
            num_found += 1
    return F1Counts(num_found, len(predicted) - num_found, int((~is_found).sum()))


def mean_average_precision(
    true: Sequence[Sequence[LabeledSpan]], predicted: Sequence[Sequence[LabeledSpan]], min_overlap: float
) -> float:
    """Return the mean over the classes that occur of the average precision of detection.

    Source: the evaluation of ActivityNet (Heilbron et al., CVPR 2015). The detections of a class in all recordings
    are ranked by score. Each takes the segment that it overlaps most among those that no better detection took,
    and is wrong if that overlap is below the minimum. Precision is interpolated: at each recall, it is the best
    precision at that recall or a higher one.

    Args:
        true: Segments of each recording.
        predicted: Detections in each recording.
        min_overlap: Minimum intersection over union.
    """
    labels = sorted({span.label for spans in true for span in spans})
    precisions = [_average_precision(true, predicted, min_overlap, label) for label in labels]
    return float(np.mean(precisions)) if precisions else 0.0


def _average_precision(
    true: Sequence[Sequence[LabeledSpan]],
    predicted: Sequence[Sequence[LabeledSpan]],
    min_overlap: float,
    label: int,
) -> float:
    """Average precision of one class, which occurs."""
    free = [[span for span in spans if span.label == label] for spans in true]
    num_true = sum(map(len, free))
    detections = [(recording, span) for recording, spans in enumerate(predicted) for span in spans]
    ranked = sorted((item for item in detections if item[1].label == label), key=lambda item: -item[1].score)
    is_right = np.zeros(len(ranked), dtype=bool)
    for rank, (recording, span) in enumerate(ranked):
        candidates = free[recording]
        overlaps = [_overlap(span, other) for other in candidates]
        if overlaps and max(overlaps) >= min_overlap:
            is_right[rank] = True
            candidates.pop(int(np.argmax(overlaps)))
    precision = np.cumsum(is_right) / np.arange(1, len(ranked) + 1)
    interpolated = np.maximum.accumulate(precision[::-1])[::-1]
    return float(interpolated[is_right].sum() / num_true)


def _overlap(first: LabeledSpan, second: LabeledSpan) -> float:
    """Intersection over union of the frames of two spans."""
    intersection = min(first.end, second.end) - max(first.start, second.start)
    union = max(first.end, second.end) - min(first.start, second.start)
    return max(intersection, 0) / union if union else 0.0
