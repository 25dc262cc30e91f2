"""The command that fits a classifier to labeled recordings. Slow imports are inside the functions."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skeletonmae.cli.console import INCOMPLETE, OK, print_output, print_output_json, print_status, progress_bars
from skeletonmae.cli.help_text import SourcePath
from skeletonmae.cli.input_options import (
    DEFAULT_FLAGS,
    OfVideos,
    Up,
    print_ignored,
    print_notes,
    read_options,
    resolve_dataset,
    video_options,
)
from skeletonmae.cli.output_paths import check_outputs
from skeletonmae.cli.recording_summary import ObservedLayouts
from skeletonmae.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from skeletonmae.datasets import UnreadFile
    from skeletonmae.formats import ReadOptions
    from skeletonmae.inference import FitReport, LeftOut
    from skeletonmae.sequences import SkeletonSequence

MAX_SHOWN = 5
"""Recordings that were left out that are printed, if there is a page that lists all."""


def fit(
    source: SourcePath,
    out: Path = Path("classifier.safetensors"),
    encoder: str = "",
    features: Literal["best", "encoder"] = "best",
    finetune: bool = False,
    finetune_minutes: float = 60.0,
    group: str | None = None,
    report: Path | None = None,
    dataset: str = "auto",
    format: str | None = None,
    layout: str | None = None,
    unit: str | None = None,
    up: Up | None = None,
    fps: float | None = None,
    axes: Literal[2, 3] | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    video: OfVideos = DEFAULT_FLAGS,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Fit a classifier to labeled recordings, and say how well it will recognize new ones.

    SOURCE is a folder, zip archive, table or store of labeled recordings or videos: with a sub-folder for each
    class, or a `labels.csv` (recording,label,subject) beside the files. Of videos, the poses are estimated; this
    needs the extra `video`. The classifier is fitted to all of them, on the features of a frozen encoder, also
    with the coordinates, or on these alone if surely better. The accuracy is measured on recordings, and on
    persons if they are known, that the classifier has not seen. Writes the classifier for `predict`, and a page
    with what is confused and what to record next.

    For example::

        skeletonmae fit recordings/
        skeletonmae fit clips/                          # videos
        skeletonmae predict classifier.safetensors new/*.csv

    Args:
        source: Folder, zip archive, table or store of recordings, or folder of videos.
        out: Classifier to write; an existing one is replaced.
        encoder: Name of a shipped encoder (`skeletonmae info` lists them), or a checkpoint or the folder of a run;
            `none` classifies the coordinates alone. By default the shipped one.
        features: What to classify: the best of the encoder's features, coordinates and both, or always the
            encoder's, which is better for `segment`.
        finetune: Fine-tune the encoder too, and keep the result if it is surely better. Worth it from some
            hundreds of clips; it takes minutes to hours, and says how long before it begins.
        finetune_minutes: If cross-validation of the fine-tuning would take longer, its accuracy is measured on one
            held-out part of the clips instead.
        group: Tag that says who was recorded, whose recordings are kept together. By default `subject` or similar.
        report: Page to write. By default beside the classifier, with the suffix .html.
        dataset: Name of the dataset. By default it is detected from the files.
        format: Format of all input files. By default it is detected from their content.
        layout: Joint layout of files that name their joints: a built-in layout or a YAML file.
        unit: Unit of the coordinates in the files, in place of what they state: m, cm or mm (converted to
            meters), px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the files: y, z, or -y if y points down. The recordings are turned so that y is
            up; left stays left.
        fps: Frames per second. Overrides the files' own.
        axes: Axes of the poses of videos: 2 (pixels of the image) or 3 (meters). By default those of the encoder.
        ntu_cleanup: Clean-up of NTU RGB+D, as given to `prepare`: that of published results, or none, which keeps
            every recorded body.
        video: Options for videos.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print the result as JSON.
    """
    from skeletonmae.inference import FitConfig, fit_classifier
    from skeletonmae.inference.fine_tuning import FineTuningConfig
    from skeletonmae.inference.fit import DEFAULT_ENCODER
    from skeletonmae.inference.fit_data import load_for_fit
    from skeletonmae.inference.fit_text import describe_accuracy
    from skeletonmae.plotting.fit_page import make_fit_page
    from skeletonmae.training import choose_device

    page_path: Path | None = report or out.with_suffix(".html")
    if out.suffix.lower() in (".html", ".htm"):
        expected = "a name like classifier.safetensors; --report names the page"
        raise InputError("--out names a web page", where=out, expected=expected)
    check_outputs((out, page_path), (source, encoder or None))
    if not finetune_minutes > 0:
        raise InputError("--finetune-minutes must be greater than 0", got=finetune_minutes)
    config = FitConfig(
        encoder=encoder or DEFAULT_ENCODER,
        features=features,
        finetune=finetune,
        fine_tuning=FineTuningConfig(max_minutes=finetune_minutes),
        group=group,
    )
    config.check()
    used_device = str(choose_device(device))
    checkpoint = load_for_fit(config.encoder, used_device)
    encoder_axes: Literal[2, 3] = checkpoint.header.axes if checkpoint else 2
    of_videos = video_options(video, axes or encoder_axes, out)
    options = read_options(layout, unit, fps, ntu_cleanup, format=format, up=up, video=of_videos)
    problems: list[LeftOut] = []
    ignored: list[UnreadFile] = []
    layouts, recordings = ObservedLayouts(), list(_read(source, dataset, options, problems, ignored.append))
    if not recordings:
        num_files = len({problem.recording for problem in problems})
        number = f", of {num_files} files; the first error" if num_files > 1 else ""
        reason = problems[0] if problems else "there is none"
        raise InputError(f"no recording could be read{number}: {reason}", where=source)
    for recording in recordings:
        layouts.add(recording)
    layouts.print()
    print_notes([(recording.name, note) for recording in recordings for note in recording.notes])
    print_ignored(ignored)
    with progress_bars() as on_progress:
        try:
            classifier, result = fit_classifier(
                recordings,
                config,
                device=used_device,
                checkpoint=checkpoint,
                on_progress=on_progress,
                on_message=print_status,
            )
        except InputError as error:
            if not problems or len({one.label for one in recordings if one.label}) > 1:
                raise
            number = "1 file was" if len(problems) == 1 else f"{len(problems)} files were"
            raise InputError(f"{error}; {number} left out, such as {problems[0]}") from error
    result = replace(result, left_out=(*problems, *result.left_out))
    classifier.save(out)
    try:
        make_fit_page(result, source.resolve().name).write(page_path or out)
    except MissingExtraError as error:
        page_path = None
        print_status(f"no page: {error}")
    if json:
        print_output_json(json_module.dumps(_as_json(result, out, page_path)))
    else:
        print_output(describe_accuracy(result))
        _print_details(result)
        print_output("")
        print_output(f"classifier: {out}")
        if page_path:
            print_output(f"report: {page_path}")
    if result.license:
        print_status(f"terms of {result.encoder}, which hold for the classifier too: {result.license}")
    num_shown = MAX_SHOWN if page_path else len(result.left_out)
    for one in result.left_out[:num_shown]:
        print_status(f"left out: {one}")
    if len(result.left_out) > num_shown:
        print_status(f"left out: {len(result.left_out) - num_shown} more; see {page_path}")
    return INCOMPLETE if result.left_out else OK


