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
