from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_clips import FPS, clip, motion, tall_body, uncut

from skeletonmae.errors import InputError
from skeletonmae.inference.frame_buffer import FrameBuffer
from skeletonmae.inference.stream import MAX_PERSONS, Decision, Stream, StreamSettings
from skeletonmae.inference.stream_track import StreamTrack

FRAME = np.zeros((20, 3))


def stream_of(classifier: Any, **settings: Any) -> Stream:
    return Stream(classifier, "kinect20", **{"fps": FPS, "unknown": False} | settings)


def decisions(stream: Stream, frames: Any, times: Any = None) -> list[Decision]:
    times = [None] * len(frames) if times is None else times
    answers = [stream.update(frame, time) for frame, time in zip(frames, times, strict=True)]
    return [answer for answer in answers if answer]


def test_each_action_is_answered_once_while_it_happens(pose_classifier: Any) -> None:
    positions, truth = uncut([0, 1, 2, 0])
    found = decisions(stream_of(pose_classifier), positions)
    assert [one.label for one in found] == ["left", "right", "up", "left"]
    for one, (start, end, _) in zip(found, truth, strict=True):
        assert start / FPS < one.time <= end / FPS + 1
        assert 0 < one.latency < 2.5
        assert one.probability >= StreamSettings().confidence
        assert one.person is None


def test_an_answer_does_not_depend_on_the_rate(pose_classifier: Any) -> None:
    positions, _ = uncut([0, 1, 2])
    times = np.arange(len(positions)) / FPS
    expected = decisions(stream_of(pose_classifier), positions)
    dice = np.random.default_rng(0)
    for new in (
        np.arange(0, times[-1], 1 / 100),
        np.arange(0, times[-1], 1 / 15),
        np.sort(dice.uniform(0, times[-1], 200)),
    ):
        frames = np.empty((len(new), 20, 3))
        for joint in range(20):
            for axis in range(3):
                frames[:, joint, axis] = np.interp(new, times, positions[:, joint, axis])
        found = decisions(stream_of(pose_classifier, fps=None), frames, new.tolist())
        assert [one.label for one in found] == [one.label for one in expected]
        assert [one.time for one in found] == pytest.approx([one.time for one in expected], abs=0.5)


def test_missing_joints_and_frames_are_bridged(pose_classifier: Any) -> None:
    positions, _ = uncut([0, 1, 2])
    dice = np.random.default_rng(1)
    frames: list[Any] = []
    for frame in positions:
        lost = frame.copy()
        lost[dice.random(20) < 0.05] = np.nan
        frames.append(None if dice.random() < 0.05 else lost)
    assert [one.label for one in decisions(stream_of(pose_classifier), frames)] == ["left", "right", "up"]


def test_an_answer_is_current_until_the_body_rests(pose_classifier: Any) -> None:
    positions, _ = uncut([0, 1])
    stream = stream_of(pose_classifier)
    seen: list[str | None] = []
    for frame in positions:
        decision = stream.update(frame)
        current = stream.current.get(None)
        assert decision is None or current == decision.label
        if not seen or seen[-1] != current:
            seen.append(current)
    assert seen == [None, "left", None, "right", None]


def test_persons_have_answers_of_their_own(pose_classifier: Any) -> None:
    first, second = uncut([0, 1])[0], uncut([2, 0])[0]
    stream = stream_of(pose_classifier)
    found = []
    for a, b in zip(first, second, strict=True):
        found += stream.update_persons({"anna": a, 7: b + 2})
    assert [one.label for one in found if one.person == "anna"] == ["left", "right"]
    assert [one.label for one in found if one.person == 7] == ["up", "left"]


def test_a_person_who_leaves_for_long_is_forgotten_and_may_return(pose_classifier: Any) -> None:
    stream = stream_of(pose_classifier)
    action = motion(1, 60)
    assert [one.label for one in decisions(stream, action)] == ["right"]
    assert decisions(stream, [None] * 90) == []
    assert stream.tracks == {}
    assert [one.label for one in decisions(stream, action)] == ["right"]  # another action, answered again


