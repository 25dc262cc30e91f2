"""How steady the poses of a video are, and whether left and right change places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skeletonmae.pose import PersonPose
from skeletonmae.skeletons import Skeleton

PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


class Place(NamedTuple):
    """Where the hips of a person are in a part of a video, as shares of the image; the limits belong to it."""

    frames: tuple[int, int] = (0, 10**9)
    x: tuple[float, float] = (-np.inf, np.inf)
    y: tuple[float, float] = (-np.inf, np.inf)

    def has(self, *values: float) -> bool:
        """Return whether a frame, x and y are in it."""
        return all(low <= value <= high for value, (low, high) in zip(values, self, strict=True))


class Steadiness(NamedTuple):
    """Of one person of a video.

    Args:
        frames: Frames in which the person was found.
        ankle: Jitter of the ankles: mean second difference in percent of the height of the body.
        wrist: Jitter of the wrists.
        swaps: Pairs of a left and a right joint that change places from one frame to the next.
        numbers: Different identities that the person had.
    """

    frames: int
    ankle: float
    wrist: float
    swaps: int
    numbers: int


def find_person(
    frames: Sequence[Sequence[PersonPose]], skeleton: Skeleton, size: tuple[int, int], places: Sequence[Place]
) -> dict[int, PersonPose]:
    """Return number of the frame -> pose of the person who is in a place; the most certain one of several.

    Args:
        frames: The poses of each frame.
        skeleton: Their layout.
        size: Width and height of the images.
        places: Where the person is.
    """
    hips = [skeleton.index[f"{side}_hip"] for side in ("left", "right")]
    found: dict[int, PersonPose] = {}
    for number, poses in enumerate(frames):
        centers = [pose.points[hips].mean(0) / size for pose in poses]
        here = [
            pose
            for pose, center in zip(poses, centers, strict=True)
            if any(place.has(number, *center) for place in places)
        ]
        if here:
            found[number] = max(here, key=lambda pose: pose.score)
    return found


def measure(
    frames: Sequence[Sequence[PersonPose]], skeleton: Skeleton, size: tuple[int, int], places: Sequence[Place]
) -> Steadiness:
    """Return how steady the poses of one person are.

    Args:
        frames: The poses of each frame.
        skeleton: Their layout.
        size: Width and height of the images.
        places: Where the person is; of several poses there, the most certain one counts.
    """
    found = find_person(frames, skeleton, size, places)
    if not found:
        return Steadiness(0, np.nan, np.nan, 0, 0)
    index = np.array(list(found))
    points = np.array([pose.points for pose in found.values()], dtype=np.float64)
    pairs = np.array([[skeleton.index[f"{side}_{part}"] for side in ("left", "right")] for part in PARTS])
    return Steadiness(
        frames=len(index),
        ankle=jitter(points[:, pairs[PARTS.index("ankle")]], index, body_height(points)),
        wrist=jitter(points[:, pairs[PARTS.index("wrist")]], index, body_height(points)),
        swaps=num_swaps(points[:, pairs], index),
        numbers=len({pose.identity for pose in found.values()}),
    )


def body_height(points: np.ndarray) -> float:
    """Median over the frames of how high the pose is, in pixels; `(frame, joint, 2)`."""
    return float(np.median(np.ptp(points[..., 1], axis=1)))


def jitter(points: np.ndarray, frames: np.ndarray, height: float) -> float:
    """Mean second difference in percent of the height, where three frames follow each other.

    Args:
        points: `(frame, joint, 2)`.
        frames: Number of each frame.
        height: Of the body, in pixels.
    """
    each = second_differences(points, frames, height)
    return float(each.mean()) if len(each) else np.nan


def second_differences(points: np.ndarray, frames: np.ndarray, height: float) -> np.ndarray:
    """Mean over the joints, for each three frames that follow each other; arguments as for `jitter`."""
    successive = frames[2:] - frames[:-2] == 2
    each: np.ndarray = np.linalg.norm(np.diff(points, 2, axis=0)[successive], axis=-1).mean(1)
    return 100 * each / height


def num_swaps(pairs: np.ndarray, frames: np.ndarray) -> int:
    """Pairs whose left and right joint are both nearer to where the other one was in the frame before.

    Args:
        pairs: `(frame, pair, 2 sides, 2)`.
        frames: Number of each frame.
    """
    return int(swaps_of_frames(pairs, frames).sum())


def swaps_of_frames(pairs: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Pairs that change places, for each two frames that follow each other; arguments as for `num_swaps`."""
    stay = np.linalg.norm(pairs[1:] - pairs[:-1], axis=-1)
    cross = np.linalg.norm(pairs[1:] - pairs[:-1, :, ::-1], axis=-1)
    swapped: np.ndarray = (cross < stay).all(-1).sum(1)[np.diff(frames) == 1]
    return swapped
