"""netCDF 4 files as movement saves them, written with h5py: dimensions carry a number, and arrays list theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from samples.kinect import KINECT


def write_netcdf(
    path: Path,
    positions: np.ndarray,
    joints: Sequence[str],
    individuals: Sequence[str],
    *,
    confidence: np.ndarray | None = None,
    times: np.ndarray | None = None,
    fps: float | None = 30.0,
    order: tuple[str, ...] = ("time", "space", "keypoint", "individual"),
    plural: bool = False,
) -> Path:
    """A dataset of `(time, space, keypoint, individual)` positions, with its dimensions stored in another order."""
    import h5py

    dimensions = ("time", "space", "keypoint", "individual")
    numbers = {dimension: number for number, dimension in enumerate(dimensions)}
    times = np.arange(len(positions)) / (fps or 1) if times is None else times
    coordinates: dict[str, Any] = {
        "time": times.astype("f8"),
        "space": [name.encode() for name in "xyz"[: positions.shape[1]]],
        "keypoint": [name.encode() for name in joints],
        "individual": [name.encode() for name in individuals],
    }
    arrays: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        "position": (order, positions.transpose([dimensions.index(axis) for axis in order]))
    }
    if confidence is not None:
        arrays["confidence"] = (("time", "keypoint", "individual"), confidence)
    with h5py.File(path, "w") as file:
        file.attrs["_NCProperties"] = np.bytes_("version=2,netcdf=4.10.1,hdf5=2.2.0")
        file.attrs["ds_type"] = np.bytes_("poses")
        file.attrs["time_unit"] = np.bytes_("seconds" if fps else "frames")
        if fps:
            file.attrs["fps"] = [fps]
        for dimension, values in coordinates.items():
            name = dimension + "s" if plural and dimension in ("keypoint", "individual") else dimension
            file[name] = np.array(values)
            file[name].attrs["_Netcdf4Dimid"] = np.int32(numbers[dimension])
        for name, (axes, values) in arrays.items():
            file[name] = values.astype("f4")
            file[name].attrs["_Netcdf4Coordinates"] = np.array([numbers[axis] for axis in axes], np.int32)
    return path


def write_movement_nc(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    lost = (values == 0).all(-1)
    positions = np.where(lost[..., None], np.nan, values)[..., :2].transpose(0, 2, 1)[..., None]
    write_netcdf(path, positions, KINECT, ["person"])
    return [
        SkeletonSequence.from_positions(
            values[..., :2], KINECT20, observed=~lost, name=path.stem, unit="px", fps=30.0
        )
    ]