def _read(
    source: Path,
    dataset: str,
    options: ReadOptions,
    problems: list[LeftOut],
    on_ignored: Callable[[UnreadFile], None],
) -> Iterator[SkeletonSequence]:
    """Yield the recordings of a store, or of a folder or file as `prepare` reads it; note what cannot be read."""
    from skeletonmae.datasets import read_all, unread_files
    from skeletonmae.inference import LeftOut
    from skeletonmae.sequences import SequenceStore
    from skeletonmae.sequences.manifest import MANIFEST

    if (source / MANIFEST).is_file():
        store = SequenceStore.open(source)
        store.verify()
        yield from store
        return
    chosen = resolve_dataset(source, dataset, options.format)
    for recording in read_all(chosen, source, options):
        if isinstance(recording, InputError):
            where = str(recording.where or source)
            problems.append(LeftOut(where, None, str(recording).removeprefix(f"{where}: ")))
        else:
            yield recording
    for file in unread_files(chosen, source):
        if file.may_hold_recordings:
            problems.append(LeftOut(str(file.path), None, file.reason))
        else:
            on_ignored(file)


def _print_details(report: FitReport) -> None:
    from skeletonmae.inference.fit_text import describe_choice, describe_next_recordings, describe_warnings

    print_output(describe_choice(report))
    sections = (
        ("Warnings", list(describe_warnings(report))),
        ("Record next", list(describe_next_recordings(report))),
        ("Notes", list(report.notes)),
    )
    for title, sentences in sections:
        if sentences:
            print_output(f"\n{title}:")
            for sentence in sentences:
                print_output(f"  - {sentence}")


def _as_json(report: FitReport, out: Path, page: Path | None) -> dict[str, Any]:
    from skeletonmae.inference.fit_text import describe_accuracy, describe_next_recordings, describe_warnings

    return {
        "summary": describe_accuracy(report),
        "classifier": str(out),
        "report": str(page) if page else None,
        "accuracy": report.accuracy,
        "interval": list(report.interval),
        "accuracies": report.accuracies,
        "calibration_error": report.calibration_error if report.tested else None,
        "head": str(report.chosen.candidate),
        "fine_tuning": report.fine_tuning._asdict() if report.fine_tuning else None,
        "encoder": report.encoder or None,
        "license": report.license or None,
        "recordings": len(report.recordings),
        "kept_together": report.grouping.tag,
        "classes": [
            {
                "name": row.name,
                "clips": row.num_clips,
                "recognized": row.accuracy if row.num_tested else None,
                "confused_with": row.confused_with or None,
            }
            for row in report.per_class
        ],
        "warnings": list(describe_warnings(report)),
        "record_next": list(describe_next_recordings(report)),
        "notes": list(report.notes),
        "left_out": [one._asdict() for one in report.left_out],
    }
