"""Blur the heads of all persons who were found in a video."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from skeletonmae.pose.video_poses import VideoPoses
from skeletonmae.rendering.bodies import is_of_face
from skeletonmae.rendering.canvas import Image
from skeletonmae.rendering.moving_picture import DEFAULT_FPS
from skeletonmae.skeletons import Skeleton

OF_FACE, OF_TRUNK, OF_SHOULDERS = 1.7, 0.36, 0.5
"""Radius of a head: the largest of these multiples of the extent of the face, the trunk and the shoulders."""
UP = 0.2
"""How far the middle of a head is above that of its face, as a share of the radius."""
HELD_SECONDS = 0.75
"""A head is also blurred so long before and after the frames in which it was found, and in gaps of twice that."""
NUM_CELLS = 5
"""A blurred head is a mix of so many by so many colors."""
Circles = Mapping[int, Float32[np.ndarray, "head 3"]]
"""Frame -> x, y and radius of each head in pixels of the displayed video."""


def find_heads(poses: VideoPoses) -> Circles:
    """Return where heads are in every frame of a video.

    All poses count, also those of persons who are left out of the recording, and joints of low confidence.

    Args:
        poses: The poses of the video.
    """
    steps = np.diff(poses.times)
    fps = 1 / float(np.median(steps)) if len(steps) else DEFAULT_FPS
    held = max(1, round(HELD_SECONDS * fps))
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for identity in np.unique(poses.identity).tolist():
        rows = np.flatnonzero(poses.identity == identity)
        circles = np.stack([head_of(points, poses.skeleton) for points in poses.points[rows]])
        frames = poses.frame_index[rows]
        # Runs of frames that are not further apart than a gap that is bridged.
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(frames) > 2 * held) + 1):
            first, last = int(frames[run[0]]) - held, int(frames[run[-1]]) + held
            wanted = np.arange(max(0, first), min(poses.num_frames, last + 1))
            between = [np.interp(wanted, frames[run], circles[run, axis]) for axis in range(3)]
            for frame, circle in zip(wanted.tolist(), np.stack(between, 1), strict=True):
                found[frame].append(circle)
    return {frame: np.stack(circles).astype(np.float32) for frame, circles in found.items()}


def head_of(points: Float32[np.ndarray, "joint 2"], skeleton: Skeleton) -> Float32[np.ndarray, " circle"]:
    """Return x, y and radius of the head of a pose.

    Args:
        points: All joints in pixels, whatever their confidence.
        skeleton: The joint layout.
    """
    index = skeleton.index
    face = [index[joint] for joint in skeleton.joints if is_of_face(joint) or joint == "head"]
    places = points[face] if face else points
    middle = (places.min(0) + places.max(0)) / 2
    radius = OF_FACE * float(np.linalg.norm(places - middle, axis=1).max())
    center = middle

    def middle_of(joint: str) -> np.ndarray | None:
        sides = [index[f"{side}_{joint}"] for side in ("left", "right") if f"{side}_{joint}" in index]
        return points[sides].mean(0) if len(sides) == 2 else None

    shoulders, hips = middle_of("shoulder"), middle_of("hip")
    if shoulders is not None:
        width = np.linalg.norm(points[index["left_shoulder"]] - points[index["right_shoulder"]])
        radius = max(radius, OF_SHOULDERS * float(width))
        if hips is not None:
            radius = max(radius, OF_TRUNK * float(np.linalg.norm(shoulders - hips)))
        away = middle - shoulders
        length = float(np.linalg.norm(away))
        if length > 0:
            center = middle + UP * radius * away / length
    return np.array([*center, radius], np.float32)


def blur_heads(image: Image, heads: Float32[np.ndarray, "head 3"]) -> None:
    """Blur heads in place, so that nothing of a face can be recovered.

    Args:
        image: What to blur.
        heads: x, y and radius of each in pixels of the image.
    """
    from PIL import Image as Pillow

    for x, y, radius in heads.tolist():
        if not np.isfinite([x, y, radius]).all():
            continue
        left, right = max(0, int(x - radius)), min(image.shape[1], int(x + radius) + 2)
        top, bottom = max(0, int(y - radius)), min(image.shape[0], int(y + radius) + 2)
        if left >= right or top >= bottom:
            continue
        part = image[top:bottom, left:right]
        cells = Pillow.fromarray(part).resize((NUM_CELLS, NUM_CELLS), Pillow.Resampling.BOX)
        smooth = np.asarray(cells.resize((right - left, bottom - top), Pillow.Resampling.BICUBIC), np.float32)
        distance = np.hypot(np.arange(left, right)[None] - x, np.arange(top, bottom)[:, None] - y)
        share = np.clip((radius - distance) / max(0.08 * radius, 1.0), 0, 1)[..., None].astype(np.float32)
        part[:] = np.rint(part + (smooth - part) * share)
