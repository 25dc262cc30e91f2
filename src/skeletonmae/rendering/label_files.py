"""Read the labels of a recording from the files that `predict`, `segment` and `live` write."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from skeletonmae.errors import InputError
from skeletonmae.files import name_full_disk
from skeletonmae.rendering.labels import UNKNOWN, Label

SUFFIXES = (".csv", ".jsonl")
Row = Mapping[str, Any]


def is_label_file(path: Path) -> bool:
    """Whether a name is that of a file of answers, not of a classifier."""
    return path.suffix.lower() in SUFFIXES


def read_labels(path: Path, recording: str, num_frames: int, fps: float | None) -> list[Label]:
    """Read the labels of one recording.

    Args:
        path: What `predict --out` (.csv, .jsonl), `segment --out` (.csv) or `live --record` (.jsonl) wrote.
        recording: Name of the recording; a file about a single recording may have another name for it.
        num_frames: Number of frames of the recording.
        fps: Its frames per second, for times in seconds.

    Raises:
        InputError: The file is none of these, is damaged, or says nothing about the recording.
    """
    rows = list(_numbered_rows(path))
    names = list(dict.fromkeys(str(row.get("recording") or "") for _, row in rows))
    if len(names) > 1 and recording not in names:
        got = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InputError(
            f"there is no answer for the recording {recording!r}", where=path, got=f"answers for {got}"
        )
    wanted = recording if recording in names else (names[0] if names else "")
    labels = [
        label
        for number, row in rows
        if str(row.get("recording") or "") == wanted
        and (label := _label(row, f"{path}, line {number}", num_frames, fps))
    ]
    if not labels:
        expected = "answers; without --classifier, the skeletons alone are drawn"
        raise InputError("there is no answer in the file", where=path, expected=expected)
    return labels


def other_recording(path: Path, recording: str) -> str | None:
    """Return the recording that a file of answers is about, if it is another one.

    Args:
        path: The file.
        recording: Name of the recording that is drawn.

    Returns:
        The name in the file; None if it is the same, but for folders, or if there is none.
    """
    names = [name for _, row in _numbered_rows(path) if (name := str(row.get("recording") or ""))]
    is_own = any(name == recording or Path(name).name == Path(recording).name for name in names)
    return None if is_own or not names else names[0]


def _numbered_rows(path: Path) -> Iterator[tuple[int, Row]]:
    with name_full_disk(path), path.open(encoding="utf-8", newline="") as file:
        try:
            if path.suffix.lower() == ".csv":
                reader = csv.DictReader(file)
                columns = reader.fieldnames or ()
                if "label" not in columns:
                    expected = "what `predict` or `segment` wrote, with a column `label`"
                    got = f"the columns {', '.join(columns[:8])}"
                    raise InputError("not a file of answers", where=path, expected=expected, got=got)
                for row in reader:
                    yield reader.line_num, row
            else:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield number, _object(line, f"{path}, line {number}")
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError("not a text file of answers", where=path, got=error) from error


def _object(line: str, where: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("not JSON", where=where, got=error) from error
    if not isinstance(value, dict):
        raise InputError("not an answer", where=where, expected="a JSON object")
    return value


def _label(row: Row, where: str, num_frames: int, fps: float | None) -> Label | None:
    """The label of a line; None if it says why there is none."""
    if row.get("error"):
        return None
    text, probability = row.get("label"), row.get("probability", row.get("score"))
    if classes := row.get("classes"):
        try:
            text, probability = classes[0]
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise InputError("`classes` is not a list of pairs", where=where, got=classes) from error
    if str(row.get("unknown")).lower() == "true":
        text = UNKNOWN
    if not isinstance(text, str) or not text:
        raise InputError("there is no label", where=where)
    start, end = _frame(row, "start", where, fps), _frame(row, "end", where, fps)
    person = _number(row.get("person"), "person", where)
    share = None if text == UNKNOWN else _number(probability, "probability", where)
    return Label(
        None if person is None else int(person),
        0.0 if start is None else start,
        float(num_frames) if end is None else end,
        text,
        None if share is None else min(max(share, 0.0), 1.0),
    )


def _frame(row: Row, name: str, where: str, fps: float | None) -> float | None:
    frame = _number(row.get(name), name, where)
    if frame is not None:
        return frame
    seconds = _number(row.get(f"{name}_s"), f"{name}_s", where)
    if seconds is None:
        return None
    if fps is None:
        problem = "the answer has a time, but the frame rate of the recording is not known"
        raise InputError(problem, where=where, expected="--fps")
    return seconds * fps


def _number(value: object, name: str, where: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not a number", where=where, got=value) from error
    if not abs(number) < 1e12:
        raise InputError(f"{name} is not a finite number", where=where, got=value)
    return number
