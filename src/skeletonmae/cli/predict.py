"""The command that predicts the actions of recordings. Slow imports are inside the function."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from skeletonmae.cli.classifier_argument import check_classifier
from skeletonmae.cli.console import INCOMPLETE, OK, USER_ERROR, print_output, print_output_json, print_status
from skeletonmae.cli.help_text import CheckpointPath
from skeletonmae.cli.input_options import (
    DEFAULT_FLAGS,
    OfVideos,
    Up,
    check_estimator,
    print_ignored,
    print_notes,
    read_options,
    video_options,
)
from skeletonmae.cli.output_paths import check_outputs
from skeletonmae.cli.recording_summary import ObservedLayouts
from skeletonmae.config import Precision
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.datasets import UnreadFile
    from skeletonmae.datasets.load_recordings import Problem
    from skeletonmae.predictions.prediction import Prediction
    from skeletonmae.sequences import SkeletonSequence


def predict(
    classifier: CheckpointPath,
    recordings: Positional[tuple[Path, ...]],
    top: int = 3,
    per_person: bool = False,
    unknown: Literal["on", "off"] = "on",
    windows: Literal["auto", "off"] = "auto",
    out: Path | None = None,
    format: str | None = None,
    layout: str | None = None,
    unit: str | None = None,
    up: Up | None = None,
    fps: float | None = None,
    axes: Literal[2, 3] | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    video: OfVideos = DEFAULT_FLAGS,
    precision: Precision = "float32",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Predict the actions of recordings and videos.

    Reads files of any known format, videos, folders and zip archives of them, and stores. Of videos, the poses are
    estimated; this needs the extra `video`. Recordings that cannot be read, that do not fit the model, or in which
    no joint that the model knows was observed, are listed with the reason, and the exit status is 3; it is 1 if no
    recording could be classified. A model of 2D recordings takes x and y of 3D recordings; a model of 3D
    recordings reads none in 2D.

    A classifier of `fit` gives calibrated probabilities, and calls a recording unknown that resembles nothing it
    was fitted to. Recordings that are much longer than the training clips are cut in windows; `segment` finds the
    actions in them. Warnings say what is unusual, such as a body that is upside down or coordinates in another
    unit; with any, the exit status is 3.

    For example::

        skeletonmae predict classifier.safetensors new/*.csv
        skeletonmae predict classifier.safetensors clip.mp4 --per-person
        skeletonmae predict classifier.safetensors new/ --per-person --out predictions.csv
        skeletonmae predict runs/mine/finetune-1-seed0.safetensors new/ --json

    Args:
        classifier: Classifier that `fit` wrote, or fine-tuned classifier that `evaluate` wrote.
        recordings: Files of recordings, videos, folders or stores.
        top: Number of classes for each recording.
        per_person: Classify every person on its own instead of the recording as a whole.
        unknown: Whether to say which recordings are unknown; only with a classifier of `fit`.
        windows: Whether to cut recordings that are much longer than the training clips; only with a classifier of
            `fit`.
        out: File to write in addition: .jsonl, .csv or .txt; an existing one is replaced.
        format: Format of all input files. By default it is detected from their content.
        layout: Joint layout of files that name their joints, as for `prepare`. By default the joints of the model.
        unit: Unit of the coordinates in the files, in place of what they state: m, cm or mm (converted to
            meters), px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the files: y, z, or -y if y points down. The recordings are turned so that y is
            up; left stays left.
        fps: Frames per second, as given to `prepare`. Overrides the files' own.
        axes: Axes of the poses of videos: 2 (pixels of the image) or 3 (meters). By default those of the
            recordings that the classifier was fitted to.
        ntu_cleanup: Clean-up of NTU RGB+D, as given to `prepare`: that of published results, or none, which keeps
            every recorded body.
        video: Options for videos.
        precision: float32, bf16, or auto, which is bf16 where the device has instructions for it. bf16 is faster,
            and probabilities differ slightly; only with a fine-tuned classifier.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print the predictions as JSON.
    """
    from skeletonmae import inference
    from skeletonmae.checkpoint import load_checkpoint
    from skeletonmae.datasets.load_recordings import Problem
    from skeletonmae.inference.classifier_file import is_classifier_file
    from skeletonmae.predictions.prediction import Prediction
    from skeletonmae.predictions.prediction_files import (
        check_suffix,
        describe_place,
        describe_prediction,
        write_predictions,
    )
    from skeletonmae.training import choose_device

    if top < 1:
        raise InputError("--top must be at least 1", got=top)
    if out:
        check_suffix(out)
    check_outputs((out,), (classifier, *recordings))
    options = read_options(
        layout, unit, fps, ntu_cleanup, format=format, up=up, video=video_options(video, axes or 2, out)
    )
    check_classifier(classifier, recordings)
    notes: list[tuple[str, str]] = []
    ignored: list[UnreadFile] = []
    problems: list[Problem] = []
    layouts, num_read = ObservedLayouts(), 0

    def readable() -> Iterator[SkeletonSequence]:
        nonlocal num_read
        for item in inference.iter_recordings(recordings, options, ignored.append):
            if isinstance(item, Problem):
                problems.append(item)
            else:
                num_read += 1
                notes.extend((item.name, note) for note in item.notes)
                layouts.add(item)
                yield item

    predictions: list[Prediction]
    if is_classifier_file(classifier):
        fitted = inference.RecordingClassifier.load(classifier, str(choose_device(device)))
        options = replace(options, layout=options.layout or fitted.file_layout)
        options = replace(options, video=replace(options.video, axes=axes or fitted.axes))
        check_estimator(options.video)
        if precision != "float32":
            print_status("note: --precision has no effect: a classifier of `fit` computes in float32")
        predictions = fitted.predict(
            readable(), top=top, per_person=per_person, unknown=unknown == "on", windows=windows == "auto"
        )
    else:
        model = load_checkpoint(classifier, choose_device(device))
        _ = model.classifier  # refuses a model without classes before anything is read
        options = replace(options, layout=options.layout or model.header.custom_layout)
        options = replace(options, video=replace(options.video, axes=axes or model.header.axes))
        check_estimator(options.video)
        predictions = inference.predict(model, readable(), top=top, per_person=per_person, precision=precision)
    if not num_read:
        reasons = "\n".join(map(str, problems)) or "no file or folder was named"
        raise InputError(f"no recording could be read: {reasons}")
    unread = [Prediction(problem.recording, None, (), problem.reason) for problem in problems]
    if out:
        write_predictions([*predictions, *unread], out)
    if json:
        print_output_json(json_module.dumps([asdict(prediction) for prediction in [*predictions, *unread]]))
    else:
        for prediction in predictions:
            print_output(describe_prediction(prediction))
    print_ignored(ignored)
    layouts.print()
    print_notes(notes)
    for problem in problems:
        print_status(f"skipped: {problem}")
    num_warnings = 0
    for prediction in predictions:
        for warning in prediction.warnings:
            num_warnings += 1
            print_status(f"warning: {describe_place(prediction)}: {warning}")
    if any(prediction.end is not None for prediction in predictions):
        print_status("note: long recordings were cut in windows; `skeletonmae segment` finds the actions in them")
    if all(prediction.error for prediction in predictions):
        print_status("error: there is no recording that the model could classify")
        return USER_ERROR
    is_incomplete = problems or num_warnings or any(prediction.error for prediction in predictions)
    return INCOMPLETE if is_incomplete else OK
