"""The command that finds the actions in uncut recordings."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from skeletonmae.cli.classifier_argument import check_classifier
from skeletonmae.cli.console import INCOMPLETE, OK, USER_ERROR, print_output, print_output_json, print_status
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
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.datasets import UnreadFile
    from skeletonmae.inference.segment import Segment, SegmentedRecording

RecordingPaths = Annotated[Positional[tuple[Path, ...]], arg(metavar="RECORDINGS")]
PICTURES = (".png", ".svg", ".pdf")
OutFormat = Literal["csv", "activitynet", "srt", "vtt", "elan"]


def segment(
    recordings: RecordingPaths,
    classifier: Path,
    out: tuple[Path, ...] = (),
    out_format: OutFormat | None = None,
    per_person: bool = False,
    unknown: Literal["on", "off"] = "on",
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
    """Find the actions in uncut recordings and videos: which, from when to when.

    Windows of a recording are classified as clips, and a hidden Markov model with the durations of the training
    clips makes segments of the answers. Frames in which hardly anything moves belong to none. Recordings that
    cannot be read, that do not fit the classifier or that are unusual are listed with the reason, and the exit
    status is 3; it is 1 if no recording could be segmented.

    For example::

        skeletonmae segment session.csv --classifier classifier.safetensors
        skeletonmae segment session.mp4 --classifier classifier.safetensors --per-person
        skeletonmae segment sessions/ --classifier classifier.safetensors --out segments.csv timeline.png
        skeletonmae segment sessions/ --classifier classifier.safetensors --out subtitles/ --out-format srt

    Args:
        recordings: Files of recordings, videos, folders or stores.
        classifier: File that `fit` wrote.
        out: Files to write; existing ones are replaced. The suffix says the format: .csv, .json (ActivityNet),
            .srt, .vtt (subtitles), .tsv (tab-delimited, for ELAN), or .png, .svg or .pdf for a picture of the time
            line. A name without a suffix is a folder with a file for each recording, in --out-format. By default
            the segments are printed.
        out_format: Format of the files in a folder.
        per_person: Segment every person alone instead of the recording as a whole.
        unknown: Whether to label segments `unknown` that resemble nothing that the classifier was fitted to.
        format: Format of all input files. By default it is detected from their content.
        layout: Joint layout of files that name their joints, as for `prepare`.
        unit: Unit of the coordinates in the files, in place of what they state: m, cm or mm (converted to
            meters), px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the files: y, z, or -y if y points down. The recordings are turned so that y is
            up; left stays left.
        fps: Frames per second. Overrides the files' own.
        axes: Axes of the poses of videos: 2 (pixels of the image) or 3 (meters). By default those of the
            recordings that the classifier was fitted to.
        ntu_cleanup: Clean-up of NTU RGB+D, as given to `prepare`: that of published results, or none, which keeps
            every recorded body.
        video: Options for videos.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print the segments as JSON.
    """
    from skeletonmae.datasets.load_recordings import Problem, iter_recordings
    from skeletonmae.inference import RecordingClassifier
    from skeletonmae.inference.segment import segment_recording
    from skeletonmae.training import choose_device

    check_classifier(classifier, recordings, is_option=True)
    _check_out(out, out_format)
    check_outputs(out, (classifier, *recordings))
    of_videos = video_options(video, axes or 2, out[0] if out else None)
    options = read_options(layout, unit, fps, ntu_cleanup, format=format, up=up, video=of_videos)
    model = RecordingClassifier.load(classifier, str(choose_device(device)))
    options = replace(options, layout=options.layout or model.file_layout)
    options = replace(options, video=replace(of_videos, axes=axes or model.axes))
    check_estimator(options.video)
    if model.license:
        print_status(f"terms of {classifier}: {model.license}")
    if model.featurizer.kind == "coordinates":
        print_status(
            "note: this classifier compares coordinates, and so depends on where in a window an action begins;"
            " `fit --features encoder` makes one that finds more in uncut recordings"
        )
    ignored: list[UnreadFile] = []
    problems: list[str] = []
    notes: list[tuple[str, str]] = []
    segmented: list[SegmentedRecording] = []
    for item in iter_recordings(recordings, options, ignored.append):
        if isinstance(item, Problem):
            problems.append(str(item))
            continue
        notes += [(item.name, note) for note in item.notes]
        found = segment_recording(model, item, per_person=per_person, unknown=unknown == "on")
        if found.error:
            problems.append(f"{found.name}: {found.error}")
            continue
        segmented.append(found)
        _check_possible(segmented, out, out_format)
        if not out and not json:
            _print_segments(found)
    segments = [segment for one in segmented for segment in one.segments]
    if json:
        print_output_json(json_module.dumps([asdict(segment) for segment in segments]))
    if segmented:
        for path in out:
            _write(path, segmented, segments, out_format)
    print_ignored(ignored)
    print_notes(notes)
    _print_unknown(segments)
    for one in segmented:
        for warning in one.warnings:
            print_status(f"warning: {one.name}: {warning}")
    for problem in problems:
        print_status(f"skipped: {problem}")
    if not segmented:
        print_status("error: there is no recording that the classifier could segment")
        return USER_ERROR
    return INCOMPLETE if problems or any(one.warnings for one in segmented) else OK


def _check_out(out: Sequence[Path], out_format: str | None) -> None:
    """Check the names of files before anything is computed.

    Raises:
        InputError: A suffix that is no format, or a folder without a format.
    """
    from skeletonmae.inference.segment_files import SUFFIXES

    for path in out:
        is_folder = not path.suffix or path.is_dir()
        if path.suffix.lower() in PICTURES or (is_folder and out_format):
            continue
        if is_folder:
            expected = "--out-format csv, activitynet, srt, vtt or elan, or a file with a suffix"
            raise InputError("--out names a folder, whose files have no format", where=path, expected=expected)
        if path.suffix.lower() not in SUFFIXES:
            expected = f"a file that ends in {', '.join([*SUFFIXES, *PICTURES])}, or a folder and --out-format"
            raise InputError("the suffix names no format", where=path, expected=expected, got=path.suffix)


def _check_possible(segmented: Sequence[SegmentedRecording], out: Sequence[Path], out_format: str | None) -> None:
    """Check as soon as it is known that the segments so far can be written.

    Raises:
        InputError: A file would have several recordings, or times that are not known.
    """
    from skeletonmae.inference.segment_files import ONE_RECORDING, check_times, format_of

    for path in out:
        if path.suffix.lower() in PICTURES:
            continue
        is_folder = not path.suffix or path.is_dir()
        name = out_format if is_folder and out_format else format_of(path)
        if name != "csv":
            check_times(segmented[-1].segments, name)
        if name in ONE_RECORDING and not is_folder and len(segmented) > 1:
            problem = f"a file in the format {name} shows one recording, but there are more"
            expected = f"a folder and --out-format {name}, which gives each recording a file"
            raise InputError(problem, where=path, expected=expected)


def _write(
    path: Path, segmented: Sequence[SegmentedRecording], segments: Sequence[Segment], out_format: str | None
) -> None:
    from skeletonmae.inference.segment_files import write_segments

    if path.suffix.lower() in PICTURES:
        from skeletonmae.plotting import save_figure
        from skeletonmae.plotting.time_line import plot_time_line

        save_figure(plot_time_line(segmented), path)
        print_output(f"time line of {len(segmented)} recordings: {path}")
        return
    is_folder = not path.suffix or path.is_dir()
    files = write_segments(path, segments, out_format if is_folder else None)
    what = f"{len(segments)} segments"
    print_output(f"{what}: {path}" if not is_folder else f"{what}: {len(files)} files in {path}")


def _print_segments(found: SegmentedRecording) -> None:
    """Print the segments of a recording, a line each."""
    if not found.segments:
        print_output(f"{found.name}: no action was found in {found.num_frames} frames")
    for one in found.segments:
        person = "" if one.person is None else f", person {one.person}"
        if one.start_s is None or one.end_s is None:
            times = f"frames {one.start} to {one.end}"
        else:
            times = f"{one.start_s:.1f} to {one.end_s:.1f} s"
        print_output(f"{one.recording}{person}: {times}: {_describe_label(one)}")


def _describe_label(segment: Segment) -> str:
    """The label with its probability; of an unknown segment, the nearest class and what is unusual."""
    from skeletonmae.inference.segment import UNKNOWN

    if segment.label != UNKNOWN:
        return f"{segment.label} {segment.score:.0%}"
    reasons = "; ".join(segment.reasons) or "its motion resembles that of no class"
    return f"unknown (nearest: {segment.nearest} {segment.nearest_score:.0%}): {reasons}"


def _print_unknown(segments: Sequence[Segment]) -> None:
    """Say what to do if most segments are unknown."""
    from skeletonmae.inference.segment import UNKNOWN

    number = sum(one.label == UNKNOWN for one in segments)
    if 2 * number > len(segments):
        print_status(
            f"note: {number} of {len(segments)} segments are unknown: they may show other actions, persons or"
            " conditions of recording than the training clips; `--unknown off` names the nearest class of each"
        )
