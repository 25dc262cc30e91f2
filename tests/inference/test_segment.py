from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pose_clips import CLASSES, FPS, motion, tall_body, uncut

from skeletonmae.errors import InputError
from skeletonmae.evaluation.segmentation_metrics import LabeledSpan, f1_counts
from skeletonmae.inference.segment import (
    UNKNOWN,
    Segment,
    _described,
    _merged,
    segment_recording,
    timing_of,
    window_probabilities,
)
from skeletonmae.predictions.motion_statistics import measure_motion
from skeletonmae.predictions.prediction import Prediction
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20


def recording(positions: np.ndarray, **settings: Any) -> SkeletonSequence:
    return SkeletonSequence.from_positions(positions, KINECT20, **{"name": "uncut", "fps": FPS} | settings)


def test_actions_are_found_where_they_are(pose_classifier: Any) -> None:
    positions, truth = uncut([0, 1, 2, 0])
    found = segment_recording(pose_classifier, recording(positions), unknown=False)
    assert not found.error
    spans = [LabeledSpan(one.start, one.end, CLASSES.index(one.label)) for one in found.segments]
    counts = f1_counts([LabeledSpan(*span) for span in truth], spans, 0.6)
    assert (counts.true_positives, counts.false_positives, counts.false_negatives) == (4, 0, 0)
    assert all(one.start_s == one.start / FPS and one.end_s == one.end / FPS for one in found.segments)
    assert all(0.5 < one.score <= 1 for one in found.segments)
    assert found.persons == (None,)


def test_every_person_is_segmented_alone(pose_classifier: Any) -> None:
    first, _ = uncut([0, 1])
    second, _ = uncut([2, 0])
    both = segment_recording(
        pose_classifier,
        recording(np.stack([first, second + np.array([3.0, 0, 0])])),
        per_person=True,
        unknown=False,
    )
    labels = {person: [one.label for one in both.segments if one.person == person] for person in (0, 1)}
    assert labels == {0: ["left", "right"], 1: ["up", "left"]}
    assert both.persons == (0, 1)


def test_times_in_which_nobody_is_seen_belong_to_no_action(pose_classifier: Any) -> None:
    positions = motion(0, 240)
    positions[90:150] = np.nan
    found = segment_recording(pose_classifier, recording(positions), unknown=False)
    inside = np.zeros(240, dtype=bool)
    for one in found.segments:
        inside[one.start : one.end] = True
    assert inside[:70].mean() > 0.8
    assert inside[170:].mean() > 0.8
    assert inside[110:130].mean() == 0


def test_what_was_never_trained_is_unknown(pose_classifier: Any) -> None:
    positions, _ = uncut([0, 1])
    middle = motion(2, 60)
    middle[:, :, 1] *= -1  # upside down
    found = segment_recording(pose_classifier, recording(np.concatenate([positions, middle, middle])))
    unknown = [one for one in found.segments if one.start > len(positions) - 20 and one.label == UNKNOWN]
    assert unknown
    assert unknown[0].nearest in pose_classifier.classes
    assert 0 < unknown[0].nearest_score <= 1
    assert any("turned" in reason or "upside" in reason for reason in unknown[0].reasons)
    named = segment_recording(pose_classifier, recording(np.concatenate([positions, middle])), unknown=False)
    assert UNKNOWN not in {one.label for one in named.segments}


def test_a_segment_may_be_unknown_by_its_features_alone(classifier_of_size: Any) -> None:
    far, near = recording(tall_body(90)), recording(motion(2, 90))
    assert not classifier_of_size.doubt.is_beyond(measure_motion(far, classifier_of_size.reference))
    (found,) = segment_recording(classifier_of_size, far).segments
    (named,) = segment_recording(classifier_of_size, far, unknown=False).segments
    (known,) = segment_recording(classifier_of_size, near).segments
    num_clips = len(classifier_of_size.doubt.novelties)
    assert (found.label, found.nearest, known.label) == (UNKNOWN, named.label, "up")
    assert found.score == pytest.approx(num_clips / (num_clips + 1))


