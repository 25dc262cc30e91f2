from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.inference.fit_report import (
    FitReport,
    HeldOutClip,
    expected_calibration_error,
)
from skeletonmae.inference.fit_text import (
    describe_accuracy,
    describe_choice,
    describe_next_recordings,
    describe_warnings,
)
from skeletonmae.inference.folds import group_recordings
from skeletonmae.inference.head_choice import Choice
from skeletonmae.inference.head_fitting import Candidate


@pytest.fixture
def make_report(make_recording: Any) -> Any:
    def make(labels: str, predicted: str, subjects: str = "", **settings: Any) -> FitReport:
        """A report of clips whose class, prediction and subject are letters."""
        recordings = [
            make_recording(index, label=label, tags={"subject": subjects[index]} if subjects else {})
            for index, label in enumerate(labels)
        ]
        classes = tuple(sorted(set(labels)))
        tested = [
            HeldOutClip(one.name, label, guess, 0.9, one.tags.get("subject", ""), index)
            for index, (one, label, guess) in enumerate(zip(recordings, labels, predicted, strict=True))
        ]
        chosen = Choice(
            Candidate("encoder", "logistic", 1.0), 1.0, 0.5, 1.0, np.zeros((len(labels), len(classes)))
        )
        fields = {
            "classes": classes, "counts": tuple(labels.count(name) for name in classes), "chosen": chosen,
            "encoder": "small", "license": "", "grouping": group_recordings(recordings), "tested": tuple(tested),
            "accuracies": {"chosen": 0.5, "encoder": 0.5, "coordinates": 0.25}, "kinds": (), "left_out": (),
            "recordings": tuple(recordings), "notes": (),
        }  # fmt: skip
        return FitReport(**{**fields, **settings})

    return make


def test_the_accuracy_says_on_whom_it_was_measured(make_report: Any) -> None:
    known = describe_accuracy(make_report("aabb" * 10, "aabb" * 10, "1234" * 10))
    assert known.startswith("All 40 clips were recognized; expect at least 76 % of new ones (95 % interval 76 %")
    assert "40 clips of 4 subjects" in known
    assert "no clip of its subject" in known
    unknown = describe_accuracy(make_report("aabb", "aaba"))
    assert "Expect about 75 %" in unknown
    assert "on new persons, expect less" in unknown
    assert "only 4 clips" in unknown


def test_one_person_in_each_class_is_no_measure(make_report: Any) -> None:
    all_apart = make_report("aaaaabbbbb", "bbbbbaaaaa", "1111122222")
    assert all_apart.grouping.tag is None
    assert all_apart.grouping.confounded_tag == "subject"
    assert "each class shows one subject only" in describe_accuracy(all_apart)
    assert "record each action with two persons or more" in "\n".join(describe_warnings(all_apart))
    assert next(describe_next_recordings(all_apart)).startswith("each action with two persons or more")

    some_apart = make_report("aaaaabbbbbccccc", "aaaaabbbbbaaabb", "121211212133333")
    assert some_apart.single_subject_classes == ["c"]
    assert "The class c shows one subject only" in describe_accuracy(some_apart)
    warnings = "\n".join(describe_warnings(some_apart))
    assert "c: recorded with one subject only; record each action with two persons or more" in warnings
    assert "hardly told apart" not in warnings
    advice = list(describe_next_recordings(some_apart))
    assert advice[0].startswith("more persons for c")
    assert advice[1] == "more clips of every class: there are 5 of each"
    assert len(advice) == 2


def test_chance_is_said(make_report: Any) -> None:
    assert "no better than chance: always answering the most frequent class is right in 50 %" in describe_accuracy(
        make_report("aabb" * 5, "abab" * 5, "1234" * 5)
    )
    assert "cannot be told from chance" in describe_accuracy(make_report("aabb", "aaba", "1212"))
    assert "chance" not in describe_accuracy(make_report("aabb" * 5, "aabb" * 5, "1234" * 5))


def test_few_fits_to_random_labels_seem_better_than_chance(make_report: Any) -> None:
    """Each clip is taken for the nearest other one, whose label has nothing to do with its own."""
    report = make_report("aabb" * 5, "aabb" * 5)
    rng = np.random.default_rng(0)
    num_above = 0
    for _ in range(300):
        points = rng.normal(size=(20, 8))
        distances = ((points[:, None] - points) ** 2).sum(-1) + 1e9 * np.eye(20)
        labels = rng.permutation(list("aabb" * 5))
        guesses = labels[distances.argmin(1)]
        tested = tuple(
            HeldOutClip("", str(label), str(guess), 0.9, "", index)
            for index, (label, guess) in enumerate(zip(labels, guesses, strict=True))
        )
        num_above += replace(report, tested=tested).is_above_chance
    assert num_above / 300 < 0.05


