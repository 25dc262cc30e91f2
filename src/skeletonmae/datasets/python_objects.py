"""Arrays and objects of other libraries as recordings.

Objects of movement (xarray) and sleap-io are known by their attributes; neither library is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats import InputFile, ReadOptions
from skeletonmae.formats.axes import convert_axes, convert_unit
from skeletonmae.formats.movement_nc import DIMENSIONS, SPACES, positions_at_frames
from skeletonmae.formats.named_skeletons import layout_from_names, named_recording, skeleton_from_names
from skeletonmae.sequences import SkeletonSequence

NEEDS_JOINTS = "an array does not say which joints it has"
JOINTS_EXPECTED = "layout, such as 'kinect20', or joints, a list of their names"


def is_pose_dataset(value: object) -> bool:
    """Return whether a value is a dataset or an array of xarray, as movement has them."""
    return all(hasattr(value, name) for name in ("dims", "coords", "attrs"))


def is_sleap_labels(value: object) -> bool:
    """Return whether a value looks like the labels of sleap-io."""
    return all(hasattr(value, name) for name in ("numpy", "videos", "skeletons", "tracks"))


def from_array(
    values: Any, options: ReadOptions, joints: Sequence[str] | None = None, name: str = ""
) -> SkeletonSequence:
    """Make a recording of an array of coordinates.

    Args:
        values: `(frame, joint, axis)` or `(person, frame, joint, axis)`, NaN where a joint was not observed.
        options: Layout, unit, frame rate and the axis that points up.
        joints: Names of the joints, in their order.
        name: Name of the recording.

    Raises:
        InputError: It has another shape, its joints are not known, or they are not as many.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.ndim not in (3, 4) or array.shape[-1] not in (2, 3):
        expected = "numbers (frame, joint, axis) or (person, frame, joint, axis) with 2 or 3 axes"
        raise InputError("not a recording", where=name, expected=expected, got=f"{array.dtype} {array.shape}")
    positions = array[None] if array.ndim == 3 else array
    unit = options.unit or "m"
    if joints is not None:
        names = tuple(joints)
        if len(names) != positions.shape[2]:
            expected, got = f"{positions.shape[2]} joints, as the array has", f"{len(names)} names"
            raise InputError("another number of names than of joints", where=name, expected=expected, got=got)
        recording = _named(positions, names, options, name, "m" if unit in ("cm", "mm") else unit)
    elif options.layout is None:
        raise InputError(NEEDS_JOINTS, where=name, expected=JOINTS_EXPECTED)
    else:
        recording = SkeletonSequence.from_positions(positions, options.layout, name=name)
    recording = convert_unit(replace(recording, fps=options.fps), unit)
    return convert_axes(recording, options.up) if options.up else recording


def from_channels(
    values: np.ndarray,
    options: ReadOptions,
    joints: Sequence[str] | None = None,
    axes: Literal[2, 3] = 3,
    name: str = "",
) -> SkeletonSequence:
    """Make a recording of a multivariate time series, as aeon and sktime have them.

    Args:
        values: `(channel, time)`. The channels are the axes of the first joint, those of the second, and so on.
            Times at the end at which all channels are NaN are padding.
        options: Facts about the array.
        joints: Names of the joints.
        axes: Number of axes of a joint.
        name: Name of the recording.

    Raises:
        InputError: The number of channels is not that of the joints times their axes.
    """
    num_joints = len(joints) if joints is not None else options.layout.num_joints if options.layout else 0
    if not num_joints:
        raise InputError(NEEDS_JOINTS, where=name, expected=JOINTS_EXPECTED)
    if len(values) != num_joints * axes:
        expected = f"{num_joints} joints x {axes} axes = {num_joints * axes} channels"
        raise InputError("another number of channels", where=name, expected=expected, got=len(values))
    positions = np.moveaxis(values.reshape(num_joints, axes, -1), 2, 0)
    is_padding = ~np.isfinite(positions).any((1, 2))
    num_frames = int(np.flatnonzero(~is_padding).max(initial=-1)) + 1
    return from_array(positions[:num_frames], options, joints, name)


