from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.evaluation.segmentation_metrics import LabeledSpan
from skeletonmae.evaluation.segmentation_recordings import (
    JunctionSettings,
    concatenate,
    concatenated_recordings,
    without_repeats,
)

SETTINGS = JunctionSettings(clips_per_recording=3, pause_seconds=(0.5, 1.0), blend_seconds=(0.2, 0.3))


@pytest.fixture(scope="module")
def clips(make_recording: Any) -> list[Any]:
    """Complete clips of 12 to 23 frames at 30 per second, far from each other."""
    made = []
    for number in range(12):
        one = make_recording(seed=number, frames=12 + number, lost=0.0, fps=30.0, label="ab"[number % 2])
        values = np.random.default_rng(number).normal(size=one.positions.shape) + 10 * number
        tags = {"subject": str(number // 6)}
        made.append(
            type(one).from_positions(values, one.skeleton, name=one.name, fps=30.0, label=one.label, tags=tags)
        )
    return made


@pytest.fixture(scope="module")
def store(clips: list[Any], make_store: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_store(tmp_path_factory.mktemp("clips") / "store", clips)


def test_each_clip_is_in_one_recording_at_the_place_of_its_span(clips: list[Any], store: Any) -> None:
    made = list(concatenated_recordings(store, np.arange(12), SETTINGS, 0, "subject"))
    assert len(made) == 4
    assert sorted(place for one in made for place in one.index) == list(range(12))
    for one in made:
        for place, span in zip(one.index, one.spans, strict=True):
            clip = clips[place]
            assert (span.end - span.start, span.label) == (clip.num_frames, store.labels[place])
            there = one.recording.positions[:, span.start : span.end]
            moved = there - clip.positions
            assert np.ptp(moved, axis=(1, 2)) == pytest.approx(np.zeros((1, 3)), abs=1e-4)  # a shift
            assert moved[0, 0, 0, 1] == pytest.approx(0.0, abs=1e-4)  # and not off the floor


def test_a_recording_has_one_subject(store: Any) -> None:
    subjects = store.tag("subject")
    for one in concatenated_recordings(store, np.arange(12), SETTINGS, 0, "subject"):
        assert len({subjects[place] for place in one.index}) == 1


def test_no_clip_is_followed_by_one_of_its_class_where_that_can_be_avoided() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    order = without_repeats(np.array([0, 1, 2, 3, 4, 5]), labels)
    assert sorted(order) == [0, 1, 2, 3, 4, 5]
    assert (np.diff(labels[order]) != 0).all()
    assert without_repeats(np.array([0, 1]), labels) == [0, 1]


def test_pauses_and_blends_have_the_durations_asked_for(clips: list[Any]) -> None:
    always = SETTINGS.model_copy(update={"pause_share": 1.0})
    made = concatenate(clips[:3], [0, 1, 0], always, np.random.default_rng(0))
    first, second, third = made.spans
    for gap in (second.start - first.end, third.start - second.end):
        assert 15 + 6 <= gap <= 30 + 9
    assert 15 <= first.start <= 30
    assert 15 <= made.recording.num_frames - third.end <= 30
    never = SETTINGS.model_copy(update={"pause_share": 0.0})
    first, second, third = concatenate(clips[:3], [0, 1, 0], never, np.random.default_rng(0)).spans
    assert 6 <= second.start - first.end <= 9


def test_motion_is_continuous_at_the_junctions(clips: list[Any]) -> None:
    smooth = [
        type(clip).from_positions(
            np.repeat(clip.positions[:, :1], clip.num_frames, 1), clip.skeleton, fps=30.0, name=clip.name
        )
        for clip in clips[:3]
    ]
    made = concatenate(smooth, [0, 1, 0], SETTINGS, np.random.default_rng(0)).recording
    steps = np.linalg.norm(np.diff(made.positions, axis=1), axis=-1)
    whole = np.linalg.norm(smooth[1].positions[0, 0] - smooth[0].positions[0, 0], axis=-1).max()
    assert steps.max() < whole / 2  # no frame leaps from one clip into the next


def test_it_is_a_function_of_the_seed(store: Any) -> None:
    first, again, other = (
        list(concatenated_recordings(store, np.arange(12), SETTINGS, seed, "subject")) for seed in (3, 3, 4)
    )
    assert [one.spans for one in first] == [one.spans for one in again]
    assert all(
        np.array_equal(a.recording.positions, b.recording.positions) for a, b in zip(first, again, strict=True)
    )
    assert [one.index for one in first] != [one.index for one in other]


def test_gaps_and_absent_persons_stay_unobserved(make_recording: Any) -> None:
    two, one = make_recording(1, persons=2, lost=0.3, frames=30), make_recording(2, lost=0.3, frames=30)
    made = concatenate([two, one], [0, 1], SETTINGS, np.random.default_rng(0))
    recording, span = made.recording, made.spans[1]
    assert recording.num_persons == 2
    assert not recording.observed[1, span.start : span.end].any()
    assert not recording.positions[~recording.observed].any()


def test_clips_in_which_nobody_was_seen_are_left_out(make_recording: Any, make_store: Any, tmp_path: Path) -> None:
    clips = [make_recording(0, label="a"), make_recording(1, label="a", lost=1.0)]
    (made,) = concatenated_recordings(make_store(tmp_path / "s", clips), np.arange(2), SETTINGS, 0)
    assert made.index == (0,)
    assert made.spans == (LabeledSpan(made.spans[0].start, made.spans[0].end, 0),)


def test_clips_of_different_rates_are_refused(make_recording: Any) -> None:
    with pytest.raises(InputError, match="different fps"):
        concatenate(
            [make_recording(0, fps=30.0), make_recording(1, fps=15.0)], [0, 0], SETTINGS, np.random.default_rng(0)
        )
