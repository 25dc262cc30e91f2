"""Small JSON files of pose estimators."""

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


def write_alphapose(path: Path, values: np.ndarray) -> list[Any]:
    joints = values[:, :17]
    frames = {f"{7 + i}.jpg": [{"keypoints": flat(one), "scores": 2.5, "idx": 3}] for i, one in enumerate(joints)}
    path.write_text(json.dumps(frames))
    return recording(joints[..., :2], "coco17", observed=joints.any(-1), name=path.stem, unit="px")


def write_kinetics_json(path: Path, values: np.ndarray) -> list[Any]:
    joints = values[:, :18, :2] / 100
    seen = values[:, :18].any(-1)
    frames = [
        {"frame_index": 1 + i, "skeleton": [
            {"pose": frame.ravel().tolist(), "score": (0.5 * there).tolist(), "person_id": 2}
        ]}
        for i, (frame, there) in enumerate(zip(joints, seen, strict=True))
    ]  # fmt: skip
    path.write_text(json.dumps({"data": frames, "label": "waving", "label_index": 3}))
    return recording(joints, "openpose18", observed=seen, name=path.stem, unit="image", label="waving")


def write_azure_kinect(path: Path, values: np.ndarray) -> list[Any]:
    joints = np.concatenate([values, values[:, :12]], axis=1)
    camera = (joints * [-1000, -1000, 1000]).tolist()
    frames = [
        {"bodies": [{"body_id": 4, "joint_positions": frame}], "frame_id": i, "num_bodies": 1,
         "timestamp_usec": 100 + 40_000 * i}
        for i, frame in enumerate(camera)
    ]  # fmt: skip
    content = {"bone_list": [["SPINE_CHEST", "SPINE_NAVEL"]], "frames": frames, "joint_names": ["PELVIS"]}
    path.write_text(json.dumps(content))
    about = {"observed": joints.any(-1), "name": path.stem, "fps": 25.0}
    return recording(joints, "azure32", **about)


def write_zed(path: Path, values: np.ndarray) -> list[Any]:
    joints = np.concatenate([values, values[:, :14]], axis=1)
    seen = joints.any(-1)
    frames = {
        str(1_680_100_601_285 + 20 * i): {"body_list": [{
            "action_state": 2, "id": 3, "keypoint": (frame * [-1, 1, -1]).tolist(),
            "keypoint_confidence": (60.0 * there).tolist(),
        }], "is_new": True, "is_tracked": True, "timestamp": 1}
        for i, (frame, there) in enumerate(zip(joints, seen, strict=True))
    }  # fmt: skip
    path.write_text(json.dumps({"0": {"is_new": False, "is_tracked": False, "timestamp": 0}} | frames, indent=4))
    return recording(joints, "zed34", observed=seen, name=path.stem, fps=50.0)


def write_yolo_txt(path: Path, values: np.ndarray) -> list[Any]:
    joints = np.abs(values[1, :17, :2]) / 100
    seen = values[1, :17].any(-1)
    line = [0, 0.5, 0.5, 0.2, 0.4, *np.c_[joints * seen[:, None], 0.25 + 0.5 * seen].ravel().tolist(), 1]
    path.write_text(" ".join(f"{value:.7g}" for value in line) + "\n")
    return recording(joints[None], "coco17", observed=seen[None], name=path.stem, unit="image")


def write_yolo_json(path: Path, values: np.ndarray) -> list[Any]:
    joints = values[:, :17, :2]
    seen = values[:, :17].any(-1)
    frames = [
        [{"name": "person", "class": 0, "confidence": 0.9, "box": {"x1": 0.0}, "track_id": 1, "keypoints": {
            "x": (frame[:, 0] * there).tolist(), "y": (frame[:, 1] * there).tolist(), "visible": [0.75] * 17,
        }}]
        for frame, there in zip(joints, seen, strict=True)
    ]  # fmt: skip
    path.write_text(json.dumps(frames))
    unit = "px" if np.abs(joints[seen]).max() > 2 else "image"
    return recording(joints, "coco17", observed=seen, name=path.stem, unit=unit)


def write_mmpose(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.skeletons import COCO17

    joints = values[:, :17, :2]
    seen = values[:, :17].any(-1)
    frames = [
        {"frame_id": 1 + i, "instances": [
            {"keypoints": frame.tolist(), "keypoint_scores": (0.8 * there).tolist(), "track_id": 5}
        ]}
        for i, (frame, there) in enumerate(zip(joints, seen, strict=True))
    ]  # fmt: skip
    names = {str(i): joint for i, joint in enumerate(COCO17.joints)}
    meta = {"dataset_name": "coco", "num_keypoints": 17, "keypoint_id2name": names, "skeleton_links": [[15, 13]]}
    path.write_text(json.dumps({"meta_info": meta, "instance_info": frames}, indent="\t"))
    return recording(joints, "coco17", observed=seen, name=path.stem, unit="px")


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
