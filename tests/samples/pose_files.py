"""`.pose` files of pose-format, byte by byte after its specifications 0.0, 0.1 and 0.2."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

OPENPOSE18 = (
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "RHip", "RKnee", "RAnkle",
    "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar",
)  # fmt: skip
Component = tuple[str, str, Sequence[str], Sequence[tuple[int, int]]]


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode()


def pose_bytes(
    version: float,
    components: Sequence[Component],
    positions: np.ndarray,
    confidence: np.ndarray,
    *,
    fps: float = 25,
    size: tuple[int, int] = (640, 480),
) -> bytes:
    """A file of positions `(frame, person, point, axis)` and confidences `(frame, person, point)`."""
    content = struct.pack("<f4H", version, *size, 0, len(components))
    for name, axes, points, limbs in components:
        content += _text(name) + _text(axes) + struct.pack("<3H", len(points), len(limbs), 1)
        content += b"".join(map(_text, points)) + b"".join(struct.pack("<2H", *limb) for limb in limbs)
        content += struct.pack("<3H", 255, 0, 0)
    frames, persons = positions.shape[:2]
    if version == 0:
        content += struct.pack("<2H", int(fps), frames)
        for pose, score in zip(positions, confidence, strict=True):
            is_there = score.any(-1)
            content += struct.pack("<H", int(is_there.sum()))
            for points, scores in zip(pose[is_there], score[is_there], strict=True):
                content += struct.pack("<h", 0)
                content += np.concatenate([points, scores[:, None]], axis=-1).astype("<f4").tobytes()
        return content
    content += (
        struct.pack("<3H", int(fps), frames, persons)
        if version == 0.1
        else struct.pack("<fIH", fps, frames, persons)
    )
    return content + positions.astype("<f4").tobytes() + confidence.astype("<f4").tobytes()


def write_pose_format(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import OPENPOSE18 as LAYOUT

    places, observed = values[:, None, :18, :2], (values[:, None, :18] != 0).any(-1)
    components = [("pose_keypoints_2d", "XYC", OPENPOSE18, [(0, 1)])]
    path.write_bytes(pose_bytes(0.1, components, places, observed.astype(float)))
    return [
        SkeletonSequence.from_positions(
            places[:, 0], LAYOUT, observed=observed[:, 0], name=path.stem, unit="px", fps=25.0
        )
    ]
