"""Every expected number was worked out by hand; the arithmetic stands beside it."""

from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.evaluation.segmentation_metrics import (
    BACKGROUND,
    F1Counts,
    LabeledSpan,
    edit_score,
    f1_counts,
    frame_labels,
    mean_average_precision,
    spans_of,
)


def spans(text: str) -> list[LabeledSpan]:
    """Segments of a line with a character per frame; a dot is the background."""
    return spans_of(np.array([BACKGROUND if c == "." else ord(c) - ord("a") for c in text], dtype=int))


def test_runs_become_spans_without_the_background() -> None:
    assert spans("aa..bbb.a") == [LabeledSpan(0, 2, 0), LabeledSpan(4, 7, 1), LabeledSpan(8, 9, 0)]
    assert spans("") == spans("...") == []


def test_spans_and_frames_are_the_same_thing() -> None:
    labels = np.array([-1, 0, 0, 2, 2, -1, 1])
    assert frame_labels(spans_of(labels), 7).tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        ("aabbcc", "abbbbc", 1.0),  # the order is right; durations do not count
        ("aabbcc", "aabbaa", 1 - 1 / 3),  # one substitution of three
        ("aabb", "abab", 1 - 2 / 4),  # ab and abab: two insertions
        ("a..b", "a...", 1 - 1 / 2),  # one was missed
        ("...", "...", 1.0),
        ("...", "aa.", 0.0),
        ("abc", "bca", 1 - 2 / 3),  # delete a, insert a
    ],
)
def test_edit_score(true: str, predicted: str, expected: float) -> None:
    assert edit_score(spans(true), spans(predicted)) == pytest.approx(expected)


def test_f1_at_an_overlap() -> None:
    true = spans("aaaaaaaaaabbbbbbbbbb")
    predicted = spans("aaaaaaaa..aabbbbbbbb")
    # a at 0-8: 8/10. a at 10-12 meets no free a: wrong. b at 12-20: 8/10.
    assert f1_counts(true, predicted, 0.5) == F1Counts(2, 1, 0)
    assert f1_counts(true, predicted, 0.5).f1 == pytest.approx(2 * 2 / (2 * 2 + 1 + 0))
    assert f1_counts(true, predicted, 0.8) == F1Counts(2, 1, 0)  # the overlap may be equal
    assert f1_counts(true, predicted, 0.81) == F1Counts(0, 3, 2)


def test_a_segment_is_found_once_by_the_first_that_overlaps_enough() -> None:
    true, halves = spans("aaaaaaaaaa"), spans("aaaaa.aaaa")
    assert f1_counts(true, halves, 0.4) == F1Counts(1, 1, 0)  # 5/10 and then 4/10 of a segment that is taken
    assert f1_counts(true, halves, 0.5) == F1Counts(1, 1, 0)
    assert f1_counts(true, halves, 0.6) == F1Counts(0, 2, 1)


def test_f1_of_nothing() -> None:
    assert f1_counts([], [], 0.5).f1 == 1.0
    assert f1_counts(spans("aa"), [], 0.5) == F1Counts(0, 0, 1)
    assert f1_counts([], spans("aa"), 0.5).f1 == 0.0


def test_average_precision_ranks_detections_of_all_recordings() -> None:
    true = [[LabeledSpan(0, 10, 0), LabeledSpan(20, 30, 0)], [LabeledSpan(0, 10, 0)]]
    predicted = [
        [LabeledSpan(0, 10, 0, 0.9), LabeledSpan(40, 50, 0, 0.8), LabeledSpan(20, 29, 0, 0.5)],
        [LabeledSpan(5, 15, 0, 0.7)],  # 5 / 15
    ]
    # Ranked: right, wrong, wrong (1/3 < 0.5), right. Precision at the right ones: 1/1 and 2/4. Three to find.
    assert mean_average_precision(true, predicted, 0.5) == pytest.approx((1 + 0.5) / 3)
    # At 0.3 the third is right too: 1/1, 2/3, 3/4; interpolated from the right: 1, 3/4, 3/4.
    assert mean_average_precision(true, predicted, 0.3) == pytest.approx((1 + 0.75 + 0.75) / 3)


def test_a_second_detection_of_a_segment_is_wrong_and_may_take_another_one() -> None:
    true = [[LabeledSpan(0, 10, 0)]]
    twice = [[LabeledSpan(0, 10, 0, 0.9), LabeledSpan(0, 9, 0, 0.8)]]
    assert mean_average_precision(true, twice, 0.5) == pytest.approx(
        1.0
    )  # the duplicate comes after the last recall
    swapped = [[LabeledSpan(30, 40, 0, 0.9), LabeledSpan(0, 9, 0, 0.8)]]
    assert mean_average_precision(true, swapped, 0.5) == pytest.approx(0.5)
    neighbors = [[LabeledSpan(0, 10, 0), LabeledSpan(2, 12, 0)]]
    both = [[LabeledSpan(0, 10, 0, 0.9), LabeledSpan(0, 10, 0, 0.8)]]  # the second takes 2-12: 8 / 12
    assert mean_average_precision(neighbors, both, 0.6) == pytest.approx(1.0)
    assert mean_average_precision(neighbors, both, 0.7) == pytest.approx(0.5)


def test_the_mean_is_over_the_classes_that_occur() -> None:
    true = [[LabeledSpan(0, 10, 0), LabeledSpan(10, 20, 1)]]
    predicted = [[LabeledSpan(0, 10, 0, 0.5), LabeledSpan(10, 20, 2, 0.9)]]
    assert mean_average_precision(true, predicted, 0.5) == pytest.approx((1 + 0) / 2)
    assert mean_average_precision([[]], predicted, 0.5) == 0.0