def test_nothing_is_answered_while_nobody_moves_or_is_sure(pose_classifier: Any) -> None:
    assert decisions(stream_of(pose_classifier), np.repeat(motion(0, 1), 200, 0)) == []
    strict = StreamSettings(confidence=0.999999, memory=0)
    assert decisions(stream_of(pose_classifier, settings=strict), motion(0, 90)) == []


UNTRAINED = {"upside down": motion(2, 90) * np.array([1, -1, 1]), "another unit": 1000 * motion(2, 90)}


@pytest.mark.parametrize("name", UNTRAINED)
def test_what_was_never_trained_is_not_answered(name: str, pose_classifier: Any) -> None:
    frames, settings = UNTRAINED[name], StreamSettings(confidence=0.3)
    assert decisions(stream_of(pose_classifier, settings=settings), frames)
    assert decisions(stream_of(pose_classifier, settings=settings, unknown=True), frames) == []


def test_a_window_may_be_unknown_by_its_features_alone(classifier_of_size: Any) -> None:
    far, near, settings = tall_body(90), motion(2, 90), StreamSettings(confidence=0.3)
    assert decisions(stream_of(classifier_of_size, settings=settings), far)
    assert decisions(stream_of(classifier_of_size, settings=settings, unknown=True), far) == []
    (known,) = decisions(stream_of(classifier_of_size, settings=settings, unknown=True), near)
    assert known.label == "up"


def test_more_windows_must_agree(pose_classifier: Any) -> None:
    (early,) = decisions(stream_of(pose_classifier, settings=StreamSettings(num_windows=1)), motion(0, 90))
    (late,) = decisions(stream_of(pose_classifier, settings=StreamSettings(num_windows=5)), motion(0, 90))
    step = stream_of(pose_classifier).step_seconds
    assert late.time - early.time == pytest.approx(4 * step, abs=0.15)


