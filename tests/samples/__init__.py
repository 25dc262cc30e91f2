"""Small files of every format, written from numbers and not by the package.

To add one: a file here with a function that writes `(frame, joint of kinect20, axis)`, or as much of it as the
format can hold, to a path, and gives back the recordings that a reader must find there; and a line in `WRITERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from samples.animals import write_deeplabcut, write_sleap
from samples.arrays import write_amass_npz, write_ctrgcn_npz, write_stgcn_npy, write_videopose3d_npz
from samples.kinect import numbers, write_kinder_gator, write_msr_action3d, write_nw_ucla, write_utd_mhad
from samples.markers import write_c3d
from samples.mocap import write_asf_amc, write_bvh, write_trc
from samples.netcdf import write_movement_nc
from samples.ntu import write_ntu
from samples.pku_mmd import write_pku_mmd
from samples.pose_files import write_pose_format
from samples.pose_json import (
    write_alphapose,
    write_azure_kinect,
    write_coco_json,
    write_kinetics_json,
    write_mediapipe,
    write_mmpose,
    write_openpose,
    write_yolo_json,
    write_yolo_txt,
    write_zed,
)
from samples.table import write_parquet, write_table, write_wide_table
from samples.two_persons import write_sbu
from samples.video import write_penn_action, write_pyskl

__all__ = ["WRITERS", "numbers"]

WRITERS: dict[str, tuple[str, Callable[[Path, np.ndarray], list[Any]]]] = {
    "ntu": (".skeleton", write_ntu),
    "bvh": (".bvh", write_bvh),
    "trc": (".trc", write_trc),
    "asf_amc": (".amc", write_asf_amc),
    "pyskl": (".pkl", write_pyskl),
    "ctrgcn_npz": (".npz", write_ctrgcn_npz),
    "stgcn_npy": (".npy", write_stgcn_npy),
    "amass_npz": (".npz", write_amass_npz),
    "videopose3d_npz": (".npz", write_videopose3d_npz),
    "c3d": (".c3d", write_c3d),
    "pose_format": (".pose", write_pose_format),
    "movement_nc": (".nc", write_movement_nc),
    "penn_action": (".mat", write_penn_action),
    "sbu": (".txt", write_sbu),
    "nw_ucla": (".json", write_nw_ucla),
    "utd_mhad": (".mat", write_utd_mhad),
    "msr_action3d": (".txt", write_msr_action3d),
    "kinder_gator": (".csv", write_kinder_gator),
    "pku_mmd": (".txt", write_pku_mmd),
    "openpose": (".json", write_openpose),
    "coco_json": (".json", write_coco_json),
    "alphapose": (".json", write_alphapose),
    "mmpose": (".json", write_mmpose),
    "kinetics_json": (".json", write_kinetics_json),
    "yolo_txt": (".txt", write_yolo_txt),
    "yolo_json": (".json", write_yolo_json),
    "mediapipe": (".json", write_mediapipe),
    "azure_kinect": (".json", write_azure_kinect),
    "zed": (".json", write_zed),
    "table": (".csv", write_table),
    "parquet": (".parquet", write_parquet),
    "wide_table": (".csv", write_wide_table),
    "deeplabcut": (".csv", write_deeplabcut),
    "sleap": (".slp", write_sleap),
}
"""Format name -> the ending of its files, and what writes one."""
