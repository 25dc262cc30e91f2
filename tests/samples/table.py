"""A small long table, as CSV and as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from samples.kinect import kinect

HEADER = ("recording", "frame", "person", "joint", "x", "y", "z", "confidence", "label", "subject")


def rows(expected: Any, values: np.ndarray) -> list[tuple[Any, ...]]:
    """A line for each joint; one that was lost has a place and no confidence."""
    return [
        (
            expected.name,
            i,
            0,
            joint,
            *(place if place.any() else (9.0, 9.0, 9.0)),
            float(place.any()),
            "wave",
            "anna",
        )
        for i, frame in enumerate(values)
        for joint, place in zip(expected.skeleton.joints, frame, strict=True)
    ]


def write_table(path: Path, values: np.ndarray) -> list[Any]:
    (expected,) = kinect(path, values, label="wave", tags={"subject": "anna"})
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in (HEADER, *rows(expected, values))))
    return [expected]


def write_parquet(path: Path, values: np.ndarray) -> list[Any]:
    import pyarrow
    import pyarrow.parquet

    (expected,) = kinect(path, values, label="wave", tags={"subject": "anna"})
    columns = zip(*rows(expected, values), strict=True)
    table = pyarrow.table({name: list(column) for name, column in zip(HEADER, columns, strict=True)})
    pyarrow.parquet.write_table(table, path)
    return [expected]


def write_wide_table(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    observed = (values != 0).any(-1)
    header = ",".join(f"{joint}_{axis}" for joint in KINECT20.joints for axis in "xyz")
    lines = [f"frame,time,{header}"]
    for number, (frame, is_observed) in enumerate(zip(values.astype(float), observed, strict=True)):
        cells = [
            f"{value!r}" if seen else ""
            for joint, seen in zip(frame.tolist(), is_observed, strict=True)
            for value in joint
        ]
        lines.append(",".join([str(number), str(number / 25), *cells]))
    path.write_text("\n".join(lines) + "\n")
    return [
        SkeletonSequence.from_positions(
            values, KINECT20, observed=observed, name=path.stem, fps=25.0, unit="unknown"
        )
    ]