@pytest.mark.parametrize(("sure_of", "answers"), [((0, 1), []), ((0, 0), ["left"]), ((0, 1, 1), ["right"])])
def test_successive_windows_must_agree_on_the_class(
    sure_of: tuple[int, ...], answers: list[str], pose_classifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = itertools.cycle(sure_of)
    sure = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    monkeypatch.setattr(type(pose_classifier), "probabilities", lambda *_: sure[[next(classes)]])
    found = decisions(stream_of(pose_classifier, settings=StreamSettings(memory=0)), motion(0, 90))
    assert [one.label for one in found] == answers


def test_windows_are_sure_together_before_each_is_alone() -> None:
    track = StreamTrack(FrameBuffer(1.0, (1, 20, 3)), 0.0)
    window = np.array([0.5, 0.3, 0.2])
    assert track.remember(window, 0.5) == pytest.approx(window)
    # 1.5 times the logarithm: 0.5 ** 1.5, 0.3 ** 1.5 and 0.2 ** 1.5 are 0.3536, 0.1643 and 0.0894.
    assert track.remember(window, 0.5) == pytest.approx([0.5822, 0.2706, 0.1473], abs=1e-4)
    track.rest(1.0)
    assert track.remember(window, 0.5) == pytest.approx(window)
    assert track.remember(window, 0.0) == pytest.approx(window)


def test_reset_forgets_everything(pose_classifier: Any) -> None:
    stream = stream_of(pose_classifier)
    first = decisions(stream, motion(0, 60))
    stream.reset()
    assert decisions(stream, motion(0, 60)) == first


def test_memory_does_not_grow(pose_classifier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of(pose_classifier)
    monkeypatch.setattr(stream, "_classify", lambda track, clock: [])
    stream.update(FRAME)
    size = stream.tracks[None].buffer.positions.nbytes
    for _ in range(3000):
        stream.update(FRAME)
    assert stream.tracks[None].buffer.positions.nbytes == size
    for number in range(500):  # a tracker that gives new numbers all the time
        for _ in range(5):
            stream.update_persons({number: FRAME})
        assert len(stream.tracks) <= MAX_PERSONS


@pytest.mark.parametrize(
    ("frame", "time", "expected"),
    [
        (np.zeros((19, 3)), None, "20 joints of kinect20"),
        (np.zeros((20, 4)), None, "2 or 3 axes"),
        (np.full((20, 3), "x"), None, "numbers"),
        (FRAME, 0.0, "times must increase"),
        (FRAME, np.nan, "times must increase"),
    ],
)
def test_frames_that_do_not_fit_are_refused(pose_classifier: Any, frame: Any, time: Any, expected: str) -> None:
    stream = stream_of(pose_classifier)
    stream.update(FRAME)
    with pytest.raises(InputError, match=expected):
        stream.update(frame, time)
    stream.update(FRAME)  # a refused frame changes nothing


def test_a_rate_or_times_are_needed(pose_classifier: Any) -> None:
    with pytest.raises(InputError, match="frame rate"):
        stream_of(pose_classifier, fps=None).update(FRAME)
    with pytest.raises(InputError, match="greater than 0"):
        stream_of(pose_classifier, fps=0)


def test_a_stream_in_another_unit_says_so(pose_classifier: Any) -> None:
    with pytest.raises(InputError, match="unit"):
        decisions(stream_of(pose_classifier, unit="px"), motion(0, 90))


def test_a_clip_of_the_buffer_is_the_motion_interpolated() -> None:
    from skeletonmae.skeletons import KINECT20

    buffer = FrameBuffer(1.0, (1, 20, 3))
    times = np.arange(0, 3, 0.04)
    for time in times:
        buffer.add(time, np.full((1, 20, 3), time, np.float32), np.ones((1, 20), dtype=bool))
    clip = buffer.clip(times[-1], KINECT20, "m")
    assert (clip.num_frames, clip.fps) == (30, 30.0)
    assert clip.observed.all()
    assert clip.positions[0, :, 0, 0] == pytest.approx(times[-1] - np.arange(29, -1, -1) / 30, abs=1e-5)


def test_a_long_gap_is_not_bridged_and_fast_frames_are_thinned() -> None:
    from skeletonmae.skeletons import KINECT20

    buffer = FrameBuffer(2.0, (1, 20, 3))
    pose = np.ones((1, 20, 3), np.float32)
    for time in np.concatenate([np.arange(0, 1, 0.001), np.arange(1.5, 2, 0.001)]):
        buffer.add(time, pose, np.ones((1, 20), dtype=bool))
    assert np.isfinite(buffer.times).sum() <= 92  # 60 a second
    seen = buffer.clip(1.999, KINECT20, "m").observed[0, :, 0]
    assert seen[:28].all()
    assert not seen[32:43].any()
    assert seen[46:59].all()


def test_a_stream_takes_the_file_of_a_classifier_and_nothing_else(pose_classifier: Any, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    pose_classifier.save(path)
    assert Stream(path, "kinect20", fps=30).classifier.classes == pose_classifier.classes
    with pytest.raises(InputError, match=r"a stream needs a classifier; expected one that `skeletonmae fit` made"):
        Stream(object(), "kinect20", fps=30)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"there is no such classifier.*expected a file that `fit` wrote"):
        Stream(tmp_path / "absent.safetensors", "kinect20", fps=30)


def test_a_classifier_reads_files(pose_classifier: Any, tmp_path: Path) -> None:
    (recording,) = [clip(1, 77)]
    path = tmp_path / "new.csv"
    lines = ["frame,joint,x,y,z,fps"]
    lines += [
        f"{frame},{joint},{x},{y},{z},30"
        for frame, pose in enumerate(recording.positions[0].tolist())
        for joint, (x, y, z) in zip(recording.skeleton.joints, pose, strict=True)
    ]
    path.write_text("\n".join(lines))
    for source in (path, str(path), [path, tmp_path / "absent.csv"]):
        first, *others = pose_classifier.predict(source)
        assert first == replace(pose_classifier.predict([recording])[0], recording="new")
        assert [one.recording for one in others] == [str(tmp_path / "absent.csv")] * len(others)
    assert len(others) == 1
    assert others[0].error
