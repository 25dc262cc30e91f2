"""The poses of all frames of a video, as an estimator gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy.typing import ArrayLike, DTypeLike

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_FPS, MAX_FRAME_PIXELS, MIN_FPS
from skeletonmae.pose.person_pose import PersonPose, PoseEstimator, world_of
from skeletonmae.skeletons import Skeleton

BLOCK_ROWS = 1024
"""Poses for which memory is taken at once."""


@dataclass(frozen=True, eq=False)
class VideoPoses:
    """The poses of all persons in all frames of a video, before anything is left out, smoothed or resampled.

    Args:
        skeleton: The joint layout.
        width: Width of the displayed video in pixels.
        height: Height of the displayed video in pixels.
        fps: Frames per second that the file states; None if it states none.
        times: Seconds of each frame from the first one, increasing.
        frame_index: Frame of each pose, ascending.
        identity: Number of the person of each pose, the same in all frames.
        points: Joints in pixels of the displayed video.
        confidence: From 0 to 1.
        world: Joints in meters from the center of the hips, in the axes of `SkeletonSequence`; None for an
            estimator without depth.
        score: What the estimator says of each pose, from 0 to 1.
        min_confidence: Confidence from which on a joint counts as observed; it depends on the estimator.
        notes: What is odd about the video.

    Raises:
        InputError: The arrays do not agree, or a size, rate or time is not possible.
    """

    skeleton: Skeleton
    width: int
    height: int
    fps: float | None
    times: Float64[np.ndarray, " frame"]
    frame_index: Int64[np.ndarray, " pose"]
    identity: Int64[np.ndarray, " pose"]
    points: Float32[np.ndarray, "pose joint 2"]
    confidence: Float32[np.ndarray, "pose joint"]
    world: Float32[np.ndarray, "pose joint 3"] | None
    score: Float32[np.ndarray, " pose"]
    min_confidence: float = 0.5
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count, joints = self.frame_index.size, self.skeleton.num_joints
        shapes = {
            "times": (self.times, (self.times.size,), "float64"),
            "frame_index": (self.frame_index, (count,), "int64"),
            "identity": (self.identity, (count,), "int64"),
            "points": (self.points, (count, joints, 2), "float32"),
            "confidence": (self.confidence, (count, joints), "float32"),
            "score": (self.score, (count,), "float32"),
        }
        if self.world is not None:
            shapes["world"] = (self.world, (count, joints, 3), "float32")
        for name, (values, shape, dtype) in shapes.items():
            if values.shape != shape or values.dtype != dtype:
                got = f"{values.dtype} {values.shape}"
                raise InputError(
                    f"{name} has the wrong shape", where="poses", expected=f"{dtype} {shape}", got=got
                )
        frames = self.frame_index
        if count and (frames[0] < 0 or frames[-1] >= len(self.times) or (np.diff(frames) < 0).any()):
            raise InputError("the frames of the poses are not frames of the video in their order", where="poses")
        if (np.diff(self.times) <= 0).any() or not np.isfinite(self.times).all():
            raise InputError("the times do not increase", where="poses")
        rates = [] if self.fps is None else [self.fps]
        if len(self.times) > 1:
            rates.append((len(self.times) - 1) / (self.times[-1] - self.times[0]))
        if not all(MIN_FPS <= rate <= MAX_FPS for rate in rates):
            raise InputError("the frame rate is not possible", where="poses", got=rates)
        if max(self.width, self.height) > MAX_FRAME_PIXELS or not 0 <= self.min_confidence <= 1:
            raise InputError("a size or confidence that no video has", where="poses")
        if min(self.width, self.height) < 1 or (count and self.identity.min() < 0):
            raise InputError("a size below 1, or a number of a person below 0", where="poses")

    @property
    def num_frames(self) -> int:
        """Number of frames of the video."""
        return len(self.times)

    @cached_property
    def _starts(self) -> np.ndarray:
        """Where the poses of each frame begin."""
        return np.searchsorted(self.frame_index, np.arange(self.num_frames + 1))

    def at(self, frame: int) -> list[PersonPose]:
        """Return the persons in a frame of the video, as the estimator gave them.

        Args:
            frame: Number of the frame, from 0.
        """
        return [
            PersonPose(
                int(self.identity[row]),
                self.points[row],
                self.confidence[row],
                None if self.world is None else self.world[row],
                float(self.score[row]),
            )
            for row in range(int(self._starts[frame]), int(self._starts[frame + 1]))
        ]


class PoseCollector:
    """Takes the poses of one frame after the other, in a few hundred bytes each.

    Args:
        estimator: The estimator whose poses they are.
    """

    def __init__(self, estimator: PoseEstimator) -> None:
        self.skeleton = estimator.skeleton
        self.min_confidence = float(estimator.min_confidence)
        joints = self.skeleton.num_joints
        self.times, self.score = _Rows(np.float64), _Rows(np.float32)
        self.frame_index, self.identity = _Rows(np.int64), _Rows(np.int64)
        self.points, self.confidence = _Rows(np.float32, joints, 2), _Rows(np.float32, joints)
        self.world = _Rows(np.float32, joints, 3) if estimator.has_depth else None

    def add(self, time: float, poses: Sequence[PersonPose], scale: tuple[float, float]) -> None:
        """Add a frame.

        Args:
            time: Its time in seconds.
            poses: The persons in it.
            scale: Pixels of the video for each pixel of the image that the estimator was given, in x and y.
        """
        for pose in poses:
            self.frame_index.append(len(self.times))
            self.identity.append(pose.identity)
            self.points.append(pose.points * np.array(scale, np.float32))
            self.confidence.append(pose.confidence)
            self.score.append(pose.score)
            world = world_of(pose, self.world is not None)
            if self.world is not None and world is not None:
                self.world.append(world)
        self.times.append(time)

    def poses(self, width: int, height: int, fps: float | None, notes: Sequence[str]) -> VideoPoses:
        """Return what was added.

        Args:
            width: Width of the displayed video in pixels.
            height: Height of the displayed video in pixels.
            fps: Frames per second that the file states.
            notes: What is odd about the video.
        """
        return VideoPoses(
            self.skeleton,
            width,
            height,
            fps,
            self.times.values(),
            self.frame_index.values(),
            self.identity.values(),
            self.points.values(),
            self.confidence.values(),
            None if self.world is None else self.world.values(),
            self.score.values(),
            self.min_confidence,
            tuple(notes),
        )


class _Rows:
    """Rows of an array whose number is not known, in blocks that stay where they are.

    An array that grows is moved again and again, which leaves as much unused memory behind as it takes.

    Args:
        dtype: Data type.
        shape: Shape of a row.
    """

    def __init__(self, dtype: DTypeLike, *shape: int) -> None:
        self.dtype, self.shape = dtype, shape
        self.blocks: list[np.ndarray] = []
        self.num_rows = 0

    def __len__(self) -> int:
        return self.num_rows

    def append(self, row: ArrayLike) -> None:
        place = self.num_rows % BLOCK_ROWS
        if not place:
            self.blocks.append(np.empty((BLOCK_ROWS, *self.shape), self.dtype))
        self.blocks[-1][place] = row
        self.num_rows += 1

    def values(self) -> np.ndarray:
        if not self.blocks:
            return np.empty((0, *self.shape), self.dtype)
        rest = self.num_rows - BLOCK_ROWS * (len(self.blocks) - 1)
        return np.concatenate([*self.blocks[:-1], self.blocks[-1][:rest]])
