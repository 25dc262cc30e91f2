"""A small long CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from samples.kinect import kinect


def write_table(path: Path, values: np.ndarray) -> list[Any]:
    (expected,) = kinect(path, values)
    lines = ["recording,frame,person,joint,x,y,z,confidence,label,subject"]
    for i, frame in enumerate(values):
        for joint, (x, y, z) in zip(expected.skeleton.joints, frame, strict=True):
            place = f"{x},{y},{z},1" if x or y or z else "9,9,9,0"
            lines.append(f"{expected.name},{i},0,{joint},{place},wave,anna")
    path.write_text("\n".join(lines) + "\n")
    return [expected]
