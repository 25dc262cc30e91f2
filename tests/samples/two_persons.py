"""A small SBU file: the formula of its makers, turned round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_sbu(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import SBU15

    persons = [values[:, :15] / 10, values[:, 5:] / 10]
    rows = [
        ",".join([str(100 + i), *(repr(float(v)) for person in persons for v in person[i].ravel())])
        for i in range(len(values))
    ]
    path.write_text("\n".join(rows) + "\n")
    shares = np.stack(persons)
    metres = np.stack(
        [1.28 - 2.56 * shares[..., 0], 0.96 - 1.92 * shares[..., 1], shares[..., 2] * 10 / 7.8125], axis=-1
    )

    return [
        SkeletonSequence.from_positions(
            metres, SBU15, observed=(shares != 0).any(-1), name=path.parent.name, fps=15.0
        )
    ]
