"""How the poses of videos are estimated, and which of them become recordings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from skeletonmae.formats.archives import wrap_os_errors

Persons: TypeAlias = int | Literal["largest", "all"]
"""All persons of a video, the largest one, or so many of the largest ones."""


class VideoProgress(NamedTuple):
    """How far the poses of a video are.

    Args:
        path: The video.
        num_frames: Frames that are done.
        total: All frames; None if the file does not say how many there are.
        seconds: Seconds since the first frame.
        is_done: Whether these were all; `total` is the number of frames then.
    """

    path: Path
    num_frames: int
    total: int | None
    seconds: float
    is_done: bool = False


@dataclass(frozen=True)
class VideoOptions:
    """What the user chooses for videos.

    Args:
        axes: 2 for pixels of the image, 3 for meters from the center of the hips.
        persons: Which persons become a recording.
        estimator: Name of the pose estimator, an entry of `pose.ESTIMATORS`.
        model: ONNX file of an estimator that needs one.
        root_motion: Whether 3D poses also move as the hips do in the image, instead of standing in one place.
        cache_folders: Where poses are kept, so that the second run takes no time: all are looked in, and new poses
            are written to the first one. Nothing is kept without a folder.
        on_progress: Called after every frame.
        on_message: Called with what the user should know of the cache.
    """

    axes: Literal[2, 3] = 2
    persons: Persons = "all"
    estimator: str = "blazepose"
    model: Path | None = None
    root_motion: bool = False
    cache_folders: tuple[Path, ...] = field(default=(), compare=False)
    on_progress: Callable[[VideoProgress], None] | None = field(default=None, compare=False)
    on_message: Callable[[str], None] | None = field(default=None, compare=False)

    @property
    def model_sha256(self) -> str | None:
        """Checksum of the file of the estimator; None without one.

        Raises:
            InputError: The file cannot be read.
        """
        if self.model is None:
            return None
        with wrap_os_errors(self.model):
            status = self.model.stat()
        return _sha256(self.model, status.st_size, status.st_mtime_ns)

    @property
    def key(self) -> list[object]:
        """What recordings depend on, as plain values.

        Raises:
            InputError: The file of the estimator cannot be read.
        """
        return [self.axes, self.persons, self.estimator, self.model_sha256, self.root_motion]


@lru_cache(maxsize=8)
def _sha256(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 - another size or time is another file
    return file_sha256(path)


def file_sha256(path: Path) -> str:
    """Return the checksum of a file.

    Raises:
        InputError: It cannot be read.
    """
    with wrap_os_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


DEFAULT_VIDEO_OPTIONS = VideoOptions()
