"""`render` draws recordings and videos, and says what it could not do."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_clips import clip, motion, uncut

pytest.importorskip("av")

from fake_poses import FakeEstimator, write_video

from skeletonmae.cli import main
from skeletonmae.skeletons import KINECT20


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: object) -> tuple[int, str, str]:
        status = main(["render", *(str(word) for word in words)])
        output = capsys.readouterr()
        return status, output.out, output.err

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from skeletonmae.inference import FitConfig, fit_classifier

    clips = [clip(number % 3, number) for number in range(24)]
    classifier, _ = fit_classifier(clips, FitConfig(encoder="none", folds=2, inner_folds=2), measure=False)
    path = tmp_path_factory.mktemp("model") / "classifier.safetensors"
    classifier.save(path)
    return path


def write(path: Path, positions: np.ndarray, names: tuple[str, ...] = ("first",)) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["recording", "frame", "joint", "x", "y", "z", "fps"])
        for name in names:
            for number, frame in enumerate(positions):
                for joint, place in zip(KINECT20.joints, frame, strict=True):
                    writer.writerow([name, number, joint, *np.round(place, 4), 30])
    return path


def test_a_short_clip_is_labeled_as_a_whole(cli: Any, model: Path, tmp_path: Path) -> None:
    source, out = write(tmp_path / "a.csv", motion(2, 45)), tmp_path / "new folder" / "a.gif"
    status, text, _ = cli(
        source, "--out", out, "--classifier", model, "--size", "160x120", "--json", "--unknown", "off"
    )
    assert status == 0
    found = json.loads(text)
    assert [label["text"] for label in found["labels"]] == ["up"]
    assert found["width"] == 160
    assert found["height"] > 120  # the time line
    assert out.stat().st_size > 1000


def test_a_long_recording_has_segments(cli: Any, model: Path, tmp_path: Path) -> None:
    source, out = write(tmp_path / "a.csv", uncut([0, 1])[0]), tmp_path / "a.png"
    words = ("--size", "80x80", "--num-frames", 3, "--json", "--unknown", "off")
    status, text, _ = cli(source, "--out", out, "--classifier", model, *words)
    labels = json.loads(text)["labels"]
    assert status == 0
    assert [label["text"] for label in labels] == ["left", "right"]
    assert 20 < labels[0]["start"] < 70


def test_segments_are_looked_for_if_wanted(cli: Any, model: Path, tmp_path: Path) -> None:
    source, out = write(tmp_path / "a.csv", uncut([0, 1])[0]), tmp_path / "a.png"
    words = ("--size", "80x80", "--num-frames", 1, "--json", "--unknown", "off", "--segments", "off")
    _, text, _ = cli(source, "--out", out, "--classifier", model, *words)
    labels = json.loads(text)["labels"]
    assert [(label["start"], label["end"]) for label in labels] == [(0, len(uncut([0, 1])[0]))]


def test_the_default_name_is_that_of_the_source(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, text, _ = cli(write(tmp_path / "a.csv", motion(0, 5)), "--size", "80x64")
    assert (status, text) == (0, "5 frames of 80 x 64: a-skeletons.mp4\n")
    assert (tmp_path / "a-skeletons.mp4").exists()


def test_one_of_several_recordings(cli: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", motion(0, 5), ("first", "second"))
    status, _, messages = cli(source, "--out", tmp_path / "a.png")
    assert status == 1
    assert "there are several recordings; expected --recording NAME; got first, second" in messages
    status, text, _ = cli(
        source, "--out", tmp_path / "a.png", "--recording", "second", "--json", "--size", "80x64"
    )
    assert (status, json.loads(text)["recording"]) == (0, "second")
    status, _, messages = cli(source, "--out", tmp_path / "a.png", "--recording", "third")
    assert "there is no recording of this name; expected first, second; got third" in messages


def test_a_video(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skeletonmae.pose.estimate.make_estimator", lambda *_, **__: FakeEstimator(2))
    (tmp_path / "answers.jsonl").write_text('{"recording": "a", "person": 1, "label": "up", "probability": 0.9}\n')
    video, out = write_video(tmp_path / "a.mp4", 20), tmp_path / "out" / "b.mp4"
    words = ("--out", out, "--classifier", tmp_path / "answers.jsonl", "--blur-faces")
    status, text, messages = cli(video, *words)
    assert status == 0
    assert text.startswith("20 frames of 192 x ")
    assert "only the heads of persons who were found are blurred" in messages
    assert "not about" not in messages
    status, _, messages = cli(video, *words, "--persons", "1")
    assert status == 1
    assert "an answer is about a person who is not there; expected persons 0 to 0 of recording 'a'" in messages


def test_an_estimator_without_depth_is_refused_before_any_frame(
    cli: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator = FakeEstimator()
    monkeypatch.setattr("skeletonmae.pose.estimate.make_estimator", lambda *_, **__: estimator)
    video = write_video(tmp_path / "a.mp4", 20)
    status, _, messages = cli(video, "--classifier", model, "--estimator", "movenet", "--out", tmp_path / "b.mp4")
    assert status == 1
    assert "the pose estimator movenet has no depth" in messages
    assert not estimator.times


def test_options_of_recordings_are_refused_for_a_video_and_fps_holds(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skeletonmae.pose.estimate.make_estimator", lambda *_, **__: FakeEstimator())
    video, out = write_video(tmp_path / "a.mp4", 20), tmp_path / "b.mp4"
    for words, flags in (
        (("--recording", "a"), "--recording is"),
        (("--layout", "coco17"), "--layout is"),
        (("--format", "table"), "--format is"),
        (("--unit", "m", "--up", "z"), "--unit and --up are"),
    ):
        status, _, messages = cli(video, "--out", out, *words)
        assert status == 1
        assert f"a.mp4: {flags} for recordings of joints; expected a recording of joints; got a video" in messages
    assert not out.exists()
    status, _, messages = cli(video, "--out", out, "--fps", 5, "--format", "video", "--start", 2, "--end", 3)
    assert status == 0, messages
    status, _, messages = cli(video, "--out", out, "--fps", -5)
    assert "--fps must be greater than 0" in messages


@pytest.mark.parametrize(("of", "status"), [("b", 3), ("a", 0), ("folder/a", 0), ("", 0)])
def test_the_answers_of_another_recording_are_said(cli: Any, tmp_path: Path, of: str, status: int) -> None:
    source, answers = write(tmp_path / "a.csv", motion(0, 5), ("a",)), tmp_path / "answers.csv"
    answers.write_text(f"recording,person,label,probability\n{of},,up,0.9\n")
    found, _, messages = cli(source, "--out", tmp_path / "a.png", "--size", "80x64", "--classifier", answers)
    assert found == status
    assert ("answers.csv are about 'b', not about 'a', on which they are drawn" in messages) == (status == 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "tiny"), "--size is not a size"),
        (("--stage",), "--stage and --blur-faces are for videos; expected a video; got another file"),
        (("--start", 3), "there is no frame in this interval"),
        (("--classifier", "missing.csv"), "missing.csv: No such file"),
        (("--out", "a.avi"), "unknown format of pictures"),
        (("--out", "a.csv"), "unknown format of pictures"),
        (("--num-frames", 0), "--num-frames must be at least 1"),
    ],
)
def test_mistakes_are_described(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, messages = cli(write(tmp_path / "a.csv", motion(0, 5)), *words)
    assert status == 1
    assert message in messages
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_the_source_is_not_overwritten(cli: Any, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    before = video.read_bytes()
    status, _, messages = cli(video, "--out", video)
    assert status == 1
    assert "the output would replace an input" in messages
    assert video.read_bytes() == before


def test_a_file_that_is_missing(cli: Any, tmp_path: Path) -> None:
    status, _, messages = cli(tmp_path / "no.csv", "--out", tmp_path / "a.png")
    assert status == 1
    assert "no recording could be read" in messages
    assert "no.csv" in messages
