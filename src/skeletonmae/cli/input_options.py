"""Options of the commands that read recordings: the dataset, and facts about the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from skeletonmae.cli.console import print_status, print_status_once, video_progress
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae import datasets
    from skeletonmae.datasets import UnreadFile
    from skeletonmae.datasets.report import SkippedFile
    from skeletonmae.formats import ReadOptions, VideoOptions

Up = Literal["y", "z", "-y"]
"""Values of `--up`, as in `formats.axes`, which is slow to import."""

NO_CACHE = "none"


@dataclass(frozen=True)
class VideoFlags:
    """Options for videos.

    Args:
        persons: Persons of a video: all, largest, or so many of the largest ones.
        estimator: Pose estimator of videos: blazepose, movenet or rtmpose.
        pose_model: ONNX file of the pose estimator rtmpose.
        root_motion: Let 3D poses of videos also move to the sides and up, by the place of the hips in the image.
        pose_cache: Folder in which the poses of videos are kept for the next time, or none. By default
            .skeletonmae_poses beside the file or folder that the command writes, and in the current folder if it
            writes none. Poses in that of the current folder are always found.
    """

    persons: str = "all"
    estimator: str = "blazepose"
    pose_model: Path | None = None
    root_motion: bool = False
    pose_cache: str | None = None


OfVideos = Annotated[VideoFlags, arg(name="")]
"""The flags without a prefix."""
DEFAULT_FLAGS = VideoFlags()


def video_options(flags: VideoFlags, axes: Literal[2, 3], out: Path | None = None) -> VideoOptions:
    """Make `VideoOptions` of command-line flags.

    Args:
        flags: The flags.
        axes: Axes of the poses.
        out: What the command writes, if anything.

    Raises:
        InputError: `--persons` is no number of persons, or the pose estimator cannot be used.
    """
    from skeletonmae.formats import VideoOptions
    from skeletonmae.pose.cache import FOLDER
    from skeletonmae.pose.person_choice import check_persons

    folders: tuple[Path, ...] = (Path(FOLDER),)
    if out and out.absolute().parent != Path.cwd():
        folders = (out.parent / FOLDER, *folders)
    if flags.pose_cache is not None:
        folders = () if flags.pose_cache == NO_CACHE else (Path(flags.pose_cache),)
    options = VideoOptions(
        axes=axes,
        persons=check_persons(flags.persons),
        estimator=flags.estimator,
        model=flags.pose_model,
        root_motion=flags.root_motion,
        cache_folders=folders,
        on_progress=video_progress,
        on_message=print_status_once,
    )
    check_estimator(options)
    return options


def check_estimator(video: VideoOptions) -> None:
    """Check the pose estimator before any video is read, if the user chose one.

    Raises:
        InputError: There is no such estimator, its file cannot be used, or it has no depth and 3 axes are wanted.
    """
    if video.estimator == DEFAULT_FLAGS.estimator and video.model is None:
        return
    from skeletonmae.pose import make_estimator

    estimator = make_estimator(video.estimator, persons=video.persons, model=video.model)
    if video.axes == 3 and not estimator.has_depth:
        problem = f"the pose estimator {video.estimator} has no depth, but recordings in 3D are wanted"
        expected = "--estimator blazepose, or --axes 2 and a classifier or encoder of 2D recordings"
        raise InputError(problem, where="--estimator", expected=expected)


def read_options(
    layout: str | None,
    unit: str | None,
    fps: float | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    split_actions: bool = True,
    format: str | None = None,
    up: Up | None = None,
    video: VideoOptions | None = None,
) -> ReadOptions:
    """Make `ReadOptions` of command-line flags.

    Raises:
        InputError: An unknown layout, unit or format, or a frame rate that is not positive.
    """
    from skeletonmae.formats import FORMATS, ReadOptions
    from skeletonmae.formats.axes import INPUT_UNITS
    from skeletonmae.formats.video_options import DEFAULT_VIDEO_OPTIONS
    from skeletonmae.skeletons import get_layout

    if unit is not None and unit not in INPUT_UNITS:
        raise InputError("unknown --unit", expected=", ".join(INPUT_UNITS), got=unit)
    if fps is not None and not 0 < fps < float("inf"):
        raise InputError("--fps must be greater than 0", got=fps)
    if format is not None and format not in FORMATS:
        raise InputError("unknown --format", expected=", ".join(FORMATS), got=format)
    return ReadOptions(
        layout=get_layout(layout) if layout else None,
        unit=unit,
        up=up,
        fps=fps,
        ntu_cleanup=ntu_cleanup,
        format=format,
        split_actions=split_actions,
        video=video or DEFAULT_VIDEO_OPTIONS,
    )


def print_notes(recordings: Sequence[tuple[str, str]], max_lines: int = 10) -> None:
    """Print what the readers have to say about recordings, one line for those with the same note.

    Args:
        recordings: Name of a recording, and a note on it.
        max_lines: Number of notes that are printed.
    """
    names_by_note: dict[str, list[str]] = {}
    for name, note in recordings:
        names_by_note.setdefault(note, []).append(name)
    for note, names in list(names_by_note.items())[:max_lines]:
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        print_status(f"note: {names[0]}{others}: {note}")
    if len(names_by_note) > max_lines:
        print_status(f"note: {len(names_by_note) - max_lines} more notes on recordings; `validate` prints all")


def resolve_dataset(source: Path, name: str, format: str | None = None) -> datasets.Dataset:
    """The dataset called `name`; for `auto`, detect it from the files and print it.

    Raises:
        InputError: An unknown dataset, or no recording in `source`.
    """
    from skeletonmae import datasets

    if str(source) == "synthetic" or name == "synthetic":
        return datasets.SYNTHETIC
    if name == "auto" and format:
        return datasets.DATASETS["folder"]
    if name == "auto":
        dataset = datasets.detect_dataset(source)
        max_files = 1000
        formats, num_files = dataset.formats(source, max_files)
        counts = ", ".join(f"{format_name} ({count})" for format_name, count in formats.items())
        of = f"of the first {max_files} of {num_files} files" if num_files > max_files else "(number of files)"
        suffix = f"; formats {of}: {counts}" if counts else ""
        print_status(f"{source}: {dataset.title} ({dataset.name}){suffix}")
        return dataset
    if name not in datasets.DATASETS:
        raise InputError("unknown dataset", expected=", ".join(datasets.DATASETS), got=name)
    return datasets.DATASETS[name]


def print_ignored(files: Sequence[UnreadFile | SkippedFile], report: Path | None = None) -> None:
    """Print in one line which files were ignored because they hold no recordings.

    Args:
        files: The files.
        report: The file that lists all of them, if there is one.
    """
    from skeletonmae.datasets.report import SkippedFile

    if not files:
        return
    counts = Counter(file.reason.partition(";")[0] for file in files)
    parts = [reason if count == 1 else f"{count} x {reason}" for reason, count in counts.most_common()]
    names = ", ".join(str(file.file if isinstance(file, SkippedFile) else file.path) for file in files[:3])
    where = f"; see {report}" if report else ""
    noun = "file" if len(files) == 1 else "files"
    print_status(f"ignored: {len(files)} {noun} without recordings ({', '.join(parts)}), such as {names}{where}")
