"""`live` answers while a video is played, and says what is missing."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

from fake_poses import FakeEstimator, write_video

from skeletonmae.cli import main
from skeletonmae.cli.live import _why_no_answer
from skeletonmae.datasets.load_recordings import load_recordings
from skeletonmae.errors import InputError

SCRIPT = ((0.0, "rest"), (1.0, "high"), (4.0, "rest"))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("skeletonmae.pose.make_estimator", lambda *_, **__: FakeEstimator(script=SCRIPT))

    def run(*words: object) -> tuple[int, str, str]:
        status = main(["live", *(str(word) for word in words)])
        output = capsys.readouterr()
        return status, output.out, output.err

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from skeletonmae.inference import FitConfig, fit_classifier
    from skeletonmae.sequences import SkeletonSequence

    def arm(label: str, seed: int) -> SkeletonSequence:
        estimator, start = FakeEstimator(script=((0.0, label),)), seed / 3
        image = np.zeros((128, 192, 3), np.uint8)
        poses = [estimator.update(image, start + frame / 20)[0].world for frame in range(40)]
        noise = np.random.default_rng(seed).normal(scale=0.01, size=(33, 3))
        return SkeletonSequence.from_positions(
            np.stack(poses) + noise, estimator.skeleton, name=f"{label} {seed}", label=label, fps=20.0
        )

    clips = [arm(("high", "low")[seed % 2], seed) for seed in range(16)]
    classifier, _ = fit_classifier(clips, FitConfig(encoder="none", folds=2, inner_folds=2), measure=False)
    path = tmp_path_factory.mktemp("live") / "classifier.safetensors"
    classifier.save(path)
    return path


def test_a_video_as_a_camera(cli: Any, model: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 120)
    words = ("--video", video, "--every-frame", "--unknown", "off", "--record", tmp_path / "session")
    status, text, messages = cli(model, *words)
    assert status == 0
    first, last = text.splitlines()
    assert first.startswith("2.") or first.startswith("3.")
    assert ", person 0: high " in first
    assert first.endswith(" s after it began")
    assert last == f"poses and answers: {tmp_path / 'session'}"
    assert "a.mp4: high, low. Ctrl-C ends." in messages
    assert "1 answer in 6.0 s, 120 frames" in messages
    assert "decode " in messages
    assert load_recordings([tmp_path / "session" / "poses_3d.csv"])[0][0].num_frames == 120
    status, _, messages = cli(model, *words)
    assert status == 1
    assert "the folder of a recording must be new or empty" in messages


def test_json_has_a_line_for_each_answer_and_the_end(cli: Any, model: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 120)
    status, text, _ = cli(model, "--video", video, "--every-frame", "--unknown", "off", "--json")
    lines = [json.loads(line) for line in text.splitlines()]
    assert status == 0
    assert [line.get("label") for line in lines] == ["high", None]
    assert lines[1]["frames"] == 120
    assert {"decode", "pose", "encoder", "answer"} <= lines[1]["milliseconds"].keys()


def test_a_session_without_answers_says_why(cli: Any, model: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 12)
    status, text, messages = cli(model, "--video", video, "--every-frame")
    assert (status, text) == (0, "")
    assert "12 frames\nnote: a window is 1.5 s long" in messages


@pytest.mark.parametrize(
    ("persons", "dropped", "unknown", "expected"),
    [
        (0, 0, True, ["nobody was seen"]),
        (1, 60, True, ["60 of 100 frames were dropped", "no two windows in a row"]),
        (1, 10, True, ["no two windows in a row"]),
        (1, 10, False, ["no two windows in a row"]),
    ],
)
def test_reasons_of_a_session_without_answers(
    persons: int, dropped: int, unknown: bool, expected: list[str]
) -> None:
    summary = SimpleNamespace(seconds=9.0, num_dropped=dropped, num_read=100)
    recognizer = SimpleNamespace(window_seconds=1.5, num_persons=persons, unknown=unknown, axes=3)
    reasons = list(_why_no_answer(summary, SimpleNamespace(recognizer=recognizer)))  # type: ignore[arg-type]
    assert len(reasons) == len(expected)
    assert all(reason.startswith(text) for reason, text in zip(reasons, expected, strict=True))
    assert ("--unknown off" in reasons[-1]) == (unknown and persons > 0)


def test_ctrl_c_is_how_it_ends(cli: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(FakeEstimator):
        def update(self, image: np.ndarray, time: float) -> Any:
            if time > 3.5:
                raise KeyboardInterrupt
            return super().update(image, time)

    monkeypatch.setattr("skeletonmae.pose.make_estimator", lambda *_, **__: Interrupted(script=SCRIPT))
    video = write_video(tmp_path / "a.mp4", 120)
    words = ("--every-frame", "--unknown", "off", "--page", "--port", 0, "--record", tmp_path / "session")
    status, _, messages = cli(model, "--video", video, *words)
    assert status == 0
    assert "page: http://127.0.0.1:" in messages
    assert "71 frames" in messages
    answers = (tmp_path / "session" / "answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in answers] == ["high"]


def test_a_source_that_fails_loses_no_answers(
    cli: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(FakeEstimator):
        def update(self, image: np.ndarray, time: float) -> Any:
            if time > 3.5:
                raise InputError("camera 0 gives no more frames")
            return super().update(image, time)

    monkeypatch.setattr("skeletonmae.pose.make_estimator", lambda *_, **__: Failing(script=SCRIPT))
    video = write_video(tmp_path / "a.mp4", 120)
    words = ("--every-frame", "--unknown", "off", "--record", tmp_path / "session")
    status, _, messages = cli(model, "--video", video, *words)
    assert status == 1
    assert "camera 0 gives no more frames" in messages
    answers = (tmp_path / "session" / "answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in answers] == ["high"]
    (recording,), _ = load_recordings([tmp_path / "session" / "poses_2d.csv"])
    assert (recording.num_frames, recording.fps) == (71, 20)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--every-frame",), "--every-frame is for a video; expected --video FILE"),
        (("--stage",), "--stage is for the page; expected --page"),
        (("--camera", 97), "camera 97 cannot be opened"),
        (("--video", "missing.mp4"), "missing.mp4"),
        (("--persons", "many"), "not a number of persons"),
    ],
)
def test_mistakes_are_described(cli: Any, model: Path, words: tuple[object, ...], message: str) -> None:
    status, _, messages = cli(model, *words)
    assert status == 1
    assert message in messages


def test_a_port_that_is_used(cli: Any, model: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    with socket.create_server(("127.0.0.1", 0)) as other:
        status, _, messages = cli(model, "--video", video, "--page", "--port", other.getsockname()[1])
    assert status == 1
    assert "--port: another program uses the port; expected another --port, or 0 for any that is free" in messages


def test_other_models_are_refused(cli: Any, tiny_run: Path, tmp_path: Path) -> None:
    status, _, messages = cli(tiny_run / "finetune-1-seed0.safetensors")
    assert status == 1
    assert "cannot answer frame by frame; expected a classifier that `skeletonmae fit` wrote" in messages
    status, _, messages = cli(tmp_path / "none.safetensors")
    assert status == 1
