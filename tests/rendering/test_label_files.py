"""Answers are read from the files that the other commands write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skeletonmae.errors import InputError
from skeletonmae.inference.segment import Segment
from skeletonmae.inference.segment_files import write_segments
from skeletonmae.predictions.prediction import Prediction
from skeletonmae.predictions.prediction_files import write_predictions
from skeletonmae.rendering.label_files import is_label_file, read_labels
from skeletonmae.rendering.labels import UNKNOWN, Label, labels_at, rows_of, without_overlap

PREDICTIONS = [
    Prediction("a", 0, (("wave", 0.9), ("clap", 0.1)), start=0, end=20, fps=10.0),
    Prediction("a", 1, (("wave", 0.4), ("clap", 0.3)), unknown=True, fps=10.0),
    Prediction("a", 2, (), error="nothing was observed"),
    Prediction("b", None, (("clap", 1.0),)),
]


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_predictions(tmp_path: Path, name: str) -> None:
    write_predictions(PREDICTIONS, tmp_path / name)
    assert read_labels(tmp_path / name, "a", 50, 10.0) == [
        Label(0, 0, 20, "wave", 0.9),
        Label(1, 0, 50, UNKNOWN, None),
    ]
    with pytest.raises(InputError, match="no answer for the recording 'c'; got answers for a, b"):
        read_labels(tmp_path / name, "c", 50, 10.0)


def test_segments_of_one_recording_may_have_another_name(tmp_path: Path) -> None:
    segments = [
        Segment("a", None, 5, 9, 0.5, 0.9, "wave", 0.75),
        Segment("a", None, 12, 20, 1.2, 2.0, UNKNOWN, 0.99),
    ]
    write_segments(tmp_path / "s.csv", segments)
    assert read_labels(tmp_path / "s.csv", "renamed", 50, 10.0) == [
        Label(None, 5, 9, "wave", 0.75),
        Label(None, 12, 20, UNKNOWN, None),
    ]


def test_times_become_frames(tmp_path: Path) -> None:
    line = {"person": 3, "label": "wave", "probability": 0.8, "start_s": 1.0, "end_s": 2.5}
    (tmp_path / "l.jsonl").write_text(json.dumps(line) + "\n\n")
    assert read_labels(tmp_path / "l.jsonl", "x", 100, 20.0) == [Label(3, 20, 50, "wave", 0.8)]
    with pytest.raises(InputError, match=r"line 1: the answer has a time.*expected --fps"):
        read_labels(tmp_path / "l.jsonl", "x", 100, None)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x,y\n1,2\n", "not a file of answers; expected .*got the columns x, y"),
        ("a.csv", "recording,label\n", "there is no answer in the file"),
        ("a.csv", "label,probability\nwave,much\n", "line 2: probability is not a number; got much"),
        ("a.jsonl", "{\n", "line 1: not JSON"),
        ("a.jsonl", "[1]\n", "line 1: not an answer; expected a JSON object"),
        ("a.jsonl", '{"classes": [3]}\n', "line 1: `classes` is not a list of pairs"),
        ("a.jsonl", '{"label": "a", "start": 1e99}\n', "line 1: start is not a finite number"),
        ("a.jsonl", '{"label": 5}\n', "line 1: there is no label"),
    ],
)
def test_damaged_files_are_described(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_labels(tmp_path / name, "a", 10, 10.0)


def test_binary_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="not a text file of answers"):
        read_labels(tmp_path / "a.jsonl", "a", 10, 10.0)
    assert not is_label_file(Path("classifier.safetensors"))


def test_of_two_labels_the_later_one_counts() -> None:
    labels = [Label(0, 0, 10, "a", 1), Label(0, 5, 15, "b", 1), Label(None, 3, 4, "c", 1)]
    assert labels_at(labels, 7)[0].text == "b"
    assert labels_at(labels, 2)[0].text == "a"
    assert labels_at(labels, 3)[None].text == "c"
    assert labels_at(labels, 15) == {}
    assert rows_of(labels) == [None, 0]
    assert without_overlap(labels)[1:] == [Label(0, 0, 5, "a", 1), Label(0, 5, 15, "b", 1)]
