"""Videos: the poses of all persons in one are estimated, and are a recording. Needs `skeletonmae[video]`.

The estimators are in `pose`, which is imported when a video is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from skeletonmae.formats.file_kinds import VIDEOS
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.video_containers import demuxer
from skeletonmae.sequences import SkeletonSequence


def _sniff(head: bytes) -> bool:
    return demuxer(head) is not None


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    from skeletonmae.pose import estimate_poses, recording_from_poses

    video = options.video
    poses = estimate_poses(file, video)
    yield recording_from_poses(poses, video, name=file.path.stem, where=file.path, fps=options.fps)


VIDEO = Format(
    "video",
    "Videos, of which the poses are estimated: 33 joints of every person, in pixels or in meters",
    tuple(sorted(VIDEOS)),
    _sniff,
    _parse,
    fixed_axes=True,
)
