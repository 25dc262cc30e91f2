"""Small JSON files of pose estimators: OpenPose, COCO and its results, MediaPipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def flat(joints: np.ndarray) -> list[float]:
    """x, y, confidence of every joint; a lost one is all zeros."""
    seen = joints.any(-1)
    return np.c_[joints[:, :2] * seen[:, None], 0.75 * seen].ravel().tolist()


def recording(values: np.ndarray, layout: str, **about: Any) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import LAYOUTS

    return [SkeletonSequence.from_positions(values, LAYOUTS[layout], **about)]


def write_openpose(path: Path, values: np.ndarray) -> list[Any]:
    frame = values[1, :18]
    person = {"person_id": [-1], "pose_keypoints_2d": flat(frame), "pose_keypoints_3d": []}
    path.write_text(json.dumps({"version": 1.3, "people": [person]}))
    about = {"observed": frame.any(-1)[None, None], "name": path.stem, "unit": "px"}
    return recording(frame[None, None, :, :2], "openpose18", **about)


def write_coco_json(path: Path, values: np.ndarray) -> list[Any]:
    joints = values[:, :17]
    images = [{"id": 90 + i, "file_name": f"walk/{7 + i:06d}.jpg"} for i in range(len(values))]
    annotations = [
        {"id": i, "image_id": 90 + i, "category_id": 1, "track_id": 4, "keypoints": flat(one)}
        for i, one in enumerate(joints)
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return recording(joints[..., :2], "coco17", observed=joints.any(-1), name="walk", unit="px")


def write_mediapipe(path: Path, values: np.ndarray) -> list[Any]:
    seen = np.concatenate([values, values[:, :13]], axis=1).any(-1)
    joints = np.linspace(0.1, 1.7, 99).reshape(33, 3) + 0.01 * np.arange(len(values))[:, None, None]
    frames = [
        {"pose_world_landmarks": [
            dict(zip(("x", "y", "z", "visibility"), (*one, 0.9 if see else 0.1), strict=True))
            for one, see in zip(frame, seen_there, strict=True)
        ]}
        for frame, seen_there in zip(joints, seen, strict=True)
    ]  # fmt: skip
    path.write_text(json.dumps(frames))
    turned = np.stack([-joints[..., 0], -joints[..., 1], joints[..., 2]], axis=-1)
    return recording(turned, "mediapipe33", observed=seen, name=path.stem)