def from_pose_dataset(dataset: Any, options: ReadOptions, name: str) -> SkeletonSequence:
    """Make a recording of a dataset of movement, or of its `position`.

    Args:
        dataset: An object of xarray with the dimensions time, space and keypoint, and often individual.
        options: Facts about the dataset that it does not state, and a layout to read it in.
        name: Name of the recording if the dataset has no `source_file`.

    Raises:
        InputError: It is not a dataset of poses.
    """
    where = f"{name} of xarray"
    is_dataset = hasattr(dataset, "data_vars")
    if is_dataset and "position" not in dataset.data_vars:
        got = ", ".join(map(str, dataset.data_vars)) or "nothing"
        raise InputError("not a dataset of poses", where=where, expected="the variable position", got=got)
    position = dataset["position"] if is_dataset else dataset
    names = {
        key: next((known for known in spellings if known in position.dims), "")
        for key, spellings in DIMENSIONS.items()
    }
    if not all(names[key] for key in ("time", "space", "keypoint")):
        expected, got = "time, space, keypoint and individual", ", ".join(map(str, position.dims))
        raise InputError("position has other dimensions", where=where, expected=expected, got=got)
    order = [names[key] for key in ("time", "space", "keypoint", "individual") if names[key]]
    values = np.asarray(position.transpose(*order).values, dtype=np.float64)
    space = [str(axis) for axis in position.coords[names["space"]].values]
    if space not in SPACES:
        raise InputError("the coordinate 'space' names other axes", where=where, expected="x, y, z", got=space)
    if is_dataset and "confidence" in dataset.data_vars:
        dims = [dimension for dimension in order if dimension != names["space"]]
        confidence = np.asarray(dataset["confidence"].transpose(*dims).values)
        values = np.where((confidence == 0)[:, None], np.nan, values)
    attributes = {**position.attrs, **dataset.attrs}
    times = np.asarray(position.coords["time"].values) if "time" in position.coords else np.arange(len(values))
    rate, time_unit = attributes.get("fps"), attributes.get("time_unit")
    is_fraction = times.dtype.kind == "f" and bool((times != np.round(times)).any())
    in_seconds = is_fraction if time_unit is None else time_unit == "seconds"  # a variable alone does not say
    fps = float(rate) if isinstance(rate, int | float | np.number) else None
    values, fps, notes = positions_at_frames(where, values, times, fps, in_seconds)
    values = values[..., None] if not names["individual"] else values
    joints = [str(joint) for joint in position.coords[names["keypoint"]].values]
    source_file = attributes.get("source_file")
    unit = "px" if len(space) == 2 else "unknown"
    recording = _named(
        values.transpose(3, 0, 2, 1), joints, options, Path(source_file).stem if source_file else name, unit, notes
    )
    return _with_options(replace(recording, fps=fps), options)


def from_sleap_labels(labels: Any, options: ReadOptions, name: str) -> Iterator[SkeletonSequence]:
    """Yield a recording for each video of the labels of sleap-io.

    Args:
        labels: `sleap_io.Labels`.
        options: Facts about the labels, and a layout to read them in.
        name: Name of a recording whose video has no file name.

    Raises:
        InputError: There is no skeleton.
    """
    if not labels.skeletons:
        raise InputError("the labels have no skeleton", where=f"{name} of sleap-io")
    skeleton = labels.skeletons[-1]
    joints = [str(joint) for joint in skeleton.node_names]
    mirror = getattr(skeleton, "symmetry_inds", [])
    layout = skeleton_from_names(InputFile(Path(name)), "sleap", joints, skeleton.edge_inds, mirror)
    for video in labels.videos:
        tracks = np.asarray(labels.numpy(video=video, untracked=not labels.tracks), dtype=np.float64)
        filename = getattr(video, "filename", None)
        stem = Path(filename).stem if isinstance(filename, str) else name
        notes = _lost_instances(labels, video) if labels.tracks else ()
        recording = named_recording(
            InputFile(Path(stem)),
            layout,
            joints,
            tracks.transpose(1, 0, 2, 3),
            options,
            name=stem,
            unit="px",
            notes=notes,
        )
        fps = getattr(video, "fps", None)
        fps = float(fps) if isinstance(fps, int | float) and fps > 0 else None
        yield _with_options(replace(recording, fps=fps), options)


def _lost_instances(labels: Any, video: Any) -> tuple[str, ...]:
    """A note on the instances of a video that belong to no track, which the array of tracks does not have."""
    frames: Iterable[Any] = (frame for frame in labels.labeled_frames if frame.video is video)
    number = sum(instance.track is None for frame in frames for instance in frame.instances)
    return (f"{number} instances without a track are not used",) if number else ()


def _named(
    positions: np.ndarray,
    joints: Sequence[str],
    options: ReadOptions,
    name: str,
    unit: str,
    notes: tuple[str, ...] = (),
) -> SkeletonSequence:
    """A recording whose joints have names: `positions` are `(person, frame, joint, axis)`."""
    file = InputFile(Path(name))
    layout, index = layout_from_names(file, "joints", joints)
    order = np.argsort(index)
    names = [joints[number] for number in order.tolist()]
    return named_recording(file, layout, names, positions[:, :, order], options, name=name, unit=unit, notes=notes)


def _with_options(recording: SkeletonSequence, options: ReadOptions) -> SkeletonSequence:
    """Apply what the user states in place of what a dataset says."""
    if options.unit:
        recording = convert_unit(recording, options.unit)
    if options.up:
        recording = convert_axes(recording, options.up)
    return replace(recording, fps=options.fps) if options.fps else recording