def test_the_windows_of_a_long_recording_are_made_in_blocks(
    pose_classifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    features = type(pose_classifier).features

    def recorded(self: Any, recordings: Any) -> Any:
        sizes.append((len(recordings), all(np.shares_memory(one.positions, long.positions) for one in recordings)))
        return features(self, recordings)

    monkeypatch.setattr(type(pose_classifier), "features", recorded)
    monkeypatch.setattr("skeletonmae.inference.segment.WINDOWS_AT_ONCE", 16)
    long = recording(uncut([0, 1, 2])[0])
    segment_recording(pose_classifier, long, unknown=False)
    assert max(size for size, _ in sizes) <= 16
    assert sum(size for size, _ in sizes) > 32
    assert all(shared for _, shared in sizes)  # windows are views of the recording


@pytest.mark.parametrize(
    ("positions", "error"),
    [(np.full((50, 20, 3), np.nan), "no joint"), (np.zeros((0, 20, 3)), "no frame")],
)
def test_a_recording_without_anybody_has_an_error(pose_classifier: Any, positions: np.ndarray, error: str) -> None:
    found = segment_recording(pose_classifier, recording(positions))
    assert error in found.error
    assert not found.segments


def test_windows_overlap(pose_classifier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def recorded(classifier: Any, whole: Any, bounds: Any) -> np.ndarray:
        seen.extend(bounds)
        return window_probabilities(classifier, whole, bounds)

    monkeypatch.setattr("skeletonmae.inference.segment.window_probabilities", recorded)
    segment_recording(pose_classifier, recording(uncut([0, 1])[0]), unknown=False)
    first, end = np.array(seen).T
    is_whole = (first > 0) & (end < end.max())
    assert np.unique((end - first)[is_whole]).tolist() == [33, 34]  # 0.75 of the 45 frames of a training clip
    assert np.diff(first[is_whole]).mean() == pytest.approx(4.5, abs=0.1)


def test_a_segment_is_classified_with_a_fifth_of_its_length_before_and_after_it(
    pose_classifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips: list[SkeletonSequence] = []
    predict = type(pose_classifier).predict

    def recorded(self: Any, recordings: Any, **settings: Any) -> Any:
        clips.extend(recordings)
        return predict(self, recordings, **settings)

    monkeypatch.setattr(type(pose_classifier), "predict", recorded)
    whole = recording(uncut([0])[0])
    (found,) = segment_recording(pose_classifier, whole, unknown=False).segments
    margin = round((found.end - found.start) / 5)
    expected = whole.positions[:, found.start - margin : found.end + margin]
    assert margin > 5
    np.testing.assert_array_equal(clips[0].positions, expected)


def test_persons_without_an_answer_are_named(pose_classifier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, _ = uncut([0])
    both = recording(np.stack([seen, seen + 30]))

    def failing(classifier: Any, whole: SkeletonSequence, bounds: Any) -> np.ndarray:
        if whole.positions.mean() > 20:
            raise InputError("too far away")
        return window_probabilities(classifier, whole, bounds)

    assert segment_recording(pose_classifier, both, per_person=True, unknown=False).warnings == ()
    monkeypatch.setattr("skeletonmae.inference.segment.window_probabilities", failing)
    found = segment_recording(pose_classifier, both, per_person=True, unknown=False)
    assert {one.person for one in found.segments} == {0}
    assert (found.error, found.warnings) == ("", ("person 1: too far away",))
    alone = replace(both, positions=both.positions[1:], observed=both.observed[1:])
    assert segment_recording(pose_classifier, alone).error == "too far away"


def test_another_unit_is_an_error_that_says_so(pose_classifier: Any) -> None:
    found = segment_recording(pose_classifier, recording(uncut([0])[0], unit="px"))
    assert "unit" in found.error


def test_short_recordings_and_unknown_rates_are_warned_of(pose_classifier: Any) -> None:
    short = segment_recording(pose_classifier, recording(motion(1, 12)), unknown=False)
    assert any("shorter than a window" in warning for warning in short.warnings)
    no_rate = segment_recording(pose_classifier, recording(uncut([0, 1])[0], fps=None), unknown=False)
    assert any("--fps" in warning for warning in no_rate.warnings)
    assert {one.start_s for one in no_rate.segments} == {None}
    assert [one.label for one in no_rate.segments] == ["left", "right"]  # 30 frames are a second


def test_neighbors_of_the_same_label_are_one_segment() -> None:
    def part(start: int, end: int, label: str, score: float, person: int = 0) -> Segment:
        return Segment("a", person, start, end, start / 10, end / 10, label, score)

    parts = [part(0, 10, "x", 0.5), part(10, 20, "x", 0.7), part(20, 25, "y", 0.4), part(26, 30, "y", 0.9)]
    assert list(_merged(parts)) == [part(0, 20, "x", 0.7), *parts[2:]]
    assert list(_merged([part(0, 10, "x", 0.5), part(10, 20, "x", 0.7, 1)])) == [
        part(0, 10, "x", 0.5),
        part(10, 20, "x", 0.7, 1),
    ]
    assert list(_merged([])) == []
    near = replace(part(0, 10, UNKNOWN, 1.0), nearest="x", nearest_score=0.3, reasons=("noise",))
    nearer = replace(part(10, 20, UNKNOWN, 0.99), nearest="y", nearest_score=0.6)
    (both,) = _merged([near, nearer])
    assert (both.nearest, both.nearest_score, both.reasons, both.score) == ("y", 0.6, ("noise",), 1.0)


def test_a_classifier_without_timing_uses_the_lengths_of_all_clips(pose_classifier: Any) -> None:
    older = replace(pose_classifier, timing=None)
    assert timing_of(older).median == pytest.approx(1.5)
    assert timing_of(older).mean == pytest.approx((1.5,) * 3)
    assert timing_of(pose_classifier) is pose_classifier.timing


@pytest.mark.parametrize(
    ("by_windows", "label", "score"), [((0.99, 0.005, 0.005), "a", 0.51), ((0.4, 0.4, 0.2), "b", 0.94)]
)
def test_a_label_by_windows_has_their_probability(by_windows: tuple[float, ...], label: str, score: float) -> None:
    """As a whole, the segment resembles another class, and the first one not at all."""
    answer = Prediction("uncut", None, (("b", 0.94), ("a", 0.03), ("c", 0.03)))
    classifier = SimpleNamespace(classes=("a", "b", "c"), predict=lambda *_, **__: [answer])
    found = [(LabeledSpan(0, 10, 0), np.array(by_windows))]
    (segment,) = _described(classifier, recording(motion(0, 20)), None, found, True)  # type: ignore[arg-type]
    assert (segment.label, segment.score) == (label, pytest.approx(score))
