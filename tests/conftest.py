from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

# Small files of every format, written from numbers and not by the package; joint orders are copied from the
# sets' own documents.
KINECT = (
    "HipCenter", "Spine", "ShoulderCenter", "Head", "ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft",
    "ShoulderRight", "ElbowRight", "WristRight", "HandRight", "HipLeft", "KneeLeft", "AnkleLeft", "FootLeft",
    "HipRight", "KneeRight", "AnkleRight", "FootRight",
)  # fmt: skip
UTD_TO_KINECT = [3, 2, 1, 0, *range(4, 20)]
MSR_TO_KINECT = [6, 3, 2, 19, 0, 7, 9, 11, 1, 8, 10, 12, 4, 13, 15, 17, 5, 14, 16, 18]


def numbers(frames: int = 3) -> np.ndarray:
    """(frame, joint, axis) of kinect20, every value its own, none of them 0."""
    return (np.arange(frames * 60).reshape(frames, 20, 3) + 1) / 64


def in_file_order(values: np.ndarray, to_kinect: list[int]) -> np.ndarray:
    out = np.empty_like(values)
    out[:, to_kinect] = values
    return out


def write_nw_ucla(path: Path, values: np.ndarray) -> Path:
    path.write_text(json.dumps({"file_name": path.stem, "skeletons": values.tolist(), "label": 1}))
    return path


def write_utd_mhad(path: Path, values: np.ndarray) -> Path:
    array = in_file_order(values, UTD_TO_KINECT).transpose(1, 2, 0)
    scipy.io.savemat(path, {"d_skel": array}, do_compression=True)
    return path


def write_msr_action3d(path: Path, values: np.ndarray) -> Path:
    rows = in_file_order(values, MSR_TO_KINECT).reshape(-1, 3)
    path.write_text("".join(f"{x} {y} {z} 0.0\n" for x, y, z in rows))
    return path


def write_kinder_gator(path: Path, values: np.ndarray) -> Path:
    header = ",".join(
        ["Timestamp", *(joint + axis for joint in KINECT for axis in "XYZ"), "User-ID", "Action", ""]
    )
    rows = [
        ",".join([f"{1000 + 40 * i}", *map(str, frame.ravel()), "7", "Bow", ""]) for i, frame in enumerate(values)
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def write_table(path: Path, values: np.ndarray) -> Path:
    from skeletonmae.skeletons import KINECT20

    lines = ["recording,frame,person,joint,x,y,z,confidence,label,subject"]
    for i, frame in enumerate(values):
        for joint, (x, y, z) in zip(KINECT20.joints, frame, strict=True):
            lines.append(f"{path.stem},{i},0,{joint},{x},{y},{z},1,wave,anna")
    path.write_text("\n".join(lines) + "\n")
    return path


WRITERS = {
    "nw_ucla": (".json", write_nw_ucla),
    "utd_mhad": (".mat", write_utd_mhad),
    "msr_action3d": (".txt", write_msr_action3d),
    "kinder_gator": (".csv", write_kinder_gator),
    "table": (".csv", write_table),
}


@pytest.fixture(scope="session")
def write_sample() -> Callable[[str, Path, np.ndarray], Path]:
    """Write (frame, joint of kinect20, axis) as a file of the named format; gives back the path."""
    return lambda name, path, values: WRITERS[name][1](path, values)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Format name -> a sound file of `numbers()`."""
    folder = tmp_path_factory.mktemp("samples")
    return {name: write(folder / f"{name}{suffix}", numbers()) for name, (suffix, write) in WRITERS.items()}


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; the test is skipped where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKELETONMAE_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set SKELETONMAE_REAL_DATA")
    return folder
