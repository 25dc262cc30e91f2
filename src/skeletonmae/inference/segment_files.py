"""Files of segments: CSV, ActivityNet JSON, SubRip, WebVTT and tab-delimited text for ELAN."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.inference.segment import Segment

COLUMNS = ("recording", "person", "start", "end", "start_s", "end_s", "label", "score")
"""Of a CSV file."""
SUFFIXES = {".csv": "csv", ".json": "activitynet", ".srt": "srt", ".vtt": "vtt", ".tsv": "elan"}
"""Suffix of a file -> its format."""
ONE_RECORDING = ("srt", "vtt", "elan")
"""Formats of which a file holds one recording, because it is shown beside a video of it."""
SCORE_DIGITS, TIME_DIGITS = 4, 3
UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


def write_segments(path: Path, segments: Sequence[Segment], format: str | None = None) -> list[Path]:
    """Write segments to a file, or to a folder with a file for each recording; existing files are replaced.

    Args:
        path: File with a suffix of `SUFFIXES`, or a folder.
        segments: The segments.
        format: One of the values of `SUFFIXES`, which a folder needs; by default that of the suffix.

    Returns:
        The files.

    Raises:
        InputError: An unknown format, a file of several recordings in a format for one, or segments without times
            in a format that has no frames.
    """
    format = format or format_of(path)
    if format not in SUFFIXES.values():
        raise InputError("unknown format", expected=", ".join(SUFFIXES.values()), got=format)
    if format != "csv":
        check_times(segments, format)
    names = list(dict.fromkeys(segment.recording for segment in segments))
    if path.suffix.lower() in SUFFIXES:
        if format in ONE_RECORDING and len(names) > 1:
            problem = f"a file in the format {format} shows one recording"
            expected = f"a folder and --format {format}, which gives each recording a file"
            raise InputError(problem, where=path, expected=expected, got=f"{len(names)} recordings")
        write_text(path, WRITERS[format](segments))
        return [path]
    suffix = next(suffix for suffix, name in SUFFIXES.items() if name == format)
    path.mkdir(parents=True, exist_ok=True)
    files = _file_names(names, suffix)
    for name, file in files.items():
        write_text(path / file, WRITERS[format]([segment for segment in segments if segment.recording == name]))
    return [path / file for file in files.values()]


def format_of(path: Path) -> str:
    """Return the format of a file by its suffix.

    Raises:
        InputError: It has another suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        expected = f"a file that ends in {', '.join(SUFFIXES)}, or a folder and a format"
        raise InputError(
            "the suffix names no format for segments", where=path, expected=expected, got=suffix or "none"
        )
    return SUFFIXES[suffix]


def check_times(segments: Sequence[Segment], format: str) -> None:
    """Check that the times of segments are known.

    Raises:
        InputError: The frame rate of a recording is not known.
    """
    for segment in segments:
        if segment.start_s is None:
            problem = f"the frame rate is not known, and {format} has times only"
            raise InputError(problem, where=segment.recording, expected="a frame rate (--fps), or the format csv")


def as_csv(segments: Sequence[Segment]) -> str:
    """Return a line for each segment; frames count from 0, and `end` is the frame after the last one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for segment in segments:
        row = asdict(segment)
        for name, digits in (("start_s", TIME_DIGITS), ("end_s", TIME_DIGITS), ("score", SCORE_DIGITS)):
            row[name] = "" if row[name] is None else f"{row[name]:.{digits}f}"
        writer.writerow(["" if row[name] is None else row[name] for name in COLUMNS])
    return text.getvalue()


def as_activitynet(segments: Sequence[Segment]) -> str:
    """Return a submission to the detection task of ActivityNet; `person` is an addition to its format."""
    results: dict[str, list[dict[str, object]]] = {}
    for segment in segments:
        times = [round(_seconds(time), TIME_DIGITS) for time in (segment.start_s, segment.end_s)]
        entry = {"label": segment.label, "score": round(segment.score, SCORE_DIGITS), "segment": times}
        person = {} if segment.person is None else {"person": segment.person}
        results.setdefault(segment.recording, []).append(entry | person)
    return json.dumps({"version": "VERSION 1.3", "results": results, "external_data": {}}, indent=1) + "\n"


def as_srt(segments: Sequence[Segment]) -> str:
    """Return subtitles in SubRip."""
    cues = [
        f"{number}\n{_clock(segment.start_s, ',')} --> {_clock(segment.end_s, ',')}\n{_caption(segment)}\n"
        for number, segment in enumerate(_by_time(segments), start=1)
    ]
    return "\n".join(cues)


def as_vtt(segments: Sequence[Segment]) -> str:
    """Return subtitles in WebVTT."""
    cues = [
        f"\n{_clock(segment.start_s, '.')} --> {_clock(segment.end_s, '.')}\n{_escaped(_caption(segment))}\n"
        for segment in _by_time(segments)
    ]
    return "WEBVTT\n" + "".join(cues)


def as_elan(segments: Sequence[Segment]) -> str:
    """Return tab-delimited text for ELAN (File, Import, CSV / Tab-delimited Text): one tier for each person."""
    lines = ["Tier\tBegin Time - msec\tEnd Time - msec\tAnnotation"]
    for segment in segments:
        tier = "actions" if segment.person is None else f"person {segment.person}"
        begin, end = (round(_seconds(time) * 1000) for time in (segment.start_s, segment.end_s))
        lines.append(f"{tier}\t{begin}\t{end}\t{_one_line(segment.label)}")
    return "\n".join(lines) + "\n"


WRITERS: dict[str, Callable[[Sequence[Segment]], str]] = {
    "csv": as_csv,
    "activitynet": as_activitynet,
    "srt": as_srt,
    "vtt": as_vtt,
    "elan": as_elan,
}
"""Format -> the content of a file."""


def _file_names(names: Sequence[str], suffix: str) -> dict[str, str]:
    """A file name for each recording, without characters that a system refuses, and each name once."""
    files: dict[str, str] = {}
    for name in names:
        base = UNSAFE.sub("_", name).strip(" .") or "recording"
        number, file = 1, f"{base}{suffix}"
        while file.lower() in {taken.lower() for taken in files.values()}:
            number += 1
            file = f"{base} ({number}){suffix}"
        files[name] = file
    return files


def _by_time(segments: Sequence[Segment]) -> list[Segment]:
    return sorted(segments, key=lambda segment: (segment.start, segment.end))


def _caption(segment: Segment) -> str:
    person = "" if segment.person is None else f"person {segment.person}: "
    return f"{person}{_one_line(segment.label)} ({segment.score:.0%})"


def _one_line(text: str) -> str:
    """A label without line breaks and tabs, which would end a cue or a cell."""
    return " ".join(text.split()).replace("-->", "->")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _seconds(time: float | None) -> float:
    assert time is not None  # checked by `check_times`
    return time


def _clock(time: float | None, decimal: str) -> str:
    """A time as hours:minutes:seconds with milliseconds."""
    milliseconds = round(_seconds(time) * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{decimal}{milliseconds % 1000:03d}"
