"""From the poses of a video to a recording of its persons.

All persons of a video are one recording, the largest first, by their size in pixels, summed over the frames:
models that read one or two persons read the first ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.video_options import DEFAULT_VIDEO_OPTIONS, VideoOptions
from skeletonmae.limits import FRAME_SPAN, MAX_CELLS, check_shape
from skeletonmae.pose.depth import root_motion, smooth
from skeletonmae.pose.person_pose import observed_joints
from skeletonmae.pose.time_grid import TimeGrid, interpolate
from skeletonmae.pose.video_poses import VideoPoses
from skeletonmae.sequences import SkeletonSequence

MIN_SECONDS, MIN_SHARE = 0.5, 0.25
"""A person who was seen for less than so many seconds, and in less than such a share of the frames, is noise."""
IMAGE_SIZE = "image_size"
"""Tag of the size of the displayed video, such as 1920x1080."""


def recording_from_poses(
    poses: VideoPoses,
    options: VideoOptions = DEFAULT_VIDEO_OPTIONS,
    *,
    name: str = "",
    where: Path | str = "video",
    fps: float | None = None,
) -> SkeletonSequence:
    """Return the persons of a video as a recording.

    A joint is observed if its confidence is at least `poses.min_confidence` and it is inside the image. Frame i is
    frame i of the video, unless the frame rate is variable: then poses are interpolated at regular times, and a
    note says so. Recordings in 2 and in 3 axes have the same persons and frames.

    Args:
        poses: The poses of the video.
        options: Axes and persons.
        name: Name of the recording.
        where: The video, for messages.
        fps: Frames per second in place of what the times say; frames are then taken as they are.

    Raises:
        InputError: Nobody was seen, or nobody long enough; or the estimator has no depth, and `options` want it.
    """
    if options.axes == 3 and poses.world is None:
        problem = f"the estimator {options.estimator} has no depth"
        raise InputError(problem, where=where, expected="--axes 2, or --estimator blazepose", got="--axes 3")
    grid = TimeGrid(fps) if fps else TimeGrid.of(poses.times, poses.fps)
    observed = _observed(poses)
    rows, notes = _choose(poses, observed, grid.fps, options, where)
    num_frames = poses.num_frames if grid.times is None else len(grid.times)
    shape = (len(rows), num_frames, poses.skeleton.num_joints)
    check_shape(where, shape)
    positions = np.zeros((*shape, options.axes), dtype=np.float32)
    flags = np.zeros(shape, dtype=bool)
    for person, row in enumerate(rows):
        frames = poses.frame_index[row]
        seen = np.zeros((poses.num_frames, shape[2]), dtype=bool)
        seen[frames] = observed[row]
        values = np.zeros((*seen.shape, options.axes), dtype=np.float32)
        values[frames] = _coordinates(poses, row, grid.fps, options)
        if grid.times is not None:
            values, seen = interpolate(values, seen, poses.times, grid.times, grid.max_gap)
        if options.axes == 3:
            values = smooth(values, seen, grid.fps)
        positions[person], flags[person] = values, seen
    return SkeletonSequence.from_positions(
        positions,
        poses.skeleton,
        observed=flags,
        name=name,
        unit="px" if options.axes == 2 else "m",
        fps=grid.fps,
        tags={IMAGE_SIZE: f"{poses.width}x{poses.height}"},
        notes=(*poses.notes, *([grid.note] if grid.note else []), *notes),
    )


def identities_of_persons(
    poses: VideoPoses, options: VideoOptions = DEFAULT_VIDEO_OPTIONS, fps: float | None = None
) -> list[int]:
    """Return which identity each person of the recording of a video has.

    Args:
        poses: The poses of the video.
        options: As for `recording_from_poses`.
        fps: As for `recording_from_poses`.

    Raises:
        InputError: Nobody was seen, or nobody long enough.
    """
    grid = TimeGrid(fps) if fps else TimeGrid.of(poses.times, poses.fps)
    rows, _ = _choose(poses, _observed(poses), grid.fps, options, "video")
    return [int(poses.identity[row[0]]) for row in rows]


def _observed(poses: VideoPoses) -> np.ndarray:
    """Whether each joint of each pose was observed, `(pose, joint)`."""
    size = poses.width, poses.height
    return observed_joints(poses.points, poses.confidence, poses.min_confidence, size)


def _choose(
    poses: VideoPoses, observed: np.ndarray, fps: float, options: VideoOptions, where: Path | str
) -> tuple[list[np.ndarray], list[str]]:
    """The rows of the poses of each person who is kept, the largest person first, and what was left out.

    Raises:
        InputError: Nobody is kept.
    """
    num_frames, everybody = poses.num_frames, np.unique(poses.identity)
    found = [np.flatnonzero((poses.identity == identity) & observed.any(1)) for identity in everybody]
    found = [rows for rows in found if len(rows)]
    if not found:
        got = f"{num_frames} frames of {poses.width} x {poses.height} pixels"
        expected = "somebody who fills about a fifth of the long side of the picture"
        got = "; ".join([got, *poses.notes])
        raise InputError("no person was seen in the video", where=where, expected=expected, got=got)
    long = [rows for rows in found if len(rows) >= MIN_SECONDS * fps or len(rows) >= MIN_SHARE * num_frames]
    rule = f"for less than {MIN_SECONDS} s and in less than {MIN_SHARE:.0%} of the frames"
    if not long:
        longest = max(len(rows) for rows in found)
        got = f"at most {longest} of {num_frames} frames ({longest / fps:.2f} s)"
        raise InputError(f"every person in the video was seen {rule}", where=where, got=got)
    notes: list[str] = []
    seen = np.zeros(num_frames, dtype=bool)
    seen[poses.frame_index[np.concatenate(long)]] = True
    if not seen.all():
        notes.append(f"no person was seen in {int((~seen).sum())} of {num_frames} frames")
    if dropped := len(found) - len(long):
        notes.append(f"{_count(dropped)} who {'was' if dropped == 1 else 'were'} seen {rule} {_left_out(dropped)}")
    sizes = np.array([_sizes(poses, observed, rows).sum() for rows in long])
    ranked = [long[index] for index in np.argsort(-sizes, kind="stable")]
    wanted = {"all": len(ranked), "largest": 1}.get(str(options.persons)) or int(options.persons)
    if (others := len(ranked) - wanted) > 0:
        notes.append(
            f"{_count(others)} besides the {wanted} largest {_left_out(others)} (--persons {options.persons})"
        )
    total = sum(len(rows) for rows in ranked)
    possible = min(FRAME_SPAN.of(total) // num_frames, MAX_CELLS // (num_frames * poses.skeleton.num_joints))
    kept = ranked[: min(wanted, max(1, possible))]
    if (beyond := min(wanted, len(ranked)) - len(kept)) > 0:
        notes.append(
            f"{_count(beyond)} besides the {len(kept)} largest {_left_out(beyond)}, because {len(ranked)} persons "
            f"in {num_frames} frames are too many for one recording: cut the video in shorter ones"
        )
    return kept, notes


def _count(persons: int) -> str:
    return "1 person" if persons == 1 else f"{persons} persons"


def _left_out(persons: int) -> str:
    return "was left out" if persons == 1 else "were left out"


def _sizes(poses: VideoPoses, observed: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Diagonal of the box around the observed joints of each pose, in pixels."""
    hidden = ~observed[rows][..., None]
    points = poses.points[rows]
    upper = np.where(hidden, -np.inf, points).max(1)
    lower = np.where(hidden, np.inf, points).min(1)
    diagonals: np.ndarray = np.linalg.norm(upper - lower, axis=-1)
    return diagonals


def _coordinates(poses: VideoPoses, rows: np.ndarray, fps: float, options: VideoOptions) -> np.ndarray:
    """Coordinates of the poses of one person, `(pose, joint, axis)`, in pixels or meters."""
    if options.axes == 2 or poses.world is None:
        points: np.ndarray = poses.points[rows]
        return points
    world: np.ndarray = poses.world[rows]
    if not options.root_motion:
        return world
    root = root_motion(world, poses.points[rows], poses.skeleton, (poses.width, poses.height), fps)
    moved: np.ndarray = world + root[:, None]
    return moved
