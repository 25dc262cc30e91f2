"""Recordings of a body in three actions, which any classifier tells apart, and a folder of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

CLASSES = ("wave", "bow", "kick")
SUBJECTS = ("anna", "ben", "carla", "dan")
NUM_FRAMES = 24
STANDING = {
    "pelvis": (0, 0, 2.5), "spine": (0, 0.15, 2.5), "shoulder_center": (0, 0.5, 2.5), "head": (0, 0.7, 2.5),
    "left_shoulder": (0.2, 0.45, 2.5), "left_elbow": (0.3, 0.2, 2.5), "left_wrist": (0.32, -0.05, 2.5),
    "left_hand": (0.33, -0.12, 2.5), "right_shoulder": (-0.2, 0.45, 2.5), "right_elbow": (-0.3, 0.2, 2.5),
    "right_wrist": (-0.32, -0.05, 2.5), "right_hand": (-0.33, -0.12, 2.5), "left_hip": (0.1, -0.05, 2.5),
    "left_knee": (0.11, -0.45, 2.5), "left_ankle": (0.12, -0.85, 2.5), "left_foot": (0.12, -0.9, 2.4),
    "right_hip": (-0.1, -0.05, 2.5), "right_knee": (-0.11, -0.45, 2.5), "right_ankle": (-0.12, -0.85, 2.5),
    "right_foot": (-0.12, -0.9, 2.4),
}  # fmt: skip
"""Positions of the joints of kinect20, in meters."""
MOVING = {
    "wave": ("right_hand", "right_wrist"),
    "bow": ("head", "shoulder_center"),
    "kick": ("left_foot", "left_ankle"),
}


def motion(label: str, seed: int) -> Any:
    """A recording of an action by one of the subjects."""
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    rng = np.random.default_rng(seed)
    standing = np.array([STANDING[joint] for joint in KINECT20.joints])
    positions = standing + rng.normal(scale=0.01, size=(NUM_FRAMES, 20, 3))
    path = np.sin(np.linspace(0, 2 * np.pi * (1 + seed % 2), NUM_FRAMES))
    for joint in MOVING[label]:
        positions[:, KINECT20.index[joint]] += path[:, None] * np.array([0.1, 0.3, -0.2])
    tags = {"subject": SUBJECTS[seed % 4]}
    name = f"{label} {seed}"
    return SkeletonSequence.from_positions(positions, KINECT20, name=name, label=label, tags=tags, fps=30)


def write_folder(folder: Path, num_each: int = 8) -> Path:
    """Write a folder with a sub-folder for each action, and labels.csv with the subjects."""
    from samples.kinect import write_nw_ucla

    lines = ["recording,label,subject"]
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for seed in range(num_each):
            one = motion(label, seed)
            write_nw_ucla(folder / label / f"{one.name}.json", one.positions[0])
            lines.append(f"{label}/{one.name},{label},{one.tags['subject']}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
