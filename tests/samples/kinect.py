"""Small files of the Kinect v1 formats; joint orders are copied from the sets' own documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

KINECT = (
    "HipCenter", "Spine", "ShoulderCenter", "Head", "ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft",
    "ShoulderRight", "ElbowRight", "WristRight", "HandRight", "HipLeft", "KneeLeft", "AnkleLeft", "FootLeft",
    "HipRight", "KneeRight", "AnkleRight", "FootRight",
)  # fmt: skip
UTD_TO_KINECT = [3, 2, 1, 0, *range(4, 20)]
MSR_TO_KINECT = [6, 3, 2, 19, 0, 7, 9, 11, 1, 8, 10, 12, 4, 13, 15, 17, 5, 14, 16, 18]


def numbers(frames: int = 3) -> np.ndarray:
    """(frame, joint, axis) of kinect20, every value its own, but for a lost joint at (0, 0, 0)."""
    values = (np.arange(frames * 60).reshape(frames, 20, 3) + 1) / 64
    values[1, 7] = 0
    values[2, 3, 1] = 0  # the joint itself was seen
    return values


def kinect(path: Path, values: np.ndarray, **about: Any) -> list[Any]:
    """What a file of one person in front of a Kinect holds."""
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    seen = (values != 0).any(-1)
    return [SkeletonSequence.from_positions(values, KINECT20, observed=seen, name=path.stem, **about)]


def in_file_order(values: np.ndarray, to_kinect: list[int]) -> np.ndarray:
    out = np.empty_like(values)
    out[:, to_kinect] = values
    return out


def write_nw_ucla(path: Path, values: np.ndarray) -> list[Any]:
    path.write_text(json.dumps({"file_name": path.stem, "skeletons": values.tolist(), "label": 1}))
    return kinect(path, values)


def write_utd_mhad(path: Path, values: np.ndarray) -> list[Any]:
    array = in_file_order(values, UTD_TO_KINECT).transpose(1, 2, 0)
    scipy.io.savemat(path, {"d_skel": array}, do_compression=True)
    return kinect(path, values, fps=30.0)


def write_msr_action3d(path: Path, values: np.ndarray) -> list[Any]:
    rows = in_file_order(values, MSR_TO_KINECT).reshape(-1, 3)
    path.write_text("".join(f"{x} {y} {z} 0.0\n" for x, y, z in rows))
    return kinect(path, values, fps=15.0)


def write_kinder_gator(path: Path, values: np.ndarray) -> list[Any]:
    header = ",".join(
        ["Timestamp", *(joint + axis for joint in KINECT for axis in "XYZ"), "User-ID", "Action", ""]
    )
    rows = [
        ",".join([f"{1000 + 40 * i}", *map(str, frame.ravel()), "7", "Bow", ""]) for i, frame in enumerate(values)
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    return kinect(path, values, fps=25.0)
