"""A small PKU-MMD file: Kinect v1's joints at the places that Kinect v2 has for them, the rest lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

KINECT20_IN_NTU25 = [0, 1, 20, 3, *range(4, 20)]


def write_pku_mmd(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import NTU25

    bodies = np.zeros((2, len(values), 25, 3))
    bodies[0][:, KINECT20_IN_NTU25] = values
    bodies[1, 1] = bodies[0, 0] + 1
    path.write_text("".join(" " + " ".join(f"{v:f}" for v in row.ravel()) + "\n" for row in bodies.swapaxes(0, 1)))
    return [SkeletonSequence.from_positions(bodies, NTU25, observed=bodies.any(-1), name=path.stem, fps=30.0)]
