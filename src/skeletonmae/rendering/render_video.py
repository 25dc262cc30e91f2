"""Render videos: the persons are found, labeled, and drawn on the video or on a white stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import numpy as np

from skeletonmae.formats.files import InputFile
from skeletonmae.formats.video_containers import demuxer
from skeletonmae.formats.video_options import VideoOptions
from skeletonmae.pose.estimate import estimate_poses
from skeletonmae.pose.person_pose import PoseEstimator
from skeletonmae.pose.recordings import recording_from_poses
from skeletonmae.rendering.render import Rendered, draw_on_stage, find_labels, has_time_line
from skeletonmae.rendering.settings import RenderSettings
from skeletonmae.rendering.video_picture import VideoPicture
from skeletonmae.rendering.write_picture import OnProgress, check_out, write_picture
from skeletonmae.sequences import SkeletonSequence

ONLY_FOUND = "only the heads of persons who were found are blurred: look at the whole video before you publish it"


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its first bytes."""
    return path.is_file() and demuxer(InputFile(path).head()) is not None


def render_video(
    path: Path,
    out: Path,
    answers: Path | None = None,
    settings: RenderSettings | None = None,
    options: VideoOptions | None = None,
    *,
    estimator: PoseEstimator | None = None,
    fps: float | None = None,
    on_progress: OnProgress | None = None,
) -> Rendered:
    """Draw the skeletons of the persons in a video.

    Args:
        path: The video.
        out: File to write, .mp4, .gif or .png; an existing one is replaced.
        answers: A classifier, or a file of answers about the video; None for no labels.
        settings: How to draw.
        options: How to find the persons. The axes follow from the classifier.
        estimator: A pose estimator in place of the one that `options` name.
        fps: Frames per second in place of the times that the video states.
        on_progress: Called with the number of frames that were drawn, and of all that are.

    Raises:
        InputError: A file cannot be read or written, or nobody was found.
    """
    settings, options = settings or RenderSettings(), options or VideoOptions()
    check_out(out)
    # Heads are blurred of everybody, also of persons whose skeletons are not asked for.
    found = replace(options, persons="all") if settings.blur_faces else options
    poses = estimate_poses(path, found, estimator)
    if fps is not None:
        poses = replace(poses, times=np.arange(poses.num_frames) / fps, fps=fps)

    def recording_with(axes: int) -> SkeletonSequence:
        chosen = replace(options, axes=cast(Literal[2, 3], axes))
        return recording_from_poses(poses, chosen, name=path.stem, where=path)

    recording = recording_with(2)
    labels, notes = find_labels(recording, answers, settings, recording_with)
    notes = (*recording.notes, *notes)
    if settings.stage:
        return draw_on_stage(recording, labels, notes, out, settings, on_progress, where=str(path))
    first, last = settings.interval(poses.times.tolist(), str(path))
    picture = VideoPicture(
        path,
        poses,
        recording,
        labels,
        size=settings.size_for(out, of_video=True),
        first=first,
        last=last,
        blur_faces=settings.blur_faces,
        time_line=has_time_line(out, settings),
    )
    num_frames = write_picture(picture, out, num_frames=settings.num_frames, on_progress=on_progress)
    notes = (*notes, ONLY_FOUND) if settings.blur_faces else notes
    return Rendered(out, num_frames, picture.size, tuple(picture.annotations.labels), notes)
