"""What is kept of a camera is read by the other commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_poses import FakeEstimator

from skeletonmae.datasets.load_recordings import load_recordings
from skeletonmae.errors import InputError
from skeletonmae.live.recognizer import LiveRecognizer
from skeletonmae.live.recorder import ANSWERS, POSES_2D, POSES_3D, Recorder
from skeletonmae.live.session import LiveSession
from skeletonmae.live.sources import LiveFrame
from skeletonmae.rendering.label_files import read_labels
from skeletonmae.skeletons import MEDIAPIPE33


def test_poses_and_answers_are_read_again(arm_classifier: Any, make_frames: Any, tmp_path: Path) -> None:
    script = ((0.0, "rest"), (1.0, "high"), (5.0, "rest"), (8.0, "low"))
    recognizer = LiveRecognizer(arm_classifier, FakeEstimator(2, script=script), unknown=False)
    with (
        Recorder(tmp_path / "session", MEDIAPIPE33, True, fps=20) as recorder,
        LiveSession(recognizer, recorder=recorder) as session,
    ):
        summary = session.run(make_frames(11), drop=False)
    assert summary.num_frames == summary.num_read == 220
    assert summary.num_answers == 4
    (flat,), _ = load_recordings([tmp_path / "session" / POSES_2D])
    (deep,), _ = load_recordings([tmp_path / "session" / POSES_3D])
    expected = FakeEstimator(2, script=script)
    for frame in (0, 100, 219):
        poses = expected.update(np.zeros((128, 192, 3), np.uint8), frame / 20)
        for person, pose in enumerate(poses):
            seen = pose.confidence > 0.5
            np.testing.assert_allclose(flat.positions[person, frame][seen], pose.points[seen], atol=0.01)
            assert (flat.observed[person, frame] == seen).all()
    assert (flat.num_persons, flat.num_frames, flat.unit, flat.skeleton.name) == (2, 220, "px", "mediapipe33")
    assert (deep.num_persons, deep.num_frames, deep.unit, deep.positions.shape[-1]) == (2, 220, "m", 3)
    assert flat.fps == deep.fps == 20
    lines = [json.loads(line) for line in (tmp_path / "session" / ANSWERS).read_text().splitlines()]
    assert [(line["person"], line["label"]) for line in lines] == [
        (0, "high"),
        (1, "high"),
        (0, "low"),
        (1, "low"),
    ]
    for line in lines:
        assert line["start_s"] < line["answered_s"] < line["end_s"]
        assert line["latency_s"] == pytest.approx(line["answered_s"] - line["start_s"], abs=0.002)
    labels = read_labels(tmp_path / "session" / ANSWERS, "poses_2d", flat.num_frames, flat.fps)
    assert [label.text for label in labels] == ["high", "high", "low", "low"]
    assert 0 <= labels[0].start < labels[0].end <= 160


def test_an_interrupted_recording_ends_with_a_complete_line(
    arm_classifier: Any, make_frames: Any, tmp_path: Path
) -> None:
    recognizer = LiveRecognizer(arm_classifier, FakeEstimator())

    def frames() -> Any:
        yield from make_frames(1)
        raise KeyboardInterrupt

    with Recorder(tmp_path / "session", MEDIAPIPE33, False, fps=20) as recorder, pytest.raises(KeyboardInterrupt):
        LiveSession(recognizer, recorder=recorder).run(frames(), drop=False)
    text = (tmp_path / "session" / POSES_2D).read_text()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1 + 20 * 32
    assert not (tmp_path / "session" / POSES_3D).exists()


class Late(FakeEstimator):
    """Sees nobody for two seconds and after nine, and a second person in a single frame."""

    def update(self, image: np.ndarray, time: float) -> Any:
        first, second = super().update(image, time)
        return ([first] if 2 <= time < 9 else []) + ([second] if 5 <= time < 5.04 else [])


def test_answers_lie_on_their_poses_at_irregular_times(arm_classifier: Any, tmp_path: Path) -> None:
    """Somebody comes late to a camera whose frames are irregular, some of which are dropped."""
    script = ((0.0, "rest"), (3.0, "high"), (7.0, "rest"))
    dice = np.random.default_rng(0)
    times = np.cumsum(dice.choice([0.03, 0.04, 0.07, 0.13], 240))
    times = np.concatenate([[0.0], times[times < 12], [12.4]])
    image = np.zeros((128, 192, 3), np.uint8)
    frames = [LiveFrame(image, float(time), 0.0, 0.0) for time in times]
    recognizer = LiveRecognizer(arm_classifier, Late(2, script=script), unknown=False)
    with (
        Recorder(tmp_path / "session", MEDIAPIPE33, True) as recorder,
        LiveSession(recognizer, recorder=recorder) as session,
    ):
        session.run(frames, drop=False)
    recordings = [load_recordings([tmp_path / "session" / name])[0][0] for name in (POSES_2D, POSES_3D)]
    for recording in recordings:
        assert (recording.num_persons, recording.num_frames, recording.fps) == (2, 373, 30)
        seen = np.flatnonzero(recording.observed[0].any(1)) / 30
        assert seen[0] == pytest.approx(2, abs=0.15)
        assert seen[-1] == pytest.approx(9, abs=0.15)
    flat, expected = recordings[0], FakeEstimator(2, script=script)
    for frame in range(100, 200, 7):
        if flat.observed[0, frame].any():
            pose = expected.update(image, frame / 30)[0]
            seen = flat.observed[0, frame]
            assert np.abs(flat.positions[0, frame][seen] - pose.points[seen]).max() < 3
    (line,) = [json.loads(line) for line in (tmp_path / "session" / ANSWERS).read_text().splitlines()]
    assert (line["person"], line["label"]) == (0, "high")
    (label,) = read_labels(tmp_path / "session" / ANSWERS, "poses_2d", flat.num_frames, flat.fps)
    assert (label.start, label.end) == (line["start"], line["end"])
    assert label.start / 30 == pytest.approx(line["start_s"], abs=0.02)
    wrist = flat.positions[0, :, MEDIAPIPE33.index["left_wrist"], 1]
    moving = np.flatnonzero(flat.observed[0].any(1) & (wrist < wrist[70] - 10))  # the hand is raised
    assert label.start == pytest.approx(moving[0], abs=30)
    assert label.start < moving[len(moving) // 2] < label.end


def test_nobody_at_all_is_a_recording_too(arm_classifier: Any, make_frames: Any, tmp_path: Path) -> None:
    with Recorder(tmp_path / "session", MEDIAPIPE33, True, fps=20) as recorder:
        session = LiveSession(LiveRecognizer(arm_classifier, FakeEstimator(0)), recorder=recorder)
        session.run(make_frames(1), drop=False)
    lines = (tmp_path / "session" / POSES_2D).read_text().splitlines()
    assert lines[1] == "0,0,nose,,,0,mediapipe33,px,20"
    assert len(lines) == 1 + 20


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="the folder of a recording must be new or empty"):
        Recorder(tmp_path, MEDIAPIPE33, True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
