"""`segment` finds the actions in uncut recordings, and says what it could not do."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_clips import CLASSES, clip, motion, uncut

from skeletonmae.cli import main
from skeletonmae.skeletons import KINECT20


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: object) -> tuple[int, str, str]:
        status = main(["segment", *(str(word) for word in words), "--device", "cpu", "--unit", "m"])
        output = capsys.readouterr()
        return status, output.out, output.err

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from skeletonmae.inference import FitConfig, fit_classifier

    clips = [clip(number % 3, number) for number in range(24)]
    classifier, _ = fit_classifier(clips, FitConfig(encoder="none", folds=2, inner_folds=2), measure=False)
    path = tmp_path_factory.mktemp("modèle of mine") / "classifier.safetensors"
    classifier.save(path)
    return path


def write(path: Path, positions: np.ndarray) -> Path:
    """Write the coordinates of a person as a table with a line for each frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", *(f"{joint}_{axis}" for joint in KINECT20.joints for axis in "xyz")])
        writer.writerows([[number, *np.round(frame.ravel(), 5)] for number, frame in enumerate(positions)])
    return path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return write(tmp_path / "séances of today" / "first one.csv", uncut([0, 1, 2])[0])


def test_segments_are_printed(cli: Any, session: Path, model: Path) -> None:
    status, text, messages = cli(session, "--classifier", model, "--fps", 30, "--unknown", "off")
    assert status == 0
    assert "note: this classifier compares coordinates" in messages
    lines = text.splitlines()
    assert [next(name for name in CLASSES if f": {name} " in line) for line in lines] == ["left", "right", "up"]
    assert all(line.startswith("first one: ") and " s: " in line for line in lines)


def test_unknown_segments_are_printed_with_the_nearest_class_and_the_reason(
    cli: Any, tmp_path: Path, model: Path
) -> None:
    positions = uncut([0, 1])[0]
    positions[..., 1] *= -1
    status, text, messages = cli(write(tmp_path / "over.csv", positions), "--classifier", model, "--fps", 30)
    assert status == 3
    lines = [line for line in text.splitlines() if ": unknown " in line]
    assert lines
    assert all("(nearest: " in line and ("turned" in line or "upside" in line) for line in lines)
    assert f"note: {len(lines)} of {len(text.splitlines())} segments are unknown" in messages


def test_files_of_all_formats(cli: Any, session: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "résultats à voir"
    names = ["a.csv", "a.json", "a.srt", "a.vtt", "a.tsv", "a.png"]
    words = (session.parent, "--classifier", model, "--fps", 30, "--unknown", "off")
    status, text, _ = cli(*words, "--out", *(out / name for name in names))
    assert status == 0
    assert sorted(file.name for file in out.iterdir()) == sorted(names)
    assert (out / "a.png").read_bytes().startswith(b"\x89PNG")
    with (out / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["left", "right", "up"]
    assert float(rows[0]["end_s"]) == pytest.approx(int(rows[0]["end"]) / 30, abs=1e-3)
    assert len(json.loads((out / "a.json").read_text())["results"]["first one"]) == 3
    assert f"3 segments: {out / 'a.csv'}\n" in text


def test_json(cli: Any, session: Path, model: Path) -> None:
    status, text, _ = cli(session, "--classifier", model, "--fps", 30, "--unknown", "off", "--json")
    segments = json.loads(text)
    assert status == 0
    columns = ["recording", "person", "start", "end", "start_s", "end_s", "label", "score"]
    assert list(segments[0]) == [*columns, "nearest", "nearest_score", "reasons"]
    assert [segment["label"] for segment in segments] == ["left", "right", "up"]


def test_what_cannot_be_segmented_is_said_with_status_3(
    cli: Any, session: Path, model: Path, tmp_path: Path
) -> None:
    video = tmp_path / "session.mp4"
    video.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(100))
    short = write(tmp_path / "short.csv", motion(0, 10))
    nobody = write(tmp_path / "nobody.csv", np.full((60, 20, 3), np.nan))
    status, text, messages = cli(session, video, short, nobody, "--classifier", model, "--fps", 30)
    assert status == 3
    assert "first one: " in text
    assert "session.mp4: the video cannot be opened" in messages
    assert "shorter than a window: 10 frames" in messages
    assert "nobody" in messages


def test_nothing_to_segment_has_status_1(cli: Any, model: Path, tmp_path: Path) -> None:
    video = tmp_path / "session.mp4"
    video.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(100))
    out = tmp_path / "out.csv"
    status, _, messages = cli(video, "--classifier", model, "--out", out)
    assert status == 1
    assert "the video cannot be opened" in messages
    assert not out.exists()


