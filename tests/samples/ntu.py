"""A small NTU RGB+D file: one body, there in every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_ntu(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import NTU25

    joints = np.concatenate([values, values[:, :5] + 0.5], axis=1).astype(np.float32)
    seen = (joints != 0).any(-1)
    lines = [str(len(joints))]
    for frame, there in zip(joints, seen, strict=True):
        lines += ["1", "72057594037931101 0 1 1 1 1 0 0.02 -0.1 2", "25"]
        for (x, y, z), one in zip(frame.tolist(), there, strict=True):
            place = f"{x} {y} {z}" if one else "NaN NaN NaN"
            lines.append(f"{place} 277.6 191.8 1036.2 519.1 -0.2 0.03 0.97 -0.06 2")
    path.write_text("\r\n".join(lines) + "\r\n")
    moved = joints - joints[0, 1]  # the middle of the spine in the first frame
    return [SkeletonSequence.from_positions(moved, NTU25, observed=seen, name=path.stem, fps=30.0)]
