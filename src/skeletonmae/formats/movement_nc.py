"""netCDF files of movement (`ds.to_netcdf`): poses of one or several individuals. Needs `skeletonmae[animals]`.

A dataset of poses has `position` with the dimensions time, space, keypoint and individual, `confidence` without
space, and the attributes `fps`, `time_unit` and `ds_type`; until version 0.13 the last two dimensions were
`keypoints` and `individuals`. netCDF 4 is HDF5. Individuals are persons, keypoints are joints of the file's own
layout. A keypoint is unobserved where its position is not finite or its confidence is 0. Coordinates in 2D are
pixels; those in 3D have an unknown unit, and axes as the file has them. Sirmpilatze et al.,
https://movement.neuroinformatics.dev.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.hdf5 import SIGNATURE, Hdf5, read_hdf5
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_numbers import FrameNumbering
from skeletonmae.formats.named_skeletons import layout_from_names, named_recording
from skeletonmae.limits import MAX_COORDINATE, check_density, check_shape
from skeletonmae.sequences import SkeletonSequence

NETCDF_MARKS = (b"_Netcdf4", b"_NCProperties")
"""Attributes that netCDF 4 adds to HDF5, of which one is near the beginning."""
CLASSIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
"""First bytes of netCDF 3."""
SPACES = (["x", "y"], ["x", "y", "z"])
DIMENSIONS = {
    "time": ("time",),
    "space": ("space",),
    "keypoint": ("keypoint", "keypoints"),
    "individual": ("individual", "individuals"),
}
"""Dimension -> its names."""
ARRAYS = "position|confidence|time|space|keypoints?|individuals?"
ATTRIBUTES = (
    "@(fps|time_unit)|(time|space|keypoints?|individuals?)@_Netcdf4Dimid|(position|confidence)@_Netcdf4Coordinates"
)
POSITION = ("time", "space", "keypoint", "individual")
CONFIDENCE = ("time", "keypoint", "individual")
EXPECTED = "position with the dimensions time, space, keypoint and individual"


def is_netcdf(head: bytes) -> bool:
    """Whether these are the first bytes of a netCDF file, which in version 4 is HDF5."""
    return head.startswith(CLASSIC) or (head.startswith(SIGNATURE) and any(mark in head for mark in NETCDF_MARKS))


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    if file.head().startswith(CLASSIC):
        expected = "netCDF 4: save it with ds.to_netcdf(path, engine='netcdf4')"
        raise InputError("netCDF 3 files cannot be read", where=file.path, expected=expected)
    content = read_hdf5(file, ARRAYS, ATTRIBUTES)
    names = {
        dimension: next((name for name in known if name in content.names), "")
        for dimension, known in DIMENSIONS.items()
    }
    if "position" not in content.names or not all(names.values()):
        got = ", ".join(content.names) or "nothing"
        raise InputError("not a dataset of poses", where=file.path, expected=EXPECTED, got=got)
    space, joints, persons = (content.list(names[dimension]) for dimension in ("space", "keypoint", "individual"))
    if space not in SPACES:
        raise InputError(
            "the coordinate 'space' names other axes", where=file.path, expected="x, y or x, y, z", got=space
        )
    sizes = {"space": len(space), "keypoint": len(joints), "individual": len(persons)}
    positions = _ordered(file, content, "position", names, POSITION, sizes)
    if "confidence" in content.numbers:
        confidence = _ordered(file, content, "confidence", names, CONFIDENCE, sizes)
        positions = np.where((confidence == 0)[:, None], np.nan, positions)
    positions, fps, notes = _at_frames(file, content, positions)
    check_shape(file.path, (len(persons), len(positions), len(joints)))
    skeleton, order = layout_from_names(file, "movement", joints)
    to_skeleton = np.argsort(order)
    recording = named_recording(
        file,
        skeleton,
        [joints[index] for index in to_skeleton],
        positions.transpose(3, 0, 2, 1)[:, :, to_skeleton],
        options,
        name=file.path.stem,
        unit="px" if len(space) == 2 else "unknown",
        notes=notes,
    )
    yield replace(recording, fps=fps)


def _ordered(
    file: InputFile,
    content: Hdf5,
    name: str,
    names: dict[str, str],
    order: tuple[str, ...],
    sizes: dict[str, int],
) -> np.ndarray:
    """An array of numbers with its dimensions in a given order."""
    values = content.array(name)
    by_number = {
        number: dimension
        for dimension, known in names.items()
        for number in content.numbers.get(f"{known}@_Netcdf4Dimid", np.array([])).reshape(-1).tolist()
    }
    coordinates = content.numbers.get(f"{name}@_Netcdf4Coordinates", np.array([])).reshape(-1).tolist()
    dimensions = [by_number.get(number, "") for number in coordinates] or list(order)
    if values.ndim != len(order) or values.dtype.kind not in "fiu" or sorted(dimensions) != sorted(order):
        got = f"{values.dtype} {values.shape}"
        raise InputError(f"{name!r} has other dimensions", where=file.path, expected=", ".join(order), got=got)
    values = values.transpose([dimensions.index(dimension) for dimension in order])
    if any(
        values.shape[order.index(dimension)] != size for dimension, size in sizes.items() if dimension in order
    ):
        raise InputError(f"{name!r} and its coordinates differ in length", where=file.path, got=values.shape)
    return values


def _at_frames(
    file: InputFile, content: Hdf5, positions: np.ndarray
) -> tuple[np.ndarray, float | None, tuple[str, ...]]:
    """Positions with a row for each frame; the frame rate; and notes."""
    rate = content.numbers.get("@fps", np.array([])).reshape(-1)
    fps = float(rate[0]) if len(rate) == 1 and rate.dtype.kind in "fiu" else None
    in_seconds = content.text("@time_unit", "frames") == "seconds"
    return positions_at_frames(file.path, positions, content.array("time"), fps, in_seconds)


def positions_at_frames(
    where: Path | str, positions: np.ndarray, times: np.ndarray, fps: float | None, in_seconds: bool
) -> tuple[np.ndarray, float | None, tuple[str, ...]]:
    """Return positions with a row for each frame, because the times may leave frames out.

    Args:
        where: The file or the dataset, for messages.
        positions: `(time, ...)`.
        times: The time of each row.
        fps: Frames per second, if known.
        in_seconds: Whether the times are in seconds and not in frames.

    Returns:
        The positions, NaN in frames that were left out; the frame rate; and notes.

    Raises:
        InputError: The times do not match the rows, or do not rise.
    """
    if times.shape != positions.shape[:1] or times.dtype.kind not in "fiu":
        expected = f"{len(positions)} numbers, one per frame"
        raise InputError("the times do not match the frames", where=where, expected=expected, got=times.shape)
    times = times.astype(np.float64)
    fps = fps if fps is not None and 0 < fps < MAX_COORDINATE else None
    if not len(times) or not (np.abs(times) < MAX_COORDINATE).all() or not (np.diff(times) > 0).all():
        raise InputError("the times do not rise from frame to frame", where=where)
    if in_seconds:
        if fps is None and len(times) > 1:
            fps = 1 / float(np.median(np.diff(times)))
        times = times * (fps or 1.0)
    frames = np.round(times).astype(np.int64)
    if (np.diff(frames) < 1).any():
        raise InputError("the times are closer than the frame rate", where=where, got=f"{fps} frames per second")
    numbering = FrameNumbering.of(frames)
    index = numbering.index(frames)
    num_frames = int(index[-1]) + 1
    check_density(where, (1, num_frames, 1), len(frames))
    filled = np.full((num_frames, *positions.shape[1:]), np.nan)
    filled[index] = positions
    return filled, numbering.fps(fps), numbering.notes


MOVEMENT_NC = Format("movement_nc", "movement netCDF: keypoints of individuals", (".nc",), is_netcdf, _parse)
