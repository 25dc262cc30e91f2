"""Your own recordings: a folder with files of any known format, or a single file.

The label of a recording is the first of these that exists: its line in `labels.csv` at the top of the folder
(columns `recording,label`; every further column is a tag; see `labels_file`), the label in the file, the name of
the sub-folder. The name of a recording starts with the sub-folder of its file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.labels_file import LabelTable, match_files, parse_labels
from skeletonmae.datasets.splits import GivenSplit, GroupSplit, StratifiedSplit
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, FORMATS, InputFile, ReadOptions, detect, find_files
from skeletonmae.formats.file_kinds import BODY_SHAPE, VIDEOS, harmless_kind
from skeletonmae.formats.file_listing import list_files
from skeletonmae.formats.video import VIDEO
from skeletonmae.sequences import SkeletonSequence

LABELS = "labels.csv"
AFTER_VIDEO = re.compile(r"\.|DLC|_\d+_keypoints\.")
"""What follows the name of a video in the names of files of its poses: an ending, or what DeepLabCut and OpenPose
add (`walk.json`, `walk.analysis.h5`, `walkDLC_resnet50.csv`, `walk_000000000012_keypoints.json`)."""


@dataclass(frozen=True, kw_only=True)
class FolderDataset(Dataset):
    """Files of any known format, labeled by a table or by their sub-folders."""

    reads_any_format: ClassVar[bool] = True

    def files(self, root: Path) -> list[InputFile]:
        """Find every file with the suffix of a known format, except `labels.csv` at the top and documents.

        A video beside poses of its name is left out: it is what those were made from.
        """
        labels = top_folder(root) / LABELS
        files = [file for file in find_files(root) if file.path == root or _is_recording(file, labels)]
        return _without_source_videos(files)

    def auxiliary_files(self, root: Path) -> list[InputFile]:
        """Return `labels.csv` if it exists."""
        labels = top_folder(root) / LABELS
        return [file for file in list_files(root, lambda name: name == LABELS) if file.path == labels]

    def read(
        self, file: InputFile, root: Path, options: ReadOptions = DEFAULT_OPTIONS
    ) -> Iterator[SkeletonSequence]:
        """Read the recordings in `file`."""
        path = _relative_path(file, root)
        labels = read_labels(root)
        file_format = FORMATS[options.format] if options.format else detect(file)
        for sequence in file_format.read(file, options):
            if not sequence.observed.any():
                problem = "; ".join((f"nothing is observed in {sequence.name!r}", *sequence.notes))
                options.on_error(InputError(problem, where=file.path))
                continue
            name = (path.parent / sequence.name).as_posix()
            row = labels.row(name, path.as_posix())
            label = row.get("label") or sequence.label or _label_folder(path)
            tags = {tag: value for tag, value in row.items() if value and tag not in ("recording", "label")}
            yield replace(sequence, name=name, label=label, tags={**sequence.tags, **tags})

    def unmatched_labels(self, root: Path, recordings: Sequence[str]) -> list[str]:
        """Return the lines of `labels.csv` that match no recording.

        Raises:
            InputError: A line matches several recordings, or few lines and few recordings match.
        """
        return read_labels(root).unmatched(recordings)

    def formats(self, root: Path, max_files: int = 1000) -> tuple[dict[str, int], int]:
        """Count the files of each format among the first `max_files` files, and all files of any format."""
        counts: Counter[str] = Counter()
        files = self.files(root)
        for file in files[:max_files]:
            counts.update(name for name, file_format in FORMATS.items() if file_format.matches(file))
        return dict(counts.most_common()), len(files)

    def cache_key(self, root: Path) -> object:
        """Return the table of labels, and the files that its lines mean."""
        _label_table.cache_clear()
        labels = read_labels(root)
        return [labels.rows, labels.of_file]

    def matches(self, root: Path) -> bool:
        """Return whether any file has a known format."""
        return root.exists() and any(
            file_format.matches(file) for file in self.files(root) for file_format in FORMATS.values()
        )


def _is_recording(file: InputFile, labels: Path) -> bool:
    """Whether a file is neither the table of labels nor a document, such as README.txt, that no reader knows."""
    if file.path == labels:
        return False
    kind = "" if file.frame_files or _is_video(file) else harmless_kind(file.path.name)
    return not kind or (kind != BODY_SHAPE and any(file_format.matches(file) for file_format in FORMATS.values()))


def _without_source_videos(files: list[InputFile]) -> list[InputFile]:
    """Leave out videos that lie beside poses of the same name."""
    videos = [file for file in files if _is_video(file)]
    if not videos or len(videos) == len(files):
        return files
    sources = {(file.path.parent, file.path.stem) for file in videos}
    covered: set[tuple[Path, str]] = set()
    for file in files:
        names = {(file.path.parent, stem) for stem in _video_stems(file.path.name)} & (sources - covered)
        if names and not _is_video(file) and _holds_poses(file):
            covered |= names
    return [file for file in files if not (_is_video(file) and (file.path.parent, file.path.stem) in covered)]


def _video_stems(name: str) -> Iterator[str]:
    """What the video may be called, without its ending, whose poses a file or a group of frames holds."""
    yield name  # of a folder or a group of frames
    yield from (name[: match.start()] for match in AFTER_VIDEO.finditer(name) if match.start())


def _holds_poses(file: InputFile) -> bool:
    """Whether a file begins as one of a format other than a video."""
    matching = [name for name, entry in FORMATS.items() if entry.matches(file)]
    return bool(matching) and VIDEO.name not in matching


def _is_video(file: InputFile) -> bool:
    """Whether a file is a video, by its name."""
    return file.path.suffix.lower() in VIDEOS


def top_folder(root: Path) -> Path:
    """Return the folder whose sub-folders are the classes.

    This is `root`, or the single folder inside an archive that holds everything else.
    """
    return _top_in_archive(root, root.stat().st_mtime_ns) if root.is_file() else root


@lru_cache(maxsize=1)
def _top_in_archive(root: Path, modified: int) -> Path:  # noqa: ARG001
    members = [file.path.relative_to(root).parts for file in find_files(root) if file.archive]
    has_single_folder = len({parts[0] for parts in members}) == 1 and all(len(parts) > 1 for parts in members)
    has_several_classes = len({parts[1] for parts in members if len(parts) > 2}) > 1
    has_labels = any(parts[1:] == (LABELS,) for parts in members)
    return root / members[0][0] if has_single_folder and (has_several_classes or has_labels) else root


def _relative_path(file: InputFile, root: Path) -> Path:
    """The path of a file relative to the top folder."""
    return Path(file.path.name) if file.path == root else file.path.relative_to(top_folder(root))


def _label_folder(path: Path) -> str | None:
    """The topmost folder of a file; the name of an archive is used only if there is no folder."""
    parents = path.parts[:-1]
    folders = [part for part in parents if not part.lower().endswith(".zip")]
    return folders[0] if folders else Path(parents[0]).stem if parents else None


def read_labels(root: Path) -> LabelTable:
    """Read `labels.csv` at the top of `root`, and find the files that its lines mean.

    Returns:
        A table without lines if there is no `labels.csv`. It is kept until `cache_key` is called or it changes.

    Raises:
        InputError: It is not a valid table, or a line means several files.
    """
    path = top_folder(root) / LABELS
    if not root.is_file():
        exists = path.exists() or path.is_symlink()
        return _label_table(InputFile(path), root, path.stat().st_mtime_ns) if exists else LabelTable(path)
    member = InputFile(path, archive=root)
    return _label_table(member, root, root.stat().st_mtime_ns) if member.exists else LabelTable(path)


@lru_cache(maxsize=1)
def _label_table(labels: InputFile, root: Path, modified: int) -> LabelTable:  # noqa: ARG001
    """Read the table; `modified` is part of the key of the cache, so that a changed file is read again."""
    suffixes = tuple(suffix for file_format in FORMATS.values() for suffix in file_format.suffixes)
    files = list_files(root, lambda name: name.lower().endswith(suffixes))
    files = _without_source_videos([file for file in files if file.path != labels.path])
    paths = [_relative_path(file, root).as_posix() for file in files]
    return match_files(labels.path, parse_labels(labels), paths)


FOLDER = FolderDataset(
    name="folder",
    title="Your own recordings",
    source="yours",
    license="yours",
    skeleton=None,
    classes=(),
    splits={
        "auto": GivenSplit(fallback=GroupSplit(group_by="subject", group_required=False)),
        "stratified": StratifiedSplit(),
        "subject": GroupSplit(group_by="subject"),
        "given": GivenSplit(),
    },
    default_split="auto",
)
