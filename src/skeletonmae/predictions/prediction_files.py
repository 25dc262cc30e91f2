"""Predictions as text, CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.predictions.prediction import Prediction

SUFFIXES = (".jsonl", ".csv", ".txt")
CSV_COLUMNS = (
    "recording", "person", "start", "end", "start_s", "end_s", "label", "probability", "unknown", "familiarity",
    "others", "warnings", "error",
)  # fmt: skip


def check_suffix(path: Path) -> None:
    """Check that predictions can be written to a file of this name.

    Raises:
        InputError: Its suffix is not known.
    """
    if path.suffix.lower() not in SUFFIXES:
        expected = f"a file that ends in {', '.join(SUFFIXES)}"
        raise InputError("unknown format of predictions", where=path, expected=expected, got=path.suffix or "none")


def write_predictions(predictions: Iterable[Prediction], path: Path) -> None:
    """Write predictions to a file, in the format of its suffix; an existing one is replaced.

    A `.jsonl` has an object per line with all fields of a `Prediction`; a `.csv` a line with the most probable
    class, and the others in one column; a `.txt` what `predict` prints.

    Args:
        predictions: The predictions.
        path: The file.

    Raises:
        InputError: The suffix is another one.
    """
    check_suffix(path)
    writers = {".jsonl": as_json_lines, ".csv": as_csv, ".txt": as_text}
    write_text(path, writers[path.suffix.lower()](predictions))


def as_json_lines(predictions: Iterable[Prediction]) -> str:
    """Return predictions as JSON objects, one a line."""
    return "".join(f"{json.dumps(asdict(prediction))}\n" for prediction in predictions)


def as_csv(predictions: Iterable[Prediction]) -> str:
    """Return predictions as a table; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for one in predictions:
        label, probability = one.classes[0] if one.classes else ("", None)
        writer.writerow(
            [
                one.recording,
                _text(one.person),
                _text(one.start),
                _text(one.end),
                _seconds(one.start, one.fps),
                _seconds(one.end, one.fps),
                label,
                "" if probability is None else f"{probability:.4f}",
                _text(one.unknown).lower(),
                "" if one.familiarity is None else f"{one.familiarity:.4f}",
                "; ".join(f"{name} {share:.4f}" for name, share in one.classes[1:]),
                "; ".join(one.warnings),
                one.error,
            ]
        )
    return text.getvalue()


def as_text(predictions: Iterable[Prediction]) -> str:
    """Return predictions in words, one a line."""
    return "".join(f"{describe_prediction(prediction)}\n" for prediction in predictions)


def describe_prediction(prediction: Prediction) -> str:
    """Say what is predicted, in one line without the warnings."""
    classes = ", ".join(f"{name} {probability:.0%}" for name, probability in prediction.classes)
    if prediction.unknown:  # a probability would read as certainty
        classes = f"unknown (nearest: {', '.join(name for name, _ in prediction.classes)})"
    return f"{describe_place(prediction)}: {prediction.error or classes}"


def describe_place(prediction: Prediction) -> str:
    """Name the recording, the part of it and the person that a prediction is about."""
    name = prediction.recording
    start, end, fps = prediction.start, prediction.end, prediction.fps
    if start is not None and end is not None:
        seconds = f"{start / fps:.1f} to {end / fps:.1f} s" if fps else f"frames {start} to {end - 1}"
        name = f"{name}, {seconds}"
    return name if prediction.person is None else f"{name}, person {prediction.person}"


def _seconds(frame: int | None, fps: float | None) -> str:
    return "" if frame is None or not fps else f"{frame / fps:.3f}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
