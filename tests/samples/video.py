"""Small files of 2D poses in videos: PYSKL pickles, Penn Action."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io


def write_pyskl(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import COCO17

    places, score = values[None, :, :17, :2], (values[None, :, :17] != 0).any(-1).astype(np.float16)
    annotations = [
        {
            "frame_dir": name,
            "label": label,
            "img_shape": (1080, 1920),
            "original_shape": (1080, 1920),
            "total_frames": frames,
            "keypoint": (places + label).astype(np.float16),
            "keypoint_score": score,
        }
        for name, label, frames in (("clip one", 0, len(values)), ("clip two", 7, 2))
    ]
    held = {"split": {"xsub_train": ["clip one"], "xsub_val": ["clip two"]}, "annotations": annotations}
    path.write_bytes(pickle.dumps(held, protocol=4))
    return [
        SkeletonSequence.from_positions(
            one["keypoint"][:, : one["total_frames"]],
            COCO17,
            observed=one["keypoint_score"][:, : one["total_frames"]] > 0,
            name=one["frame_dir"],
            unit="px",
            label=str(one["label"]),
            tags={"xsub": "train" if one["label"] == 0 else "val"},
        )
        for one in annotations
    ]


def write_penn_action(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import PENN13

    seen = (values[:, :13] != 0).any(-1)
    places = np.where(seen[..., None], values[:, :13, :2] * 8 + 10, 1.0)
    hidden = seen.copy()
    hidden[0, 4] = False  # behind something, but marked all the same
    held = {
        "action": "tennis_serve", "pose": "left", "x": places[..., 0], "y": places[..., 1],
        "visibility": hidden.astype(np.uint8), "train": -1, "nframes": len(values),
        "bbox": np.ones((len(values), 4)), "dimensions": np.array([[480, 640, len(values)]], np.uint16),
    }  # fmt: skip
    scipy.io.savemat(path, held, do_compression=True)
    return [
        SkeletonSequence.from_positions(
            places, PENN13, observed=seen, name=path.stem, unit="px", label="tennis serve", tags={"split": "test"}
        )
    ]
