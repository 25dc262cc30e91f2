from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from skeletonmae.errors import InputError
from skeletonmae.inference.segment import Segment
from skeletonmae.inference.segment_files import SUFFIXES, format_of, write_segments

WAVE = Segment("a", None, 30, 75, 1.0, 2.5, "wave", 0.87654)
LATE = Segment("a", 1, 108_015, 108_045, 3600.5, 3601.5, "sit & <stand>", 0.5)


def written(tmp_path: Path, name: str, *segments: Segment) -> str:
    (file,) = write_segments(tmp_path / name, segments)
    return file.read_text(encoding="utf-8")


def test_csv(tmp_path: Path) -> None:
    text = written(tmp_path, "out.csv", WAVE, Segment("b, c", 0, 0, 4, None, None, "né", 1.0))
    assert text.splitlines() == [
        "recording,person,start,end,start_s,end_s,label,score",
        "a,,30,75,1.000,2.500,wave,0.8765",
        '"b, c",0,0,4,,,né,1.0000',
    ]
    assert [row["label"] for row in csv.DictReader(text.splitlines())] == ["wave", "né"]


def test_activitynet(tmp_path: Path) -> None:
    content = json.loads(written(tmp_path, "out.json", WAVE, LATE))
    assert set(content) == {"version", "results", "external_data"}
    assert content["results"] == {
        "a": [
            {"label": "wave", "score": 0.8765, "segment": [1.0, 2.5]},
            {"label": "sit & <stand>", "score": 0.5, "segment": [3600.5, 3601.5], "person": 1},
        ]
    }


def test_subrip(tmp_path: Path) -> None:
    assert written(tmp_path, "out.srt", LATE, WAVE) == (
        "1\n00:00:01,000 --> 00:00:02,500\nwave (88%)\n"
        "\n"
        "2\n01:00:00,500 --> 01:00:01,500\nperson 1: sit & <stand> (50%)\n"
    )


def test_webvtt(tmp_path: Path) -> None:
    assert written(tmp_path, "out.vtt", WAVE, LATE) == (
        "WEBVTT\n"
        "\n00:00:01.000 --> 00:00:02.500\nwave (88%)\n"
        "\n01:00:00.500 --> 01:00:01.500\nperson 1: sit &amp; &lt;stand&gt; (50%)\n"
    )


def test_elan(tmp_path: Path) -> None:
    assert written(tmp_path, "out.tsv", WAVE, LATE).splitlines() == [
        "Tier\tBegin Time - msec\tEnd Time - msec\tAnnotation",
        "actions\t1000\t2500\twave",
        "person 1\t3600500\t3601500\tsit & <stand>",
    ]


def test_a_label_cannot_end_a_cue_or_a_cell(tmp_path: Path) -> None:
    odd = Segment("a", None, 0, 1, 0.0, 1.0, "a\n\n2\n00:00 --> x\ty", 1.0)
    assert written(tmp_path, "out.srt", odd).splitlines()[2] == "a 2 00:00 -> x y (100%)"
    assert written(tmp_path, "out.tsv", odd).splitlines()[1].split("\t")[3] == "a 2 00:00 -> x y"


def test_a_folder_has_a_file_for_each_recording(tmp_path: Path) -> None:
    names = ["x/y:1", "x/y?1", "..", "né"]
    segments = [Segment(name, None, 0, 30, 0.0, 1.0, "wave", 1.0) for name in names]
    files = write_segments(tmp_path / "Untertitel é", segments, "srt")
    assert [file.name for file in files] == ["x_y_1.srt", "x_y_1 (2).srt", "recording.srt", "né.srt"]
    assert all(file.parent == tmp_path / "Untertitel é" and file.is_file() for file in files)


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".tsv"])
def test_a_file_that_is_shown_beside_a_video_has_one_recording(tmp_path: Path, suffix: str) -> None:
    other = Segment("b", None, 0, 30, 0.0, 1.0, "wave", 1.0)
    with pytest.raises(InputError, match="one recording"):
        write_segments(tmp_path / f"out{suffix}", [WAVE, other])
    assert not (tmp_path / f"out{suffix}").exists()


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".csv"])
def test_without_a_frame_rate_there_are_no_times(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match="frame rate"):
        write_segments(tmp_path / f"out{suffix}", [Segment("a", None, 0, 30, None, None, "wave", 1.0)])


def test_other_suffixes_and_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.csv, \.json"):
        format_of(tmp_path / "out.docx")
    with pytest.raises(InputError, match="unknown format"):
        write_segments(tmp_path / "folder", [WAVE], "docx")
