"""From a video to the poses of its frames, or to those that were kept from the last time."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile, as_input_file
from skeletonmae.formats.video_options import DEFAULT_VIDEO_OPTIONS, VideoOptions, VideoProgress
from skeletonmae.limits import MAX_MEMBER_BYTES
from skeletonmae.pose.cache import PoseCache, pose_key
from skeletonmae.pose.estimators import make_estimator
from skeletonmae.pose.person_pose import PoseEstimator
from skeletonmae.pose.video_poses import PoseCollector, VideoPoses
from skeletonmae.pose.video_reader import open_video

MIN_FRAMES = 2
"""Frames of a video, at least: a picture shows no motion."""


def estimate_poses(
    file: InputFile | Path, options: VideoOptions = DEFAULT_VIDEO_OPTIONS, estimator: PoseEstimator | None = None
) -> VideoPoses:
    """Return the poses of all frames of a video.

    One frame at a time is in memory, and the poses of the frames so far.

    Args:
        file: The video, on disk or in a zip archive.
        options: How to estimate them, and where poses are kept. Selections, such as of axes, are not applied.
        estimator: An estimator in place of the one that `options` name; its poses are not kept.

    Raises:
        InputError: This is not a video, it has a single frame, or the extra `video` is not installed.
    """
    file = as_input_file(file)
    with _on_disk(file) as path:
        if estimator is not None:
            return _estimate(path, file.path, options, estimator)
        cache = PoseCache(options.cache_folders, options.on_message)
        key = pose_key(path, options) if options.cache_folders else ""
        if (kept := cache.load(key)) is not None:
            return kept
        with _borrowed_estimator(options, file.path) as estimator:
            poses = _estimate(path, file.path, options, estimator)
        cache.save(key, poses)
        return poses


_idle: dict[object, PoseEstimator] = {}
"""The last estimator that was made, while nobody uses it: making one takes as long as a second of video."""


@contextmanager
def _borrowed_estimator(options: VideoOptions, where: Path) -> Iterator[PoseEstimator]:
    """Yield the estimator of the last video if this one needs the same, or make another one.

    Raises:
        InputError: The estimator cannot be made.
    """
    try:
        key = make_estimator, options.estimator, options.persons, options.model_sha256
        estimator = _idle.pop(key, None) or make_estimator(
            options.estimator, persons=options.persons, model=options.model
        )
    except InputError as error:
        raise InputError(str(error), where=where) from error
    yield estimator
    _idle.clear()
    _idle[key] = estimator


def _estimate(path: Path, name: Path, options: VideoOptions, estimator: PoseEstimator) -> VideoPoses:
    with open_video(path, name=name) as video:
        estimator.reset()
        collector = PoseCollector(estimator)
        start = time.monotonic()
        for frame in video:
            collector.add(frame.time, estimator.update(frame.image, frame.time), video.scale)
            if options.on_progress:
                seconds = time.monotonic() - start
                options.on_progress(VideoProgress(name, frame.index + 1, video.info.num_frames, seconds))
        num_frames = len(collector.times)
        if options.on_progress:
            options.on_progress(VideoProgress(name, num_frames, num_frames, time.monotonic() - start, True))
        if num_frames < MIN_FRAMES:
            got = "; ".join(["one frame", *video.notes])
            raise InputError("the video shows no motion", where=name, expected="two frames or more", got=got)
        return collector.poses(video.info.width, video.info.height, video.info.fps, video.notes)


@contextmanager
def _on_disk(file: InputFile) -> Iterator[Path]:
    """Yield the path of a file, or of a copy of a member of an archive, since videos are not read in order.

    Raises:
        InputError: The file cannot be read, or the member is too large.
    """
    if not file.archive:
        yield file.path
        return
    if file.size > MAX_MEMBER_BYTES:
        expected = f"at most {MAX_MEMBER_BYTES:,} bytes; unpack the archive"
        raise InputError("too large for a video in an archive", where=file.path, expected=expected, got=file.size)
    with tempfile.TemporaryDirectory(prefix="skeletonmae-") as folder:
        copy = Path(folder, f"video{file.path.suffix}")
        with file.open() as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        yield copy
