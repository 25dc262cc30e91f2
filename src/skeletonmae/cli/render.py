"""The command that draws recordings and videos. Slow imports are inside the functions."""

from __future__ import annotations

import json as json_module
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from skeletonmae.cli.console import (
    INCOMPLETE,
    OK,
    print_output,
    print_output_json,
    print_status,
    progress_bar,
    progress_bars,
)
from skeletonmae.cli.input_options import (
    DEFAULT_FLAGS,
    OfVideos,
    Up,
    check_estimator,
    read_options,
    video_options,
)
from skeletonmae.cli.output_paths import check_outputs
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.formats import ReadOptions
    from skeletonmae.rendering.render import Rendered
    from skeletonmae.rendering.settings import RenderSettings
    from skeletonmae.sequences import SkeletonSequence

Source = Annotated[Positional[Path], arg(metavar="VIDEO_OR_RECORDING")]
MAX_NAMES = 5


def render(
    source: Source,
    out: Path | None = None,
    classifier: Path | None = None,
    recording: str | None = None,
    size: str | None = None,
    start: float = 0.0,
    end: float | None = None,
    num_frames: int = 12,
    segments: Literal["auto", "on", "off"] = "auto",
    per_person: bool = True,
    unknown: Literal["on", "off"] = "on",
    time_line: bool = True,
    stage: bool = False,
    blur_faces: bool = False,
    video: OfVideos = DEFAULT_FLAGS,
    format: str | None = None,
    layout: str | None = None,
    unit: str | None = None,
    up: Up | None = None,
    fps: float | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Draw the skeletons of a video or recording, with labels and a time line, as a video or picture.

    A recording of joints is drawn on a white stage: 3D recordings face forward, with the floor. Left is blue,
    right is orange, and joints that were not observed are not drawn. With --classifier, every person has a label,
    a bar of its probability, and a row in the time line.

    For example::

        skeletonmae render clip.mp4 --classifier classifier.safetensors
        skeletonmae render clip.mp4 --stage --out clip.gif
        skeletonmae render session.csv --classifier classifier.safetensors
        skeletonmae render session.csv --classifier segments.csv --out session.gif --start 10 --end 20
        skeletonmae render clip.skeleton --out sheet.png

    Args:
        source: Video, or recording of any format; a folder, archive or store with several needs --recording.
        out: File to write: .mp4 (H.264, which browsers play), .gif, or .png for a sheet of some frames. An
            existing file is replaced. By default the name of the source with -skeletons.mp4, in the current
            folder.
        classifier: Classifier that `fit` or `evaluate` wrote; or what `predict --out`, `segment --out` or
            `live --record` wrote about the recording, .csv or .jsonl.
        recording: Name of the recording, if the source has several.
        size: WIDTHxHEIGHT of the stage in pixels, or of each frame of a sheet; a video is reduced to fit into it.
        start: Second to begin with.
        end: Second to end with. By default the end of the recording.
        num_frames: Number of frames of a sheet.
        segments: Whether the classifier looks for segments in the recording; if not, it is labeled as a whole.
            auto looks for segments if the recording is longer than the training clips.
        per_person: Whether the classifier labels each person alone; if not, all together.
        unknown: Whether to label unknown what resembles no training clip.
        time_line: Whether to draw the time line below the picture.
        stage: Draw the skeletons of a video on a white stage, without the video.
        blur_faces: Blur the heads of the persons who are found in a video. Others are not blurred.
        video: Options for videos.
        format: Format of the file. By default it is detected from its content.
        layout: Joint layout of files that name their joints, as for `prepare`.
        unit: Unit of the coordinates in the file, in place of what it states: m, cm or mm (converted to meters),
            px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the file: y, z, or -y if y points down.
        fps: Frames per second of a recording or video. Overrides the file's own.
        ntu_cleanup: Clean-up of NTU RGB+D, as given to `prepare`.
        device: Where the classifier computes: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print as JSON what was written.
    """
    from skeletonmae.rendering.label_files import is_label_file, other_recording
    from skeletonmae.rendering.render_video import is_video
    from skeletonmae.rendering.settings import RenderSettings, parse_size
    from skeletonmae.rendering.write_picture import check_out

    path = out or Path(f"{source.stem}-skeletons.mp4")
    check_out(path)
    check_outputs((path,), (source, classifier))
    settings = RenderSettings(
        size=parse_size(size) if size else None,
        start=start,
        end=end,
        num_frames=num_frames,
        time_line=time_line,
        stage=stage,
        blur_faces=blur_faces,
        segments=segments,
        per_person=per_person,
        unknown=unknown == "on",
        device=device,
    )
    if is_video(source):
        of_files = {
            "--recording": recording,
            "--layout": layout,
            "--unit": unit,
            "--up": up,
            "--format": format if format != "video" else None,
            "--ntu-cleanup": ntu_cleanup if ntu_cleanup != "reference" else None,
        }
        if refused := [flag for flag, value in of_files.items() if value is not None]:
            problem = f"{' and '.join(refused)} {'is' if len(refused) == 1 else 'are'} for recordings of joints"
            raise InputError(problem, where=source, expected="a recording of joints", got="a video")
        of_video = video_options(video, 2, path)  # a 3D classifier gets 3D poses
        if classifier and not is_label_file(classifier):  # what is wrong is said before poses are estimated
            check_estimator(replace(of_video, axes=_axes_of(classifier, device)))
        options = read_options(None, None, fps, video=of_video)
        name, done = source.stem, _render_video(source, path, classifier, settings, options)
    else:
        if stage or blur_faces:
            got = "another file" if source.exists() else "no file"
            raise InputError("--stage and --blur-faces are for videos", where=source, expected="a video", got=got)
        of_videos = video_options(video, 2, path)  # of those in a folder or an archive
        options = read_options(layout, unit, fps, ntu_cleanup, format=format, up=up, video=of_videos)
        if classifier and options.layout is None and not is_label_file(classifier):
            from skeletonmae.rendering.label_models import load_any_classifier

            options = replace(options, layout=load_any_classifier(classifier, device).file_layout)
        name, done = _render_recording(source, recording, options, path, classifier, settings)
    for note in done.notes:
        print_status(f"note: {note}")
    width, height = done.size
    if json:
        summary = {
            "out": str(done.path),
            "recording": name,
            "frames": done.num_frames,
            "width": width,
            "height": height,
            "labels": [vars(label) for label in done.labels],
            "notes": list(done.notes),
        }
        print_output_json(json_module.dumps(summary))
    else:
        print_output(f"{done.num_frames} frames of {width} x {height}: {done.path}")
    if classifier and not done.labels:
        print_status("note: nobody has a label")
        return INCOMPLETE
    if classifier and is_label_file(classifier) and other_recording(classifier, name):
        return INCOMPLETE
    return OK


def _axes_of(classifier: Path, device: str) -> Literal[2, 3]:
    """The number of axes of the recordings that a classifier was made for.

    Raises:
        InputError: It is no classifier.
    """
    from skeletonmae.rendering.label_models import load_any_classifier

    return load_any_classifier(classifier, device).axes


def _render_recording(
    source: Path,
    name: str | None,
    options: ReadOptions,
    out: Path,
    answers: Path | None,
    settings: RenderSettings,
) -> tuple[str, Rendered]:
    from skeletonmae.rendering.render import render_recording

    chosen = _choose(source, options, name)
    for note in chosen.notes:
        print_status(f"note: {note}")
    with progress_bar("draw") as on_progress:
        return chosen.name, render_recording(chosen, out, answers, settings, on_progress)


def _render_video(
    source: Path, out: Path, answers: Path | None, settings: RenderSettings, options: ReadOptions
) -> Rendered:
    from skeletonmae.rendering.render_video import render_video

    with progress_bars() as show:
        return render_video(
            source,
            out,
            answers,
            settings,
            options.video,
            fps=options.fps,
            on_progress=lambda done, total: show("draw", done, total),
        )


def _choose(source: Path, options: ReadOptions, name: str | None) -> SkeletonSequence:
    """The recording to draw.

    Raises:
        InputError: There is none, or there are several, or none has the name.
    """
    from skeletonmae.datasets.load_recordings import Problem, iter_recordings

    problems: list[Problem] = []
    names: list[str] = []
    found: SkeletonSequence | None = None
    for item in iter_recordings([source], options):
        if isinstance(item, Problem):
            problems.append(item)
        elif name is not None and item.name == name:
            return item
        else:
            names.append(item.name)
            found = item
            if name is None and len(names) > MAX_NAMES:
                break
    if name is not None and names:
        known = ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
        raise InputError("there is no recording of this name", where=source, expected=known, got=name)
    if found is None:
        reasons = "\n".join(map(str, problems)) or f"{source}: there is no recording"
        raise InputError(f"no recording could be read: {reasons}")
    if len(names) > 1:
        known = ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
        raise InputError("there are several recordings", where=source, expected="--recording NAME", got=known)
    return found