def test_wrong_names_of_files_are_said_before_anything_is_read(cli: Any, model: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    status, _, messages = cli(missing, "--classifier", model, "--out", tmp_path / "out.docx")
    assert (status, ".srt" in messages, ".png" in messages) == (1, True, True)
    status, _, messages = cli(missing, "--classifier", model, "--out", tmp_path / "folder")
    assert (status, "--out-format" in messages) == (1, True)


def test_what_is_no_classifier_is_named(cli: Any, session: Path, model: Path, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"\0\0\0\x20ftypisom" + bytes(50))
    for recording, classifier, said in (
        (
            session,
            video,
            f"this is a video, and no classifier; expected skeletonmae segment {video} --classifier CLASSIFIER",
        ),
        (model, session, f"were exchanged; expected skeletonmae segment {session} --classifier {model}"),
        (session, "small", "this is an encoder, which knows no classes"),
        (session, tmp_path / "absent.safetensors", "there is no such classifier"),
    ):
        status, _, messages = cli(recording, "--classifier", classifier)
        assert (status, said in messages) == (1, True), messages


def test_subtitles_of_several_recordings_go_to_a_folder(
    cli: Any, session: Path, model: Path, tmp_path: Path
) -> None:
    write(session.with_name("second.csv"), uncut([1])[0])
    words = (session.parent, "--classifier", model, "--fps", 30, "--unknown", "off")
    status, _, messages = cli(*words, "--out", tmp_path / "all.srt")
    assert status == 1
    assert "one recording" in messages
    status, text, _ = cli(*words, "--out", tmp_path / "all", "--out-format", "srt")
    assert status == 0
    assert sorted(file.name for file in (tmp_path / "all").iterdir()) == ["first one.srt", "second.srt"]
    assert text == f"4 segments: 2 files in {tmp_path / 'all'}\n"


def test_an_unknown_frame_rate_is_warned_of(cli: Any, session: Path, model: Path, tmp_path: Path) -> None:
    status, text, messages = cli(session, "--classifier", model, "--unknown", "off")
    assert status == 3
    assert ": frames " in text
    assert "--fps" in messages
    status, _, messages = cli(session, "--classifier", model, "--out", tmp_path / "a.srt")
    assert (status, "frame rate" in messages) == (1, True)


def test_recordings_of_pku_mmd_are_uncut(cli: Any, tmp_path: Path) -> None:
    """The long text files of PKU-MMD go through the same command; the person who is not there is all zeros."""
    from skeletonmae.inference import FitConfig, fit_classifier
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import NTU25

    def widened(positions: np.ndarray) -> np.ndarray:
        return np.concatenate([positions, positions[:, :5] + 0.05], axis=1) + np.array([0, 0, 3.0])

    clips = [
        SkeletonSequence.from_positions(
            widened(clip(number % 3, number).positions[0]),
            NTU25,
            name=str(number),
            fps=30.0,
            label=CLASSES[number % 3],
        )
        for number in range(24)
    ]
    classifier, _ = fit_classifier(clips, FitConfig(encoder="none", folds=2, inner_folds=2), measure=False)
    classifier.save(tmp_path / "classifier.safetensors")
    positions = widened(uncut([0, 1, 2])[0]).reshape(-1, 75)
    rows = np.concatenate([positions, np.zeros_like(positions)], axis=1)
    file = tmp_path / "0002-L.txt"
    np.savetxt(file, rows, fmt="%.5f")
    status, text, _ = cli(file, "--classifier", tmp_path / "classifier.safetensors", "--unknown", "off", "--json")
    assert status == 0
    assert [segment["label"] for segment in json.loads(text)] == ["left", "right", "up"]
    assert json.loads(text)[0]["start_s"] == pytest.approx(1.5, abs=0.3)
