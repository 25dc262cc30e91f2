"""Poses that are kept on disk, so that a video is looked at once.

A file is found by a checksum of the video, the estimator with its networks, the settings that poses depend on, the
version of the package, and the code of this folder. It is a `.npz` without pickles. If it is damaged, the poses
are estimated again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from skeletonmae import __version__
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.files import atomic_file
from skeletonmae.formats.decoders.npy import open_npz
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.video_options import VideoOptions, file_sha256
from skeletonmae.limits import MAX_READ_BYTES
from skeletonmae.pose.image_scaling import MAX_SIDE
from skeletonmae.pose.model_files import MODEL_FILES
from skeletonmae.pose.video_poses import VideoPoses
from skeletonmae.skeletons import Skeleton

FORMAT = 1
"""Version of the files."""
FOLDER = ".skeletonmae_poses"
"""Name of the folder of kept poses; hidden, so that its files are not taken for recordings."""
ARRAYS = ("times", "frame_index", "identity", "points", "confidence", "score")
AFTER_POSES = frozenset({"cache.py", "depth.py", "other_estimators.py", "recordings.py", "time_grid.py"})
"""Modules of this folder that poses do not depend on: they read what is kept, or other sources."""
WORLD = "world"
HEADER = "header"


class CacheHeader(Config):
    """What a file of poses holds besides the arrays."""

    key: str
    """What it was found by, in full."""
    skeleton: dict[str, object]
    """The joint layout, as `Skeleton.to_dict` gives it."""
    width: int = Field(ge=1)
    """Width of the video in pixels."""
    height: int = Field(ge=1)
    """Height of the video in pixels."""
    fps: float | None
    """Frames per second that the video states."""
    min_confidence: float = Field(ge=0, le=1)
    """Confidence from which on a joint counts as observed."""
    notes: tuple[str, ...]
    """What is odd about the video."""


def pose_key(path: Path, options: VideoOptions) -> str:
    """Return a checksum of everything that the poses of a video depend on.

    Args:
        path: The video.
        options: How its poses are estimated.

    Raises:
        InputError: The video, or the file of the estimator's network, cannot be read.
    """
    networks = [file.sha256 for file in MODEL_FILES]
    parts = [
        FORMAT,
        __version__,
        code_sha256(Path(__file__).parent),
        file_sha256(path),
        options.estimator,
        str(options.persons),
        options.model_sha256,
        networks,
        MAX_SIDE,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def code_sha256(folder: Path) -> str:
    """Return a checksum of the code that poses depend on, so that a change of it is not hidden by kept poses.

    Args:
        folder: Folder of the modules.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        if path.name not in AFTER_POSES:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class PoseCache:
    """Files of poses in some folders.

    Args:
        folders: All are looked in; the first one is written to. Without any, nothing is kept.
        on_message: Called with what the user should know.
    """

    def __init__(self, folders: Sequence[Path], on_message: Callable[[str], None] | None = None) -> None:
        self.folders = folders
        self.on_message = on_message or (lambda _: None)

    def load(self, key: str) -> VideoPoses | None:
        """Return the poses that were kept; None if there are none, or if they are damaged.

        Args:
            key: What `pose_key` returns.
        """
        for folder in self.folders:
            path = folder / f"{key}.npz"
            if path.is_file():
                try:
                    return _read(path, key)
                except InputError as error:
                    self.on_message(f"kept poses are damaged and are estimated again: {error}")
        return None

    def save(self, key: str, poses: VideoPoses) -> None:
        """Write poses to the first folder, whole or not at all; a folder that cannot be written to is no error.

        Args:
            key: What `pose_key` returns.
            poses: The poses.
        """
        if not self.folders:
            return
        folder = self.folders[0]
        header = CacheHeader(
            key=key,
            skeleton=poses.skeleton.to_dict(),
            width=poses.width,
            height=poses.height,
            fps=poses.fps,
            min_confidence=poses.min_confidence,
            notes=poses.notes,
        )
        arrays = {name: getattr(poses, name) for name in ARRAYS}
        if poses.world is not None:
            arrays[WORLD] = poses.world
        arrays[HEADER] = np.frombuffer(header.model_dump_json().encode(), dtype=np.uint8)
        if max(values.nbytes for values in arrays.values()) > MAX_READ_BYTES:
            self.on_message(f"the poses of {poses.num_frames} frames are too many to be kept in {folder}")
            return
        try:
            with atomic_file(folder / f"{key}.npz") as temporary, temporary.open("wb") as file:
                np.savez(file, **arrays)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self.on_message(
                f"poses of videos cannot be kept in {folder} ({reason}): each run estimates them again"
            )
        else:
            self.on_message(f"poses of videos are kept in {folder}")


def _read(path: Path, key: str) -> VideoPoses:
    """Read a file of poses.

    Raises:
        InputError: It is damaged, or not the one that was asked for.
    """
    with open_npz(InputFile(path)) as content:
        try:
            header = CacheHeader.model_validate_json(content.array(HEADER).tobytes())
        except (ValidationError, ValueError) as error:
            raise InputError("the header is damaged", where=path) from error
        if header.key != key:
            raise InputError("the poses are those of another video or other settings", where=path)
        skeleton = Skeleton.from_dict(header.skeleton, f"{path}, skeleton")
        arrays = {name: content.array(name) for name in ARRAYS}
        world = content.array(WORLD) if WORLD in content else None
        for name, values in {**arrays, WORLD: world}.items():
            if values is not None and values.dtype.kind == "f" and not np.isfinite(values).all():
                raise InputError(f"{name} has a value that is not finite", where=path)
        try:
            return VideoPoses(
                skeleton,
                header.width,
                header.height,
                header.fps,
                world=world,
                min_confidence=header.min_confidence,
                notes=header.notes,
                **arrays,
            )
        except InputError as error:
            raise InputError(str(error), where=path) from error
