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
from skeletonmae.rendering.label_files import read_labels
from skeletonmae.skeletons import MEDIAPIPE33


def test_poses_and_answers_are_read_again(arm_classifier: Any, make_frames: Any, tmp_path: Path) -> None:
    script = ((0.0, "rest"), (1.0, "high"), (5.0, "rest"), (8.0, "low"))
    recognizer = LiveRecognizer(arm_classifier, FakeEstimator(2, script=script), unknown=False)
    with Recorder(tmp_path / "session", MEDIAPIPE33, True) as recorder:
        session = LiveSession(recognizer, recorder=recorder)
        summary = session.run(make_frames(11), drop=False)
        session.finish()
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
    assert flat.fps == deep.fps == pytest.approx(20, abs=0.01)
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

    with Recorder(tmp_path / "session", MEDIAPIPE33, False) as recorder, pytest.raises(KeyboardInterrupt):
        LiveSession(recognizer, recorder=recorder).run(frames(), drop=False)
    text = (tmp_path / "session" / POSES_2D).read_text()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1 + 20 * 32
    assert not (tmp_path / "session" / POSES_3D).exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="the folder of a recording must be new or empty"):
        Recorder(tmp_path, MEDIAPIPE33, True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
