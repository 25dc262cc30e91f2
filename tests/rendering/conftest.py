from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20


def standing(frames: int = 6, persons: int = 1, shift: float = 2.0) -> np.ndarray:
    """Bodies that face the camera and raise their left hands, `(person, frame, joint, axis)`, in meters."""
    height = {"head": 1.7, "shoulder": 1.4, "elbow": 1.15, "wrist": 0.9, "hand": 0.8, "hip": 0.9, "knee": 0.5}
    body = np.zeros((20, 3))
    for row, joint in enumerate(KINECT20.joints):
        side = -1 if joint.startswith("left_") else 1 if joint.startswith("right_") else 0
        word = joint.rpartition("_")[2]
        spread = 0.45 if word in ("elbow", "wrist", "hand") else 0.25
        middle = {"pelvis": 0.95, "hip_center": 0.95, "head": 1.7}.get(joint, 1.2)
        body[row] = side * spread, height.get(word, 0.05 if side else middle), 2.5
    motion = np.repeat(body[None], frames, 0)
    hand = [KINECT20.joints.index(joint) for joint in ("left_wrist", "left_hand")]
    motion[:, hand, 1] = 1.2 + np.linspace(0, 1, frames)[:, None]
    return np.stack([motion + np.array([shift * person, 0, 0]) for person in range(persons)])


@pytest.fixture
def make_standing() -> Callable[..., SkeletonSequence]:
    def make(frames: int = 6, persons: int = 1, shift: float = 2.0, **settings: Any) -> SkeletonSequence:
        positions = standing(frames, persons, shift)
        return SkeletonSequence.from_positions(positions, KINECT20, **{"fps": 25.0, "name": "clip"} | settings)

    return make


@pytest.fixture
def decode() -> Callable[[Path], tuple[list[np.ndarray], list[float], Any]]:
    """Decode a video: its images, their times, and the stream."""

    def read(path: Path) -> tuple[list[np.ndarray], list[float], Any]:
        av = pytest.importorskip("av")
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            about = {"codec": stream.codec_context.name, "format": stream.pix_fmt, "rate": stream.average_rate}
            frames = list(container.decode(stream))
            return [frame.to_ndarray(format="rgb24") for frame in frames], [frame.time for frame in frames], about

    return read