def test_a_choice_that_is_worse_here_is_explained(make_report: Any) -> None:
    accuracies = {"chosen": 0.25, "encoder": 0.25, "coordinates": 0.5}
    by = {"encoder": 0.4, "coordinates": 0.35}
    text = describe_choice(make_report("aaab", "aaab", accuracies=accuracies, choice_accuracies=by))
    assert "where the encoder's features alone had 40 % and the coordinates alone 35 %" in text
    assert "only if they are better by over one standard error" in text
    both = {"encoder": 0.4, "encoder and coordinates": 0.35}
    measured = {"chosen": 0.25, "encoder": 0.25, "encoder and coordinates": 0.5}
    text = describe_choice(make_report("aaab", "aaab", accuracies=measured, choice_accuracies=both))
    assert "and both together 35 %; as the order differs here, neither is surely better" in text
    better = {**accuracies, "encoder": 0.5}
    same = describe_choice(make_report("aaab", "aaab", accuracies=better, choice_accuracies=by))
    assert "surely" not in same


def test_clips_without_motion_are_warned_of(make_report: Any) -> None:
    labels, subjects = "aaaaabbbbb", "1212121212"
    still = "\n".join(describe_warnings(make_report(labels, labels, subjects, num_motionless=10)))
    assert "in 10 of 10 clips nobody moves" in still
    noisy = "\n".join(describe_warnings(make_report(labels, labels, subjects, num_noisy=9)))
    assert "the motion of 9 of 10 clips is as irregular as noise" in noisy


def test_nothing_tested_is_said(make_report: Any) -> None:
    report = replace(make_report("ab", "ab"), tested=())
    assert report.accuracy is None
    assert describe_accuracy(report).startswith("How good the classifier is, is not known")


def test_the_choice_names_the_others(make_report: Any) -> None:
    text = describe_choice(make_report("aaab", "aaab"))
    assert "logistic regression on the features of the encoder small" in text
    assert "the coordinates alone 25 %" in text
    assert "75 % of the clips" in text


def test_weak_sets_are_warned_of(make_report: Any) -> None:
    def said(*arguments: Any, **settings: Any) -> str:
        return "\n".join(describe_warnings(make_report(*arguments, **settings)))

    assert said("aaaaabbbbb", "aaaaabbbbb", "1212121212") == ""
    assert "fewer than 5 clips of b (2)" in said("aaaaabb", "aaaaabb", "1212121")
    assert "a has 12 clips and b 2" in said("a" * 12 + "bb", "a" * 12 + "bb", "12" * 7)
    assert "all recordings have the same subject" in said("aaaaabbbbb", "aaaaabbbbb", "1" * 10)
    assert "add a column `subject`" in said("aaaaabbbbb", "aaaaabbbbb")
    assert "a and b are hardly told apart: 6 of 10" in said("aaaaabbbbb", "aabbbaaabb", "1212121212")
    assert "hardly" not in said("aaaaabbbbb", "aaaabbbbbb", "1212121212")


def test_copies_are_warned_of(make_report: Any) -> None:
    report = make_report("aaaaabbbbb", "aaaaabbbbb", "1212121212")
    copy = replace(report.recordings[0], name="copy", label="b")
    recordings = (*report.recordings[:9], copy)
    report = replace(report, recordings=recordings, grouping=group_recordings(recordings))
    warnings = list(describe_warnings(report))
    copies = (
        "exact copies of other recordings: 1; none is tested by what was fitted to the other (copy and clip 0)"
    )
    assert copies in warnings
    assert "copies with different labels: copy" in warnings


def test_what_to_record_next(make_report: Any) -> None:
    advice = list(describe_next_recordings(make_report("a" * 30 + "b" * 5, "a" * 29 + "b" * 6, "123" * 11 + "12")))
    assert "3 are in the recordings" in advice[0]
    assert "b (5)" in advice[1]
    assert "a (30)" not in advice[1]
    assert "a / b (1 confused)" in advice[2]
    everyone = "12345" * 8
    assert list(describe_next_recordings(make_report("ab" * 20, "ab" * 20, everyone))) == []


def test_the_worst_classes_and_clips_come_first(make_report: Any) -> None:
    report = make_report("aaabbbccc", "aaabbaaca", "123123123")
    assert [row.name for row in report.per_class] == ["c", "b", "a"]
    assert report.per_class[0].confused_with == "a"
    assert report.per_class[2].confused_with == ""
    assert report.confusion.tolist() == [[3, 0, 0], [1, 2, 0], [2, 0, 1]]
    assert [pair[:3] for pair in report.confused_pairs] == [("a", "c", 2), ("a", "b", 1)]
    assert [clip.index for clip in report.worst_clips(2)] == [5, 6]


def test_the_calibration_error() -> None:
    assert expected_calibration_error(np.full(10, 0.8), np.arange(10) < 8) == pytest.approx(0)
    assert expected_calibration_error(np.full(10, 0.8), np.arange(10) < 3) == pytest.approx(0.5)
    two = np.array([0.95] * 10 + [0.55] * 10)
    assert expected_calibration_error(two, np.array([True] * 20)) == pytest.approx((0.05 + 0.45) / 2)
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, bool)))
