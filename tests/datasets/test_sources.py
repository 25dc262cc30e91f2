"""Recordings from files, arrays and the objects of other libraries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from skeletonmae.datasets.load_recordings import Problem
from skeletonmae.datasets.python_objects import from_channels
from skeletonmae.datasets.sources import iter_sources, read, source_options
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import KINECT20

MOUSE = ["snout", "left_ear", "right_ear"]


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def test_arrays(make_recording: Any) -> None:
    positions = numbers(2, 9, 20, 3)
    positions[1, 3, 5] = np.nan
    recording, single = read([positions, positions[0].astype(np.float32)], layout="kinect20", fps=25)
    assert (recording.name, recording.unit, recording.fps, recording.skeleton) == ("array 0", "m", 25, KINECT20)
    assert np.argwhere(~recording.observed).tolist() == [[1, 3, 5]]
    np.testing.assert_allclose(recording.positions[0], positions[0], rtol=1e-6)
    assert single.positions.shape == (1, 9, 20, 3)
    (one,) = read(positions, layout=KINECT20)
    np.testing.assert_array_equal(one.positions, recording.positions)


def test_units_and_axes_of_arrays() -> None:
    positions = numbers(9, 20, 3)
    (meters,) = read(positions, layout="kinect20")
    (millimeters,) = read(positions * 1000, layout="kinect20", unit="mm")
    np.testing.assert_allclose(millimeters.positions, meters.positions, rtol=1e-5)
    z_up = np.stack([positions[..., 0], -positions[..., 2], positions[..., 1]], -1)
    (turned,) = read(z_up, layout="kinect20", up="z")
    np.testing.assert_allclose(turned.positions, meters.positions, rtol=1e-6)
    (pixels,) = read(positions[..., :2], layout="kinect20", unit="px")
    assert (pixels.unit, pixels.positions.shape[3]) == ("px", 2)
    (named,) = read(positions * 100, joints=KINECT20.joints, unit="cm")
    np.testing.assert_allclose(named.positions, meters.positions, rtol=1e-5)


def test_joints_of_arrays_have_names() -> None:
    """All joints of a known layout in any order and spelling, or a layout of their own."""
    order = np.random.default_rng(1).permutation(20)
    positions = numbers(9, 20, 3)
    names = [KINECT20.joints[index].upper().replace("_", " ") for index in order]
    (shuffled,) = read(positions[:, order], joints=names)
    assert shuffled.skeleton == KINECT20
    np.testing.assert_allclose(shuffled.positions[0], positions, rtol=1e-6)
    (own,) = read(positions[:, :3], joints=MOUSE)
    assert own.skeleton.joints == tuple(MOUSE)
    (seen,) = read(positions[:, :2], joints=["head", "left_hand"], layout="kinect20")
    assert seen.skeleton == KINECT20
    assert seen.observed[0, 0].nonzero()[0].tolist() == [KINECT20.index["head"], KINECT20.index["left_hand"]]


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        (
            numbers(9, 20, 3),
            {},
            r"array 0: an array does not say which joints it has; expected layout, .*, or joints",
        ),
        (
            numbers(9, 20, 3),
            {"joints": MOUSE},
            "array 0: another number of names.*expected 20 joints.*got 3 names",
        ),
        (numbers(9, 20, 3), {"layout": "ntu25"}, r"array 0.*wrong shape"),
        (numbers(9, 20), {"layout": "kinect20"}, r"array 0: not a recording.*got float64 \(9, 20\)"),
        (numbers(9, 20, 4), {"layout": "kinect20"}, "array 0: not a recording"),
        (np.zeros((9, 20, 3), dtype=complex), {"layout": "kinect20"}, "not a recording"),
        (
            numbers(9, 20, 3),
            {"layout": "kinect20", "unit": "feet"},
            "unit: unknown unit; expected m, .*; got feet",
        ),
        (numbers(9, 20, 3), {"layout": "kinect20", "fps": 0}, "the frame rate must be above 0; got 0"),
        ([], {}, "no recording could be read: nothing was given"),
        ("nowhere", {}, "not everything could be read .*nowhere: there is no such"),
        (numbers(9, 20, 3), {"format": "jpeg"}, "unknown format"),
        (numbers(9, 20, 3), {"errors": "maybe"}, "expected raise or ignore; got maybe"),
    ],
)
def test_mistakes(source: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(source, **settings)


def test_files_folders_and_stores(tmp_path: Path, write_sample: Any, make_store: Any, make_recording: Any) -> None:
    folder = tmp_path / "Übung ä"
    (folder / "wave").mkdir(parents=True)
    file = write_sample("nw_ucla", folder / "wave" / "one.json", numbers(9, 20, 3))
    store = make_store(tmp_path / "store", [make_recording(0), make_recording(1)])
    mine = make_recording(2)
    recordings = read([str(folder), file, tmp_path / "store", store, mine, numbers(5, 20, 3)], layout=KINECT20)
    assert [one.name for one in recordings] == [
        "wave/one", "one", "clip 0", "clip 1", "clip 0", "clip 1", "clip 2", "array 5",
    ]  # fmt: skip
    assert recordings[0].label == "wave"
    assert recordings[6] is mine
    kinds = [type(one) for one in iter_sources([tmp_path / "store", mine])]
    assert kinds == [SequenceStore, SkeletonSequence]


def test_what_cannot_be_read_is_an_error_unless_it_may_be_left_out(tmp_path: Path, write_sample: Any) -> None:
    write_sample("nw_ucla", tmp_path / "one.json", numbers(9, 20, 3))
    (tmp_path / "broken.csv").write_text("not a table")
    with pytest.raises(InputError, match=r"(?s)errors='ignore' leaves it out.*broken\.csv"):
        read(tmp_path)
    assert [one.name for one in read(tmp_path, errors="ignore")] == ["one"]
    problems = [item for item in iter_sources(tmp_path) if isinstance(item, Problem)]
    assert [Path(problem.recording).name for problem in problems] == ["broken.csv"]


def test_recordings_are_read_one_after_the_other(make_recording: Any) -> None:
    taken = []

    def sources() -> Any:
        for number in range(3):
            taken.append(number)
            yield make_recording(number)

    first = next(iter(iter_sources(sources())))
    assert (first.name, taken) == ("clip 0", [0])


def test_channels_of_a_time_series() -> None:
    positions = numbers(9, 3, 3)
    channels = positions.reshape(9, 9).T
    padded = np.concatenate([channels, np.full((9, 4), np.nan)], 1)
    recording = from_channels(padded, source_options(fps=10), MOUSE, name="case 0")
    assert recording.positions.shape == (1, 9, 3, 3)
    assert recording.fps == 10
    np.testing.assert_allclose(recording.positions[0], positions, rtol=1e-6)
    flat = from_channels(
        channels[:8], source_options("kinect20", unit="px"), ["head", "neck", "left_hip", "right_hip"], 2
    )
    assert flat.positions.shape == (1, 9, 20, 2)
    with pytest.raises(
        InputError, match="another number of channels; expected 3 joints x 3 axes = 9 channels; got 8"
    ):
        from_channels(channels[:8], source_options(), MOUSE)
    with pytest.raises(InputError, match="does not say which joints"):
        from_channels(channels, source_options())


def movement_dataset(**changes: Any) -> Any:
    """A dataset as movement makes it: (time, space, keypoint, individual)."""
    xarray = pytest.importorskip("xarray")
    positions, confidence = numbers(6, 2, 3, 2), np.ones((6, 3, 2))
    confidence[2, 1, 0] = 0
    positions[4, :, 0, 1] = np.nan
    dims = ("time", "space", "keypoint", "individual")
    return xarray.Dataset(
        {"position": (dims, positions), "confidence": (("time", "keypoint", "individual"), confidence)},
        coords={"time": np.arange(6) / 25, "space": ["x", "y"], "keypoint": MOUSE, "individual": ["anna", "ben"]},
        attrs={"fps": 25.0, "time_unit": "seconds", "ds_type": "poses", "source_file": "/videos/mice.h5"}
        | changes,
    )


def test_a_dataset_of_movement() -> None:
    dataset = movement_dataset()
    (recording,) = read(dataset)
    assert (recording.name, recording.unit, recording.fps) == ("mice", "px", 25.0)
    assert recording.skeleton.joints == tuple(MOUSE)
    assert recording.positions.shape == (2, 6, 3, 2)
    assert np.argwhere(~recording.observed).tolist() == [[0, 2, 1], [1, 4, 0]]
    expected = dataset.position.sel(individual="ben", keypoint="right_ear").values
    np.testing.assert_allclose(recording.positions[1, :, 2], expected, rtol=1e-6)


def test_a_part_of_a_dataset_of_movement() -> None:
    """Dimensions in another order, one individual, the variable alone, older names, frames that were left out."""
    dataset = movement_dataset()
    alone = dataset.sel(individual="ben").transpose("keypoint", "time", "space")
    (recording,) = read(alone)
    np.testing.assert_array_equal(recording.positions[0], read(dataset)[0].positions[1])
    (of_variable,) = read(dataset["position"], fps=50)
    assert (of_variable.name, of_variable.fps) == ("dataset 0", 50)
    older = dataset.rename(keypoint="keypoints", individual="individuals")
    np.testing.assert_array_equal(read(older)[0].positions, read(dataset)[0].positions)
    (gap,) = read(dataset.isel(time=[0, 1, 4, 5]))
    assert gap.observed[0, :, 2].tolist() == [True, True, False, False, True, True]


def test_what_is_no_dataset_of_poses() -> None:
    dataset = movement_dataset()
    with pytest.raises(InputError, match=r"dataset 0 of xarray: not a dataset of poses; .*; got confidence"):
        read(dataset.drop_vars("position"))
    with pytest.raises(InputError, match=r"position has other dimensions.*got time, space"):
        read(dataset["position"].mean(["keypoint", "individual"]))
    with pytest.raises(InputError, match="the coordinate 'space' names other axes"):
        read(dataset.assign_coords(space=["u", "v"]))


class Labels:
    """The attributes of `sleap_io.Labels` that are used."""

    def __init__(self, arrays: dict[str, np.ndarray], tracks: list[str], lost: int = 0) -> None:
        self.skeletons = [SimpleNamespace(node_names=MOUSE, edge_inds=[(0, 1), (0, 2)], symmetry_inds=[(1, 2)])]
        self.videos = [SimpleNamespace(filename=name, fps=30.0) for name in arrays]
        self.arrays, self.tracks = list(arrays.values()), tracks
        instances = [SimpleNamespace(track=None)] * lost + [SimpleNamespace(track="mouse")]
        self.labeled_frames = [SimpleNamespace(video=self.videos[0], instances=instances)]
        self.asked: list[bool] = []

    def numpy(self, video: Any = None, untracked: bool = False) -> np.ndarray:
        self.asked.append(untracked)
        return self.arrays[self.videos.index(video)]


def test_labels_of_sleap() -> None:
    first, second = numbers(6, 2, 3, 2), numbers(4, 1, 3, 2)
    first[2, 1, 0] = np.nan
    labels = Labels({"/videos/a.mp4": first, "/videos/b.mp4": second}, ["one", "two"], lost=3)
    one, two = read(labels)
    assert (one.name, one.unit, one.fps, two.name) == ("a", "px", 30.0, "b")
    assert one.positions.shape == (2, 6, 3, 2)
    assert np.argwhere(~one.observed).tolist() == [[1, 2, 0]]
    np.testing.assert_allclose(two.positions[0], second[:, 0], rtol=1e-6)
    assert one.skeleton.parents == {"left_ear": "snout", "right_ear": "snout"}
    assert one.skeleton.mirror["left_ear"] == "right_ear"
    assert (one.notes, two.notes) == (("3 instances without a track are not used",), ())
    assert labels.asked == [False, False]
    untracked = Labels({"/videos/a.mp4": first}, [])
    read(untracked)
    assert untracked.asked == [True]
    labels.skeletons = []
    with pytest.raises(InputError, match="labels 0 of sleap-io"):
        read(labels)


def test_datasets_in_another_layout_and_unit() -> None:
    from skeletonmae.skeletons import Skeleton

    layout = Skeleton("ears", ("left_ear", "right_ear"), {"right_ear": "left_ear"})
    (recording,) = read(movement_dataset(), layout=layout, unit="unknown", fps=10)
    assert (recording.skeleton, recording.unit, recording.fps) == (layout, "unknown", 10)
    assert "snout" in recording.notes[0]
    (labels,) = read(Labels({"a.mp4": numbers(6, 1, 3, 2)}, ["one"]), unit="mm")
    assert labels.unit == "m"


def test_labels_and_tags_are_kept(make_recording: Any) -> None:
    tagged = replace(make_recording(0), label="bow", tags={"subject": "1"})
    (one,) = read(tagged)
    assert one is tagged
