"""Render recordings: from a recording and what is known of its actions to a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.rendering.label_files import is_label_file, other_recording, read_labels
from skeletonmae.rendering.labels import Label, labels_between
from skeletonmae.rendering.moving_picture import DEFAULT_FPS, StagePicture
from skeletonmae.rendering.settings import RenderSettings
from skeletonmae.rendering.write_picture import OnProgress, check_out, write_picture
from skeletonmae.sequences import SkeletonSequence


@dataclass(frozen=True)
class Rendered:
    """A file that was rendered.

    Args:
        path: The file.
        num_frames: Number of frames in it.
        size: Width and height in pixels; of a sheet, those of each frame.
        labels: The labels that are shown.
        notes: What is unusual or was changed, in words.
    """

    path: Path
    num_frames: int
    size: tuple[int, int]
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()


def render_recording(
    recording: SkeletonSequence,
    out: Path,
    answers: Path | None = None,
    settings: RenderSettings | None = None,
    on_progress: OnProgress | None = None,
) -> Rendered:
    """Draw a recording on a white stage.

    Args:
        recording: The recording, 2D or 3D; 3D recordings are turned to face forward.
        out: File to write, .mp4, .gif or .png; an existing one is replaced.
        answers: A classifier, or a file of answers about the recording; None for no labels.
        settings: How to draw.
        on_progress: Called with the number of frames that were drawn, and of all that are.

    Raises:
        InputError: A file cannot be read or written, or nothing was observed.
    """
    settings = settings or RenderSettings()
    check_out(out)
    labels, notes = find_labels(recording, answers, settings)
    if recording.fps is None:
        notes = (*notes, f"the frame rate is not known; it is shown at {DEFAULT_FPS:g} frames per second (--fps)")
    return draw_on_stage(
        recording, labels, notes, out, settings, on_progress, where=f"recording {recording.name!r}"
    )


def draw_on_stage(
    recording: SkeletonSequence,
    labels: Sequence[Label],
    notes: Sequence[str],
    out: Path,
    settings: RenderSettings,
    on_progress: OnProgress | None = None,
    *,
    where: str,
) -> Rendered:
    """Draw a recording on a white stage, with labels that are known.

    Args:
        recording: The recording.
        labels: The labels, in frames of the recording.
        notes: What is unusual so far.
        out: File to write.
        settings: How to draw.
        on_progress: Called with the number of frames that were drawn, and of all that are.
        where: The recording, for messages.

    Raises:
        InputError: The file cannot be written, or nothing was observed.
    """
    fps = recording.fps or DEFAULT_FPS
    times = [frame / fps for frame in range(recording.num_frames)]
    first, last = settings.interval(times, where)
    part = replace(
        recording,
        positions=recording.positions[:, first:last],
        observed=recording.observed[:, first:last],
    )
    shown = labels_between(labels, first, last)
    width, height = settings.size_for(out)
    picture = StagePicture(
        part, shown, width=width, height=height, time_line=has_time_line(out, settings), first=first
    )
    num_frames = write_picture(picture, out, num_frames=settings.num_frames, on_progress=on_progress)
    return Rendered(out, num_frames, picture.size, tuple(shown), (*notes, *picture.notes))


def find_labels(
    recording: SkeletonSequence,
    answers: Path | None,
    settings: RenderSettings,
    with_axes: Callable[[int], SkeletonSequence] | None = None,
) -> tuple[list[Label], tuple[str, ...]]:
    """Read the labels of a recording from a file of answers, or ask a classifier.

    Args:
        recording: The recording that is drawn.
        answers: A classifier, or a file of answers; None for no labels.
        settings: How to ask a classifier.
        with_axes: Gives the recording in 2 or 3 axes, of which a classifier gets those that it was made for; by
            default it gets the recording that is drawn.

    Returns:
        The labels, and remarks.

    Raises:
        InputError: The file cannot be read.
    """
    if answers is None:
        return [], ()
    if is_label_file(answers):
        labels = read_labels(answers, recording.name, recording.num_frames, recording.fps)
        absent = {label.person for label in labels if label.person and label.person >= recording.num_persons}
        if absent:
            problem, got = "an answer is about a person who is not there", f"person {max(absent)}"
            expected = f"persons 0 to {recording.num_persons - 1} of recording {recording.name!r}"
            raise InputError(problem, where=answers, expected=expected, got=got)
        other = other_recording(answers, recording.name)
        note = (
            f"the answers of {answers} are about {other!r}, not about {recording.name!r}, on which they are drawn"
        )
        return labels, (note,) if other else ()
    from skeletonmae.rendering.label_models import label_recording, load_any_classifier

    model = load_any_classifier(answers, settings.device)
    terms = (f"terms of {answers}: {model.license}",) if model.license else ()
    asked = with_axes(model.axes) if with_axes else recording
    labels, notes = label_recording(
        model,
        asked,
        segments=settings.segments,
        per_person=settings.per_person,
        unknown=settings.unknown,
    )
    return labels, (*terms, *notes)


def has_time_line(out: Path, settings: RenderSettings) -> bool:
    """Whether a file has a time line: not the frames of a sheet, whose times stand below them."""
    return settings.time_line and out.suffix.lower() != ".png"
