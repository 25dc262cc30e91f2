"""Small `.npz` and `.npy` files of the projects that train on NTU RGB+D and Kinetics-skeleton."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

PADDED_FRAMES = 12


def write_ctrgcn_npz(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    clips = {"train": [values, values[:3] + 1], "test": [values[1:] * 2]}
    arrays, expected = {}, []
    for split, samples in clips.items():
        x = np.zeros((len(samples), PADDED_FRAMES, 2, 20, 3), np.float32)
        for index, sample in enumerate(samples):
            x[index, : len(sample), 0] = sample
            expected.append(
                SkeletonSequence.from_positions(
                    sample,
                    KINECT20,
                    observed=(sample != 0).any(-1),
                    name=f"{path.stem}/{split}-{index:06d}",
                    label=str(index + 2),
                    tags={"split": split},
                )
            )
        arrays[f"x_{split}"] = x.reshape(len(samples), PADDED_FRAMES, -1)
        arrays[f"y_{split}"] = np.eye(5)[2 : 2 + len(samples)]
    np.savez(path, **arrays)
    return expected


def write_stgcn_npy(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    clips = [values, values[:3] + 1]
    data = np.zeros((len(clips), 3, PADDED_FRAMES, 20, 2), np.float32)  # sample, axis, frame, joint, person
    for index, clip in enumerate(clips):
        data[index, :, : len(clip), :, 0] = clip.transpose(2, 0, 1)
    np.save(path, data)
    return [
        SkeletonSequence.from_positions(
            clip, KINECT20, observed=(clip != 0).any(-1), name=f"{path.stem}/{index:06d}"
        )
        for index, clip in enumerate(clips)
    ]


REST = (
    (0, 0, 0), (0.11, -0.024, -0.002), (-0.11, -0.024, -0.002), (0, 0.114, 0),
    (0.11, -0.445, -0.002), (-0.11, -0.445, -0.002), (0, 0.207, 0.011),
    (0.11, -0.827, -0.002), (-0.11, -0.827, -0.002), (0, 0.36, -0.022),
    (0.11, -0.883, 0.137), (-0.11, -0.883, 0.137), (0, 0.516, -0.008),
    (0.027, 0.446, 0.055), (-0.027, 0.446, 0.055), (0, 0.625, 0.001),
    (0.168, 0.452, 0), (-0.168, 0.452, 0), (0.396, 0.452, 0), (-0.396, 0.452, 0),
    (0.622, 0.452, 0), (-0.622, 0.452, 0), (0.718, 0.452, 0), (-0.718, 0.452, 0),
)  # fmt: skip
"""The 24 joints of the average adult in the rest pose of SMPL, with the pelvis as the origin."""


def write_amass_npz(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import SMPL24

    pose = np.zeros((len(values), 156))
    pose[:, 0] = np.pi / 2  # z is up in AMASS, y in the rest pose
    pose[1, 70] = np.nan  # a finger, which is not read
    pose[2, 5] = np.nan
    trans = np.stack([values[:, 0, 0], -values[:, 0, 2], values[:, 0, 1]], axis=-1)
    np.savez(path, trans=trans, gender="female", mocap_framerate=120.0, betas=np.ones(16), poses=pose)
    observed = np.arange(len(values)) != 2
    return [
        SkeletonSequence.from_positions(
            np.array(REST) + values[:, :1],
            SMPL24,
            observed=np.broadcast_to(observed[:, None], (len(values), 24)),
            name=path.stem,
            fps=120.0,
            tags={"joint_positions": "approximate", "gender": "female"},
        )
    ]


def write_videopose3d_npz(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import COCO17

    poses = values[:, :17, :2]
    clips = {"S1": {"Walking 1": [poses, poses[:2] + 1]}, "S9": {"Sitting": [poses[1:] + 2]}}
    metadata = {"layout_name": "coco", "num_joints": 17, "keypoints_symmetry": [[1, 3], [2, 4]]}
    np.savez_compressed(
        path, positions_2d=np.array(clips, dtype=object), metadata=np.array(metadata, dtype=object)
    )
    return [
        SkeletonSequence.from_positions(
            clip,
            COCO17,
            observed=(clip != 0).any(-1),
            name=name,
            unit="px",
            fps=50.0,
            label=label,
            tags=tags,
        )
        for clip, name, label, tags in (
            (poses, "S1/Walking 1/0", "Walking", {"subject": "S1", "camera": "0"}),
            (poses[:2] + 1, "S1/Walking 1/1", "Walking", {"subject": "S1", "camera": "1"}),
            (poses[1:] + 2, "S9/Sitting", "Sitting", {"subject": "S9"}),
        )
    ]
