"""Small files of animal poses: a DeepLabCut CSV and a SLEAP project, in 2D."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from samples.kinect import kinect

FRAMES = [("frame_id", "u8"), ("video", "u4"), ("frame_idx", "u8"), ("instance_id_start", "u8"), ("instance_id_end", "u8")]  # fmt: skip
INSTANCES = [
    ("instance_id", "i8"), ("instance_type", "u1"), ("frame_id", "u8"), ("skeleton", "u4"), ("track", "i4"),
    ("from_predicted", "i8"), ("score", "f4"), ("point_id_start", "u8"), ("point_id_end", "u8"),
    ("tracking_score", "f4"),
]  # fmt: skip
POINTS = [("x", "f8"), ("y", "f8"), ("visible", "?"), ("complete", "?")]
PREDICTED = [*POINTS, ("score", "f8")]


def animal(path: Path, values: np.ndarray, name: str) -> list[Any]:
    """What a file of one animal with the joints of kinect20, all hanging on the first, holds in 2D."""
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import Skeleton

    (human,) = kinect(path, values)
    joints = human.skeleton.joints
    skeleton = Skeleton(name, joints, dict.fromkeys(joints[1:], joints[0]))
    return [
        SkeletonSequence.from_positions(
            human.positions[..., :2], skeleton, observed=human.observed, name=path.stem, unit="px"
        )
    ]


def write_deeplabcut(path: Path, values: np.ndarray) -> list[Any]:
    (expected,) = animal(path, values, "deeplabcut")
    parts = [joint for joint in expected.skeleton.joints for _ in range(3)]
    lines = [
        ["scorer", *["net"] * len(parts)],
        ["bodyparts", *parts],
        ["coords", *["x", "y", "likelihood"] * len(expected.skeleton.joints)],
    ]
    for number, frame in enumerate(values):
        lines.append([number, *(cell for x, y, z in frame for cell in (x, y, 0.9 if x or y or z else 0.1))])
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    return [expected]


def write_sleap(path: Path, values: np.ndarray) -> list[Any]:
    (expected,) = animal(path, values, "sleap")
    points = [(x, y, bool(x or y or z), True, 0.9) for frame in values for x, y, z in frame]
    joints = expected.skeleton.joints
    count = len(joints)
    frames = [(i, 0, i, i, i + 1) for i in range(len(values))]
    instances = [(i, 1, i, 0, 0, -1, 0.8, i * count, (i + 1) * count, 0.0) for i in range(len(values))]
    bones = [(0, place) for place in range(1, count)]
    write_project(path, list(joints), bones, frames, instances, points)
    return [expected]


def write_project(
    path: Path,
    joints: list[str],
    bones: list[tuple[int, int]],
    frames: list[tuple[Any, ...]],
    instances: list[tuple[Any, ...]],
    predicted: list[tuple[Any, ...]],
    *,
    placed: list[tuple[Any, ...]] | None = None,
    mirror: tuple[tuple[int, int], ...] = (),
    videos: tuple[str, ...] = ("mouse.mp4",),
    version: float = 1.2,
) -> None:
    """A project as SLEAP writes it; `placed` are points of a human."""
    import h5py

    def link(kind: int, first: bool, source: int, target: int) -> dict[str, Any]:
        written = {"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [kind]}]}
        return {"source": source, "target": target, "key": 0, "type": written if first else {"py/id": kind}}

    links = [
        link(kind, i == 0, *pair) for kind, pairs in ((1, bones), (2, mirror)) for i, pair in enumerate(pairs)
    ]
    nodes = [{"id": place} for place in range(len(joints))]
    graph = {"directed": True, "graph": {"name": "Skeleton-0"}, "links": links, "multigraph": True, "nodes": nodes}
    about = {"skeletons": [graph], "nodes": [{"name": joint, "weight": 1.0} for joint in joints]}
    with h5py.File(path, "w") as file:
        file.create_group("metadata").attrs.update(format_id=version, json=np.bytes_(json.dumps(about)))
        file["videos_json"] = [np.bytes_(json.dumps({"backend": {"filename": name}})) for name in videos]
        file["frames"] = np.array(frames, FRAMES)
        file["instances"] = np.array(instances, INSTANCES)
        file["pred_points"] = np.array(predicted, PREDICTED)
        file["points"] = np.array(placed or [], POINTS)
